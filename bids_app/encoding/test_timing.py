import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import gaussian_filter1d

from bids_app.encoding.timing import Lag, response_lag


def world(
    seed: int, shift: int, n_volumes: int = 300, n_targets: int = 500, n_driven: int = 15, snr: float = 1.0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Smooth noise; a few targets follow the regressor, `shift` volumes late."""
    rng = np.random.default_rng(seed)
    expected = gaussian_filter1d(rng.standard_normal(n_volumes + 40), 1.5)[20:-20]
    noise = gaussian_filter1d(rng.standard_normal((n_volumes, n_targets)), 1.0, axis=0)
    noise /= noise.std(axis=0)
    noise[:, :n_driven] += snr * np.roll(expected / expected.std(), shift)[:, None]
    return expected, noise


@pytest.mark.parametrize("shift", [0, 1, 4, -6])
def test_a_planted_shift_is_read(shift: int) -> None:
    lag = response_lag(*world(0, shift))
    assert abs(lag.volumes - shift) <= 1
    assert lag.is_expected is (abs(lag.volumes) <= 2)


def test_well_timed_runs_are_rarely_flagged_and_shifted_ones_are() -> None:
    """At most one in twenty well-timed runs; a shift by 6 s at 1.5 s per volume always."""
    assert sum(not response_lag(*world(seed, 0)).is_expected for seed in range(20)) <= 1
    assert all(not response_lag(*world(seed, 4)).is_expected for seed in range(20))


def test_the_choice_of_targets_makes_no_peak_of_its_own() -> None:
    """On noise the correlation read on other blocks is around 0, however the targets were chosen."""
    at_zero = [response_lag(*world(seed, 0, snr=0)).correlations[10] for seed in range(30)]
    assert abs(np.mean(at_zero)) < 3 * np.std(at_zero) / np.sqrt(30)


def test_responses_that_do_not_follow_the_words_have_no_clear_lag() -> None:
    """Significant at 0.01 in about one of a hundred."""
    clear = [response_lag(*world(seed, 0, snr=0)).is_clear for seed in range(60)]
    assert sum(clear) <= 4


def test_short_runs_are_refused() -> None:
    expected, Y = world(0, 0)
    with pytest.raises(ValueError, match="100 volumes are too few"):
        response_lag(expected[:100], Y[:100])


@pytest.mark.parametrize(
    ("volumes", "p", "expected"), [(2, 0.001, True), (-2, 0.001, True), (3, 0.001, False), (3, 0.01, True)]
)
def test_a_clear_lag_beyond_two_volumes_is_not_expected(volumes: int, p: float, expected: bool) -> None:
    assert Lag(volumes, 0.5, p, np.zeros(21, np.float32)).is_expected is expected


def test_the_correlation_at_the_lag_is_pearson_s() -> None:
    expected, _ = world(0, 0)
    Y = np.stack([np.roll(expected, 1)] * 3, axis=1)
    lag = response_lag(expected, 5 * Y + 2)
    assert lag.volumes == 1
    assert lag.correlations.shape == (21,)
    assert lag.r == pytest.approx(1, abs=1e-3)
