"""Links against planted ones: found with their sign, none in noise, none for what merely resembles the driver."""

from dataclasses import replace

import numpy as np
import pytest

from bids_app.encoding.dictionary import find_families
from bids_app.networks.conditional import conditional_links, expected_false_share
from bids_app.networks.conditional._design import Design
from bids_app.networks.conditional._links import _least_probability
from bids_app.networks.conditional._pieces import consecutive_pieces, network_series
from bids_app.networks.conditional._probabilities import link_probabilities
from bids_app.networks.conditional.conftest import NAMES, World, linked, smooth


def test_planted_links_are_found_and_no_others(world: World) -> None:
    drive = {0: world.gains(0, 0.4), 5: -world.gains(1, 0.4), 8: world.gains(2, 0.3)}
    table = world.links(world.responses(drive))
    assert linked(table) == {world.expected(0, 0, 1), world.expected(5, 1, -1), world.expected(8, 2, 1)}
    assert expected_false_share(table) < 0.1


@pytest.mark.parametrize(
    ("probabilities", "linked"),
    [
        ([0.95, 0.6, 0.95], 2),  # all three: 0.17 false
        ([0.99, 0.99, 0.6, 0.99, 0.99, 0.99], 6),  # 0.075
        ([0.9], 0),
        ([], 0),
        ([0.96, 0.96, 0.89, 0.89, 0.85], 4),  # 0.075 with four, 0.09 with all
    ],
)
def test_a_list_ends_where_too_many_would_be_false(probabilities: list[float], linked: int) -> None:
    probability = np.array(probabilities)
    kept = probability[probability >= _least_probability(probability)]
    assert len(kept) == linked
    assert not linked or np.mean(1 - kept) <= 0.08


def test_an_atom_that_resembles_the_driver_is_not_linked(world: World) -> None:
    """Atom 1 shares a part with atom 0, and correlates with the network that atom 0 drives."""
    Y = world.responses({0: world.gains(0, 0.5)})
    r = np.corrcoef(world.courses[:, 1], Y[:, world.labels == 1].mean(axis=1))[0, 1]
    assert abs(r) > 0.3
    table = world.links(Y)
    assert linked(table) == {world.expected(0, 0, 1)}


def test_responses_of_both_signs_do_not_cancel(world: World) -> None:
    Y = world.responses({3: world.gains(1, 0.4, both_signs=True)})
    mean = Y[:, world.labels == 2].mean(axis=1)
    family, _ = world.family_of(3)
    assert abs(np.corrcoef(world.courses[:, 3], mean)[0, 1]) < 0.25
    found = linked(world.links(Y))
    assert {(atom, network) for atom, network, _ in found} == {(family, NAMES[1])}
    assert {part for *_, part in found} == {"active", "deactive"}


def test_noise_has_no_links(world: World) -> None:
    found = [linked(world.links(world.responses({}, seed), n_permutations=99)) for seed in range(20)]
    assert sum(map(bool, found)) <= 1


def test_what_moves_the_whole_cortex_is_no_network_s(world: World) -> None:
    everywhere = np.sum([world.gains(network, 0.4, seed=1) for network in range(4)], axis=0)
    table = world.links(world.responses({2: everywhere, 7: world.gains(3, 0.4)}))
    family, _ = world.family_of(2)
    assert world.expected(7, 3, 1) in linked(table)
    assert not {link for link in linked(table) if link[0] == family}
    assert table.query("atom == @family")["probability"].max() > 0.9


def test_two_runs_with_confounds_of_their_own(world: World) -> None:
    Y = world.responses({4: world.gains(2, 0.4)})
    table = conditional_links(
        world.restarts,
        world.families,
        Y,
        world.labels,
        NAMES,
        confounds=[world.confounds[:180], world.confounds[180:]],
        run_lengths=(180, 220),
        device="cpu",
    )
    assert linked(table) == {world.expected(4, 2, 1)}


def test_targets_without_data_and_networks_without_targets_are_left_out(world: World) -> None:
    Y = world.responses({0: world.gains(0, 0.5)})
    Y[:, world.labels == 4] = np.nan
    Y[:, 0] = np.nan
    table = world.links(Y)
    assert linked(table) == {world.expected(0, 0, 1)}
    assert not table.loc[table["network"] == NAMES[3], "probability"].any()


def test_a_constant_network_is_left_out(world: World) -> None:
    Y = world.responses({0: world.gains(0, 0.5)})
    Y[:, world.labels == 4] = 0
    table = world.links(Y)
    assert linked(table) == {world.expected(0, 0, 1)}
    assert not table.loc[table["network"] == NAMES[3], "probability"].any()


@pytest.mark.parametrize("signs", [[1], [1, -1]])
def test_copies_of_a_piece_say_nothing_more(world: World, signs: list[int]) -> None:
    """Counted as responses of their own, fifteen copies made families of noise probable."""
    Y = world.responses({0: world.gains(0, 0.5)})
    inside = np.flatnonzero(world.labels == 1)
    Y[:, inside] = Y[:, inside[:1]] * np.resize(signs, len(inside))
    series = network_series(Y, world.labels, consecutive_pieces(world.labels), len(NAMES))
    alone = network_series(Y[:, inside[:1]], np.array([1]), np.array([0]), len(NAMES))
    design, noise = Design.make(world.restarts, world.families, [world.confounds]), np.zeros((len(NAMES), 2))
    copies, once = (link_probabilities(design, one, noise, device="cpu").of_link[:, 0] for one in (series, alone))
    np.testing.assert_allclose(copies, once, atol=1e-2)


def test_atoms_of_a_restart_may_be_constant_or_the_same() -> None:
    world = World()
    _, order = np.unique(np.abs(np.corrcoef(world.courses[:, 0], world.restarts[0].T)[0, 1:]), return_index=True)
    restart = world.restarts[0].copy()
    restart[:, order[0]] = 0
    restart[:, order[1]] = restart[:, order[2]]
    world.restarts = [restart, *world.restarts[1:]]
    world.families = find_families(world.restarts)
    assert linked(world.links(world.responses({0: world.gains(0, 0.5)}))) == {world.expected(0, 0, 1)}


def test_an_irreproducible_family_is_not_linked(world: World) -> None:
    family, _ = world.family_of(0)
    rho = world.families.reproducibility.copy()
    rho[family] = 0.7
    lucky = World()
    lucky.families = replace(world.families, reproducibility=rho)
    assert not linked(lucky.links(world.responses({0: world.gains(0, 0.5)})))


def test_a_restart_without_a_family_says_nothing_of_it() -> None:
    world = World()
    restart = world.restarts[0].copy()
    r = np.corrcoef(world.courses[:, 0], restart.T)[0, 1:]
    restart[:, np.abs(r).argmax()] = smooth(np.random.default_rng(7).standard_normal((world.n, 1)), 0.5)[:, 0]
    world.restarts = [restart, *world.restarts[1:]]
    world.families = find_families(world.restarts)
    expected = world.expected(0, 0, 1)
    assert not world.families.members[0, :, expected[0]].any()
    table = world.links(world.responses({0: world.gains(0, 0.5)}))
    assert table.set_index(["atom", "network", "part"]).loc[expected, "probability"] > 0.9


def test_too_few_volumes_give_no_links() -> None:
    short = World(n=35)
    table = short.links(short.responses({0: short.gains(0, 1.0)}))
    assert not table["linked"].any()
    assert (table["gate_p"] == 1).all()


@pytest.mark.parametrize("snr", [0.3, 0.6])
def test_precision_does_not_fall_with_the_signal(world: World, snr: float) -> None:
    drive = {atom: world.gains(network, snr) for atom, network in ((0, 0), (3, 1), (6, 2), (9, 3))}
    wanted = {world.expected(atom, network, 1) for atom, network in ((0, 0), (3, 1), (6, 2), (9, 3))}
    assert linked(world.links(world.responses(drive))) == wanted
