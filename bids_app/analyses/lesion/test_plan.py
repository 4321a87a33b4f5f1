import numpy as np
import pytest

from bids_app.analyses.lesion.plan import Neurons, plan_lesions
from bids_app.networks.lesion_sets import cells_of


@pytest.fixture
def neurons() -> Neurons:
    layer_of = np.repeat(np.arange(4), 100)
    return Neurons(layer_of, np.tile(np.arange(100), 4), np.random.default_rng(0).gamma(2.0, size=400))


def _strongest(seed: int, n: int = 60) -> np.ndarray:
    return np.random.default_rng(seed).permutation(400)[:n]


def test_doses_are_nested_and_the_strongest_come_first(neurons: Neurons) -> None:
    ordered = _strongest(1)
    plan = plan_lesions({"A": ordered}, neurons, (5, 1, 2), ("activity",), 3, 0)
    assert plan.doses == (1, 2, 5)
    assert plan.main_dose == 2
    sets = [plan.lesions[row].neurons for row in plan.subgroups]
    assert [len(each) for each in sets] == [4, 8, 20]
    for each, size in zip(sets, (4, 8, 20), strict=True):
        np.testing.assert_array_equal(each, np.sort(ordered[:size]))
    assert len(plan.lesions[0].neurons) == 0
    assert len(plan.lesions) == 1 + 3 * (1 + 3)


@pytest.mark.parametrize("control", ["activity", "layer", "random"])
def test_controls_match_what_they_say(neurons: Neurons, control: str) -> None:
    plan = plan_lesions({"A": _strongest(1), "B": _strongest(2)}, neurons, (2,), (control,), 10, 0)
    chosen = plan.lesions[plan.row_of("B", 2) or 0].neurons
    draws = [plan.lesions[row].neurons for row in plan.rows(control, "B", 2)]
    assert len(draws) == 10
    assert len({tuple(draw) for draw in draws}) == 10
    cells = {"activity": cells_of(neurons.activity, neurons.layer_of), "layer": neurons.layer_of}.get(control)
    for draw in draws:
        assert len(set(draw)) == len(chosen)
        if cells is not None:
            np.testing.assert_array_equal(np.bincount(cells[draw]), np.bincount(cells[chosen]))
    shared = plan.rows(control, "A", 2) == plan.rows(control, "B", 2)
    assert shared == (control == "random")  # of no network: all share them


def test_participants_with_the_same_group_share_its_draws(neurons: Neurons) -> None:
    first = plan_lesions({"A": _strongest(1), "B": _strongest(2)}, neurons, (2,), ("activity",), 4, 0)
    second = plan_lesions({"B": _strongest(2)}, neurons, (1, 2), ("activity",), 4, 0)
    other = plan_lesions({"B": _strongest(2)}, neurons, (2,), ("activity",), 4, 1)
    sets = [
        [plan.lesions[row].neurons.tolist() for row in plan.rows("activity", "B", 2)] for plan in (first, second, other)
    ]
    assert sets[0] == sets[1]
    assert sets[0] != sets[2]


def test_what_is_impossible_is_left_out_and_said(neurons: Neurons) -> None:
    whole_layer = np.arange(100)
    plan = plan_lesions({"A": whole_layer, "B": _strongest(2, 10)}, neurons, (0.1, 2, 25), ("activity",), 4, 0)
    assert plan.doses == (2, 25)
    assert "0.1 %: that is no neuron of 400" in plan.omitted
    assert "B at 25 %: its sub-group has 10 neurons, 100 are needed" in plan.omitted
    (impossible,) = (line for line in plan.omitted if "no matched control is possible" in line)
    assert impossible.startswith("A at 25 %, control activity")
    assert "would share 100 % of it" in impossible
    assert plan.row_of("A", 25) is not None
    assert plan.rows("activity", "A", 25) == []
    assert plan.row_of("B", 25) is None


def test_networks_of_one_family_share_what_is_read(neurons: Neurons) -> None:
    plan = plan_lesions({"A": _strongest(1), "B": _strongest(2), "C": _strongest(1)}, neurons, (2,), ("layer",), 4, 0)
    assert len(plan.lesions) == 1 + 3 * 5
    assert len(plan.different) == 1 + 2 * 5
    for row, lesion in enumerate(plan.lesions):
        first = plan.lesions[plan.different[plan.reading_of[row]]]
        np.testing.assert_array_equal(first.neurons, lesion.neurons)


def test_without_links_there_is_nothing_to_read(neurons: Neurons) -> None:
    assert len(plan_lesions({}, neurons, (2,), ("activity", "random"), 4, 0).lesions) == 1


def test_a_random_group_is_one_of_its_draws(neurons: Neurons) -> None:
    """Of any statistic of sets, the rank of a random set among its draws is uniform."""
    random = np.random.default_rng(5)
    weight = random.standard_normal(400)
    ranks = []
    for seed in range(300):
        plan = plan_lesions({"A": random.permutation(400)[:20]}, neurons, (5,), ("activity",), 9, seed)
        own = weight[plan.lesions[plan.row_of("A", 5) or 0].neurons].sum()
        ranks.append(sum(weight[plan.lesions[row].neurons].sum() >= own for row in plan.rows("activity", "A", 5)))
    counts = np.bincount(ranks, minlength=10)
    assert ((counts - 30) ** 2 / 30).sum() < 27.9  # chi², 9 degrees of freedom, p = 0.001
