"""The gate: its error rate, what passes it, and that repeats move together."""

from dataclasses import replace

import numpy as np

from bids_app.encoding.autoregression import whiten
from bids_app.networks.conditional import (
    Design,
    consecutive_pieces,
    link_table,
    network_series,
    open_gate,
    shifted_rows,
    temporal_evidence,
)
from bids_app.networks.conditional._gate import Gate, _mean_z_squared, _shifted_r2, _step_down
from bids_app.networks.conditional.conftest import NAMES, World, smooth
from bids_app.stats.projection import orthonormal_basis


def gate_of(world: World, Y: np.ndarray) -> np.ndarray:
    series = network_series(Y, world.labels, consecutive_pieces(world.labels), 4)
    design = Design.make(world.restarts, world.families, [world.confounds])
    noise = np.array([design.noise_of(series.series[:, series.of(network)]) for network in range(4)])
    return open_gate(design, series, np.zeros((design.n_volumes, 4)), noise).p


def test_the_family_wise_error_is_5_per_cent() -> None:
    world = World(n=240, n_restarts=2)
    smallest = [gate_of(world, world.responses({}, seed)).min() for seed in range(150)]
    assert 1 <= np.sum(np.array(smallest) < 0.05) <= 15  # 7.5 expected; outside with a probability of 1 %
    assert abs(np.mean(smallest) - 0.5) < 0.1


def test_p_of_short_null_brains_is_uniform() -> None:
    """Whitened of the noise that is left beside the families, these have a mean p of 0.42."""
    world = World(n=80, n_restarts=2)
    first = np.unique(world.labels, return_index=True)[1]  # one region for each network: little to estimate noise from
    world.labels = world.labels[first]
    smallest = [gate_of(world, world.responses({}, seed)).min() for seed in range(150)]
    assert abs(np.mean(smallest) - 0.5) < 0.06


def test_a_driven_network_passes_and_the_others_do_not(world: World) -> None:
    p = gate_of(world, world.responses({0: world.gains(1, 0.3)}))
    assert p[1] < 0.05
    assert p[[0, 2, 3]].min() > 0.05


def two_runs() -> Design:
    """Two runs, with confounds as slow as the families."""
    world = World(n=300, n_restarts=2)
    confounds = smooth(np.random.default_rng(3).standard_normal((300, 20)), 0.9)
    return Design.make(world.restarts, world.families, [confounds[:160], confounds[160:]], (160, 140))


def test_shifted_r2_against_the_definition() -> None:
    design, rng = two_runs(), np.random.default_rng(0)
    noise = np.array([[0.4, -0.1], [0.1, 0.2]])
    bases = [
        np.linalg.qr(design.white([rng.standard_normal((300, n))], partial)[0])[0]
        for n, partial in zip((3, 1), noise, strict=True)
    ]
    r2 = _shifted_r2(design, bases, noise)
    assert r2.shape == (2, 1 + len(design.shifts), design.n_families)
    for basis, partial, found in zip(bases, noise, r2, strict=True):
        for draw, rows in enumerate([np.arange(300), *design.shifts[:5]]):
            moved = whiten(design.uncleaned[rows], partial, design.run_lengths)
            regressors = whiten(design.confounds, partial, design.run_lengths)
            rest = moved - regressors @ np.linalg.lstsq(regressors, moved, rcond=None)[0]
            explained = np.square(basis.T @ rest).sum(axis=0) / np.square(rest).sum(axis=0)
            np.testing.assert_allclose(found[draw], explained, rtol=1e-4, atol=1e-7)


def test_white_noise_correlates_as_well_unshifted_as_shifted() -> None:
    design, rng = two_runs(), np.random.default_rng(1)
    none = np.zeros((40, 2))
    bases = [np.linalg.qr(white)[0] for white in design.white(list(rng.standard_normal((40, 300, 20))), none[0])]
    r2 = _shifted_r2(design, bases, none).mean(axis=0)
    degrees = 300 - design.confounds.shape[1]
    assert abs(r2[0].mean() * degrees / 20 - 1) < 0.04
    assert abs(r2[1:].mean() * degrees / 20 - 1) < 0.01


def test_step_down_p_against_the_definition() -> None:
    rng = np.random.default_rng(0)
    null, observed = rng.standard_normal((500, 4)), np.array([1.0, 3.0, 2.0, 0.5])
    order = [1, 2, 0, 3]
    expected, largest = {}, 0.0
    for position, column in enumerate(order):
        reached = (null[:, order[position:]].max(axis=1) >= observed[column]).sum()
        largest = max(largest, (reached + 1) / 501)
        expected[column] = largest
    np.testing.assert_allclose(_step_down(observed, null), [expected[column] for column in range(4)])


def test_shifts_stay_within_runs_and_away_from_the_right_time() -> None:
    rows = shifted_rows((100, 80))
    assert (np.sort(rows[:, :100], axis=1) == np.arange(100)).all()
    assert (np.sort(rows[:, 100:], axis=1) == np.arange(100, 180)).all()
    distance = (rows - np.arange(180)) % np.repeat([100, 80], [100, 80])
    assert distance[:, 100:].min() == 20  # a quarter of the short run
    assert distance[:, :100].min() == 25
    assert len(np.unique(distance[:, 0] - distance[:, 150])) > 50  # each run by an amount of its own


def test_of_short_runs_each_combination_is_made_once() -> None:
    """A thousand draws of 21 × 23 combinations would give a p of 0.001 where 1 / 484 is the smallest."""
    rows = shifted_rows((40, 44))
    assert len(rows) == 21 * 23
    assert len(np.unique(rows, axis=0)) == 21 * 23


def test_what_was_heard_twice_moves_together() -> None:
    content = np.tile(np.arange(90), 2)
    rows = shifted_rows((90, 90), content)
    assert (content[rows[:, :90]] == content[rows[:, 90:]]).all()
    assert len(rows) == 90 - 2 * 22 + 1


def test_white_residuals_have_no_inflation() -> None:
    world = World(n=300)
    design = Design.make(world.restarts, world.families, [world.confounds])
    rng = np.random.default_rng(1)
    white, smoother = rng.standard_normal((300, 20)), smooth(rng.standard_normal((300, 20)), 0.6)

    def inflation(residuals: np.ndarray, noise: float) -> float:
        """Mean over the columns of the residuals."""
        partial = np.array([noise, 0])
        bases = [orthonormal_basis(one[:, None]) for one in design.white([residuals], partial)[0].T]
        r2 = _shifted_r2(design, bases, np.tile(partial, (len(bases), 1)))
        return float(np.mean([_mean_z_squared(design, one) for one in r2]))

    assert 0.9 < inflation(white, 0) < 1.1
    assert 0.9 < inflation(smoother, 0.6) < 1.1
    assert inflation(smoother, 0) > 1.3


def test_links_need_more_than_an_open_gate() -> None:
    p = np.array([0.001, 0.02, 0.021, 0.04, 0.2])
    assert Gate(p, p, 999).allows_links.tolist() == [True, True, False, False, False]
    few = np.array([1 / 41, 2 / 41, 1.0])  # with few shifts, what none of them reaches is as clear as it can be
    assert Gate(few, few, 40).allows_links.tolist() == [True, False, False]
    fewest = np.array([1 / 11])
    assert not Gate(fewest, fewest, 10).allows_links.any()


def test_links_behind_a_gate_that_is_hardly_open_are_not_made(world: World) -> None:
    """Evidence as strong as that of a driven network, with another p of the gate."""
    design = Design.make(world.restarts, world.families, [world.confounds])
    series = network_series(
        world.responses({0: world.gains(0, 0.5)}), world.labels, consecutive_pieces(world.labels), 4
    )
    found = temporal_evidence(design, series, device="cpu")
    q = np.full(found.probability.shape, 0.001)
    for p, is_linked in ((0.02, True), (0.03, False)):
        gate = replace(found.gate, p=np.array([p, 1, 1, 1]))
        table = link_table(replace(found, gate=gate), q, q, NAMES, world.families.reproducibility)
        assert table["linked"].any() == is_linked
        assert (table["probability"] > 0.9).any()
