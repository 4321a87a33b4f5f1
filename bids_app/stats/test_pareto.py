from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from scipy.signal import lfilter

from bids_app.stats import pareto
from bids_app.stats.pareto import REACH, fit_tail, tail_p

N = 4000
FLOOR = 1 / (N + 1)


class Distribution(Protocol):
    """A frozen distribution of scipy, as far as it is used here."""

    def rvs(self, *arguments: Any, **options: Any) -> Any: ...

    def isf(self, q: Any) -> Any: ...

    def sf(self, x: Any) -> Any: ...


def rates(distribution: Distribution, levels: npt.NDArray[np.float64], n_nulls: int = 100) -> npt.NDArray[np.float64]:
    """How often p reaches each level under the null, over that level, from nulls of N values."""
    rng, grid = np.random.default_rng(0), distribution.isf(np.logspace(-1, -8, 800))
    chances = []
    for _ in range(n_nulls):
        p = tail_p(grid, distribution.rvs(N, random_state=rng))
        reached = [grid[p <= level * 1.0001] for level in levels]
        chances.append([distribution.sf(one[0]) if len(one) else 0.0 for one in reached])
    return np.asarray(np.mean(chances, axis=0) / levels)


def empirical(observed: npt.NDArray[np.float64], null: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray((1 + (null[:, None] >= observed).sum(axis=0)) / (len(null) + 1))


@pytest.mark.parametrize(
    "distribution",
    [stats.norm(), stats.t(20), stats.beta(19, 19, loc=-1, scale=2), stats.expon()],
    ids=["normal", "t", "correlation of 40", "exponential"],
)
def test_p_is_not_too_small_in_the_tail(distribution: Distribution) -> None:
    found = rates(distribution, np.array([0.01, 1e-3, FLOOR, FLOOR / 3, FLOOR / REACH]))
    assert (abs(found[:3] - 1) < 0.15).all()
    assert (found[3:] < 1).all()


def test_a_heavy_tail_costs_less_than_a_factor_of_two_and_a_half() -> None:
    assert (rates(stats.t(8), np.array([1e-3, FLOOR / REACH])) < 2.5).all()


def test_correlations_of_autocorrelated_series_are_uniform() -> None:
    rng = np.random.default_rng(0)

    def correlations(n: int) -> npt.NDArray[np.float64]:
        series = lfilter([1], [1, -0.7], rng.standard_normal((2, 300, n)), axis=1)[:, 100:]
        series -= series.mean(axis=1, keepdims=True)
        return np.asarray((series[0] * series[1]).sum(axis=0) / np.sqrt((series**2).sum(axis=1).prod(axis=0)))

    null, observed = correlations(N), correlations(60_000)
    p = tail_p(observed, null)
    for level, tolerance in ((0.05, 0.15), (0.01, 0.3), (0.001, 0.8)):
        assert abs((p < level).mean() / level - 1) < tolerance
    assert (p <= 1e-4).sum() <= 12  # 6 are expected


def test_what_null_values_reach_keeps_its_empirical_p() -> None:
    rng = np.random.default_rng(0)
    null, observed = rng.standard_normal(1000), rng.standard_normal((20, 30))
    p, reached = tail_p(observed, null), observed <= null.max()
    np.testing.assert_allclose(p[reached], empirical(observed[reached], null))
    assert p.shape == observed.shape


def test_p_falls_and_stays_within_its_bounds() -> None:
    null = np.random.default_rng(0).standard_normal(N)
    p = tail_p(np.linspace(-5, 40, 2000), null)
    assert (np.diff(p) <= 0).all()
    assert p[-1] == pytest.approx(FLOOR / REACH)
    just_beyond, farther = tail_p([null.max() + 1e-9, null.max() + 0.8], null)
    assert FLOOR / REACH < farther < just_beyond <= FLOOR


def test_a_null_that_is_small_or_no_pareto_tail_keeps_the_empirical_p() -> None:
    rng = np.random.default_rng(0)
    assert tail_p(50.0, rng.standard_normal(900)) == pytest.approx(1 / 901)
    clumps = np.concatenate([rng.standard_normal(N - 80), 20 + 0.01 * rng.standard_normal(80)])
    assert tail_p(50.0, clumps) == pytest.approx(FLOOR)
    assert tail_p(5.0, np.ones(N)) == pytest.approx(FLOOR)


def test_a_pareto_tail_passes_the_test_of_fit_in_19_of_20_nulls() -> None:
    rng = np.random.default_rng(0)
    nulls = stats.genpareto(0.1).rvs((200, 2000), random_state=rng)
    passed = np.mean([fit_tail(np.sort(null)) is not None for null in nulls])
    assert 0.9 <= passed <= 0.99


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.3])
def test_against_scipy(shape: float) -> None:
    y = np.linspace(0, 8, 50)
    np.testing.assert_allclose(pareto._survival(y, shape), stats.genpareto(shape).sf(y), atol=1e-12)
    values = np.sort(stats.genpareto(shape, scale=3).rvs(50_000, random_state=0))
    assert pareto._shape(values) == pytest.approx(shape, abs=0.02)


def test_the_statistic_of_anderson_and_darling_against_scipy() -> None:
    values = np.sort(stats.expon().rvs(80, random_state=0))
    found = pareto._anderson_darling(values, np.array(0.0))
    reference = stats.goodness_of_fit(
        stats.expon, values, statistic="ad", known_params={"loc": 0, "scale": values.mean()}, n_mc_samples=1
    )
    assert found == pytest.approx(reference.statistic)
