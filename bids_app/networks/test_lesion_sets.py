import numpy as np
import pandas as pd
import pytest

from bids_app.networks.lesion_sets import (
    cells_of,
    expected_share,
    matched_draw,
    outliers,
    size_of,
    strongest_neurons,
)

LAYER_OF = np.repeat(np.arange(3), 40)


@pytest.fixture
def activity() -> np.ndarray:
    return np.random.default_rng(0).gamma(2.0, size=120)


def test_the_strongest_loading_of_linked_atoms_orders_the_neurons() -> None:
    members = pd.DataFrame({"atom": [0, 0, 1, 1, 2], "neuron": [7, 3, 3, 9, 5], "loading": [0.2, -0.5, 0.1, 0.5, 0.9]})
    links = pd.DataFrame({"network": ["B", "B", "A", "C"], "atom": [0, 1, 2, 2], "linked": [True, True, False, True]})
    found = strongest_neurons(links, members)
    assert {name: neurons.tolist() for name, neurons in found.items()} == {"B": [3, 9, 7], "C": [5]}
    assert list(strongest_neurons(links, members, [5, 3])) == ["B"]
    assert strongest_neurons(links, members, [5, 3])["B"].tolist() == [9, 7]


def test_sizes_are_rounded() -> None:
    assert [size_of(dose, 2304) for dose in (0.01, 0.1, 5)] == [0, 2, 115]


def test_cells_are_deciles_within_layers(activity: np.ndarray) -> None:
    cells = cells_of(activity, LAYER_OF)
    assert (np.bincount(cells) == 4).all()
    assert (cells // 10 == LAYER_OF).all()
    for layer in range(3):
        inside = layer == LAYER_OF
        expected = pd.qcut(activity[inside], 10, labels=False)
        np.testing.assert_array_equal(cells[inside] % 10, expected)


def test_a_draw_matches_each_cell_and_covers_all_of_it(activity: np.ndarray) -> None:
    cells = cells_of(activity, LAYER_OF)
    chosen = np.array([0, 1, 2, 50, 51, 90])
    random = np.random.default_rng(1)
    draws = [matched_draw(chosen, cells, random) for _ in range(400)]
    wanted = np.bincount(cells[chosen], minlength=30)
    for draw in draws:
        np.testing.assert_array_equal(np.bincount(cells[draw], minlength=30), wanted)
        assert len(set(draw)) == len(chosen)
    counts = np.bincount(np.concatenate(draws), minlength=120) / 400
    expected = wanted[cells] / 4  # each neuron of a cell as often
    assert np.abs(counts - expected).max() < 0.1
    shared = np.mean([np.isin(draw, chosen).mean() for draw in draws])
    assert expected_share(chosen, cells) == pytest.approx(shared, abs=0.03)


def test_a_set_that_fills_its_layer_shares_all_with_its_draws() -> None:
    assert expected_share(np.arange(40), LAYER_OF) == 1
    assert expected_share(np.arange(4), LAYER_OF) == pytest.approx(0.1)


def test_outliers_are_told_from_their_own_layer() -> None:
    activity = np.ones(120)
    activity[5] = 100.5
    activity[45] = 99.5
    activity[80:] = 1000
    found, ratio = outliers(activity, LAYER_OF)
    assert found.tolist() == [5]
    assert ratio[[5, 45, 90]] == pytest.approx([100.5, 99.5, 1])
    silent = np.zeros(120)
    silent[1] = 1
    assert outliers(silent, LAYER_OF)[0].tolist() == [1]
