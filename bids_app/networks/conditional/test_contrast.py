"""Contrasts of a network with the rest: exact where a family moves all alike, large where a network is driven."""

import numpy as np
import pytest

from bids_app.networks.conditional import Design, consecutive_pieces, network_series
from bids_app.networks.conditional._contrast import contrast_p
from bids_app.networks.conditional.conftest import NAMES, World


@pytest.fixture(scope="module")
def small() -> World:
    return World(n=240, n_restarts=2)


def p_of(world: World, drive: dict[int, np.ndarray], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """p of larger and of smaller coefficients of the families of atoms 2 and 7, (2, 4) each."""
    design = Design.make(world.restarts, world.families, [world.confounds])
    series = network_series(world.responses(drive, seed), world.labels, consecutive_pieces(world.labels), 4)
    return contrast_p(design, series, np.array([world.family_of(atom)[0] for atom in (2, 7)]))


def test_what_moves_all_alike_is_larger_in_a_network_in_5_per_cent(small: World) -> None:
    everywhere = np.full(len(small.labels), 0.5)
    large, less = zip(*(p_of(small, {2: everywhere}, seed) for seed in range(40)), strict=True)
    for p in (np.array(large)[:, 0], np.array(less)[:, 0]):  # 160 each, those of one brain dependent
        assert 2 <= np.sum(p < 0.05) <= 17
        assert abs(p.mean() - 0.5) < 0.1


def test_a_driven_network_stands_out_on_the_side_of_its_sign(small: World) -> None:
    _, same = small.family_of(7)
    large, less = p_of(small, {2: np.full(len(small.labels), 0.5), 7: same * small.gains(3, 0.4)}, 0)
    assert large[1, 3] < 1e-6
    assert less[1, 3] > 0.99
    assert (less[1, :3] < 0.2).all()  # the rest of the cortex holds the driven network


def test_a_single_network_has_no_contrast(small: World) -> None:
    design = Design.make(small.restarts, small.families, [small.confounds])
    one = np.where(small.labels == 2, 2, 0)
    series = network_series(small.responses({}), one, consecutive_pieces(one), 4)
    assert (np.array(contrast_p(design, series, np.array([0, 1]))) == 1).all()


def test_a_link_of_regions_needs_the_contrast(small: World) -> None:
    Y = small.responses({2: np.full(len(small.labels), 0.5), 7: small.gains(3, 0.5)})
    table = small.links(Y).dropna(subset="p")
    design = Design.make(small.restarts, small.families, [small.confounds])
    series = network_series(Y, small.labels, consecutive_pieces(small.labels), 4)
    chosen = np.unique(table["atom"].to_numpy(dtype=np.int64))
    assert len(chosen) >= 2
    both = np.array(contrast_p(design, series, chosen))
    sides, networks = table["part"].map({"active": 0, "deactive": 1}), table["network"].map(NAMES.index)
    expected = both[sides, np.searchsorted(chosen, table["atom"]), networks]
    signs = table.groupby(["atom", "network"])["part"].transform("size")
    assert (table["p"] >= expected - 1e-12)[signs == 1].all()
    assert (expected[signs == 1] > 0.05).any()  # by permutations alone, some would be links of the whole cortex
