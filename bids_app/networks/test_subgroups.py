import numpy as np
import pandas as pd
import pytest

from bids_app.networks.subgroups import layer_histogram, members, of_networks, summary

LAYER, UNIT = np.repeat(np.arange(4), 25), np.tile(np.arange(25), 4)


def test_members_are_the_strongest_and_never_zero() -> None:
    rng = np.random.default_rng(0)
    loadings = rng.standard_normal((3, 100)).astype(np.float32)
    loadings[2] = 0
    loadings[2, [7, 60]] = 0.1, -0.4  # only two, although the top five per cent would be five
    table = members(loadings, LAYER, UNIT)
    assert list(table) == ["atom", "neuron", "layer", "unit", "loading"]
    for atom in (0, 1):
        expected = sorted(np.argsort(-np.abs(loadings[atom]))[:5])
        assert table.loc[table["atom"] == atom, "neuron"].tolist() == expected
    last = table[table["atom"] == 2]
    assert last[["layer", "unit"]].to_numpy().tolist() == [[0, 7], [2, 10]]
    np.testing.assert_allclose(last["loading"], [0.1, -0.4], rtol=1e-6)


def test_no_loading_at_all_gives_an_empty_table() -> None:
    assert members(np.zeros((2, 100)), LAYER, UNIT).empty


@pytest.mark.parametrize("percent", [0, 101])
def test_top_percent_out_of_range(percent: int) -> None:
    with pytest.raises(ValueError, match="top_percent"):
        members(np.ones((1, 100)), LAYER, UNIT, percent)


def test_layers_and_units_must_fit_the_loadings() -> None:
    with pytest.raises(ValueError, match="for 99 neurons"):
        members(np.ones((1, 99)), LAYER, UNIT)


@pytest.fixture
def groups() -> pd.DataFrame:
    """Atoms 0 and 2 are linked to B, atom 0 with both parts; atom 1 to A; C has none."""
    table = pd.DataFrame(
        {"atom": [0, 0, 1, 2, 2], "neuron": [3, 30, 30, 30, 99], "loading": [0.5, 0.2, -0.3, -0.6, 0.1]}
    )
    table["layer"], table["unit"] = LAYER[table["neuron"]], UNIT[table["neuron"]]
    links = pd.DataFrame(
        [
            (0, "B", "active"),
            (0, "A", "active"),
            (0, "C", "active"),
            (1, "A", "active"),
            (2, "B", "active"),
            (0, "B", "deactive"),
        ],
        columns=["atom", "network", "part"],
    )
    links["linked"] = [True, False, False, True, True, True]
    return of_networks(links, table)


def test_network_is_the_union_of_its_atoms(groups: pd.DataFrame) -> None:
    rows = groups[["network", "neuron", "atoms"]].to_numpy().tolist()
    assert rows == [["B", 3, 1], ["B", 30, 2], ["B", 99, 1], ["A", 30, 1]]
    np.testing.assert_allclose(groups["loading"], [0.5, -0.2, 0.1, -0.3])


def test_histogram_and_summary(groups: pd.DataFrame) -> None:
    histogram = layer_histogram(groups, "network", ["A", "B", "C"], 4)
    assert histogram.tolist() == [[0, 1, 0, 0], [1, 1, 0, 1], [0, 0, 0, 0]]
    table = summary(groups, "network", ["A", "B", "C"], 4).set_index(["network", "layer"])
    assert table["neurons"].to_numpy().reshape(3, 4).tolist() == histogram.tolist()
    assert table.loc[("B", 1), "mean_loading"] == pytest.approx(-0.2)
    assert table.loc[("B", 1), "mean_absolute_loading"] == pytest.approx(0.2)
    assert table.loc[("B", 3), "share"] == pytest.approx(1 / 3)
    assert table.loc["C"]["size"].tolist() == [0] * 4
    assert table.loc["C"]["mean_loading"].isna().all()


def test_histogram_of_atoms() -> None:
    loadings = np.zeros((2, 100))
    loadings[1, 80:] = 1
    assert layer_histogram(members(loadings, LAYER, UNIT, 20), "atom", [0, 1], 4).tolist() == [[0] * 4, [0, 0, 0, 20]]
