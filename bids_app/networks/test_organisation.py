import numpy as np
import pandas as pd
import pytest
from scipy.stats import entropy

from bids_app.networks.organisation import (
    atom_diversity,
    compactness,
    consistency,
    gini,
    involvement,
    involvement_entropy,
    layer_concentration,
    link_table,
)


def links_of(linked: dict[tuple[int, str, str], float], n_atoms: int, networks: str = "ABC") -> pd.DataFrame:
    rows = [(part, atom, name) for part in ("active", "deactive") for atom in range(n_atoms) for name in networks]
    table = pd.DataFrame(rows, columns=["part", "atom", "network"])
    keys = list(zip(table["atom"], table["network"], table["part"], strict=True))
    return table.assign(dice=[linked.get(key, 0.3) for key in keys], linked=[key in linked for key in keys])


LINKS = links_of(
    {(0, "B", "active"): 0.4, (0, "B", "deactive"): 0.2, (2, "B", "active"): 0.6, (1, "A", "deactive"): 0.5}, 4
)


def test_involvement_counts_atoms_by_part() -> None:
    table = involvement(LINKS)
    assert table.to_numpy().tolist() == [["A", 0, 1], ["B", 2, 1], ["C", 0, 0]]
    assert list(table) == ["network", "active", "deactive"]


def test_involvement_entropy_is_that_of_scipy() -> None:
    counts = np.array([1, 3, 0, 4])
    assert involvement_entropy(counts) == pytest.approx(entropy(counts, base=2))
    assert involvement_entropy(np.array([5, 0])) == 0
    assert np.isnan(involvement_entropy(np.zeros(3)))


def test_atom_diversity_is_one_minus_the_mean_correlation() -> None:
    atoms = np.random.default_rng(0).standard_normal((40, 5))
    pairs = np.abs(np.corrcoef(atoms.T))[np.triu_indices(5, 1)]
    assert atom_diversity(atoms) == pytest.approx(1 - pairs.mean())
    assert np.isnan(atom_diversity(atoms[:, :1]))


def test_consistency_is_the_mean_correlation_and_p_finds_what_is_planted() -> None:
    rng = np.random.default_rng(1)
    atoms = rng.standard_normal((100, 20))
    atoms[:, [0, 3, 6]] += 2 * rng.standard_normal((100, 1))
    linked = {(0, "A", "active"): 1.0, (3, "A", "active"): 1.0, (3, "A", "deactive"): 1.0, (6, "A", "active"): 1.0}
    linked |= {(1, "B", "active"): 1.0, (2, "B", "active"): 1.0, (4, "C", "active"): 1.0}
    table = consistency(atoms, links_of(linked, 20), n_draws=2000).set_index("network")
    r = np.abs(np.corrcoef(atoms.T))
    assert table["atoms"].tolist() == [3, 2, 1]
    assert table.loc["A", "consistency"] == pytest.approx((r[0, 3] + r[0, 6] + r[3, 6]) / 3)
    assert table.loc["B", "consistency"] == pytest.approx(r[1, 2])
    assert table["p"]["A"] < 0.01
    # pairs: the null is known exactly
    pairs = r[np.triu_indices(20, 1)]
    assert table.loc["B", "p"] == pytest.approx((pairs >= r[1, 2] - 1e-12).mean(), abs=0.03)
    assert table.loc["B", "null_mean"] == pytest.approx(pairs.mean(), abs=0.01)
    assert table.loc["C", ["consistency", "p"]].isna().all()


def test_all_atoms_linked_is_what_chance_gives() -> None:
    atoms = np.random.default_rng(2).standard_normal((30, 3))
    table = consistency(atoms, links_of({(atom, "A", "active"): 1.0 for atom in range(3)}, 3), n_draws=50)
    assert table.loc[0, "p"] == 1


def test_gini_is_the_mean_difference_over_twice_the_mean() -> None:
    values = np.random.default_rng(3).random(30)
    assert gini(values) == pytest.approx(np.abs(values[:, None] - values).mean() / (2 * values.mean()))
    assert gini(np.array([0, 0, 1, 1])) == 0.5
    assert np.isnan(gini(np.zeros(3)))


def test_link_table_weighs_links_by_dice() -> None:
    table = link_table(LINKS)
    assert table.shape == (4, 3)
    assert table.loc[0, "B"] == pytest.approx(0.6)
    assert table.loc[1, "A"] == 0.5
    assert table.to_numpy().sum() == pytest.approx(1.7)
    assert compactness(LINKS) == pytest.approx(gini(np.array([0.6, 0.6, 0.5] + [0] * 9)))


def test_layer_concentration() -> None:
    result = layer_concentration(np.array([[5, 5, 5, 5], [0, 7, 0, 0], [3, 1, 0, 0], [0, 0, 0, 0]]))
    np.testing.assert_allclose(result, [0, 1, 1 - entropy([3, 1]) / np.log(4), np.nan], atol=1e-12)
    assert np.isnan(layer_concentration(np.array([[3]]))[0])
