import numpy as np
import pytest

from bids_app.networks.correspondence import correspond, link
from bids_app.networks.spins import Spins
from bids_app.networks.test_spins import sectors, smooth_noise


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    order = np.argsort(p, kind="stable")
    scaled = p[order] * p.size / np.arange(1, p.size + 1)
    q = np.empty(p.size)
    q[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return np.minimum(q, 1)


def test_q_is_corrected_over_atoms_and_networks_within_each_part() -> None:
    rng = np.random.default_rng(0)
    p = {"active": rng.random((5, 3)) ** 4, "deactive": rng.random((5, 3))}
    overlap = {"active": rng.random((5, 3)), "deactive": rng.random((5, 3))}
    table = link(p, overlap, ["A", "B", "C"])
    assert list(table) == ["atom", "network", "part", "dice", "p", "q", "linked"]
    assert len(table) == 30
    for part, values in p.items():
        some = table[table["part"] == part]
        np.testing.assert_allclose(some["q"], benjamini_hochberg(values.ravel()))
        row = some[(some["atom"] == 4) & (some["network"] == "B")].iloc[0]
        assert (row["p"], row["dice"]) == (values[4, 1], overlap[part][4, 1])
    assert (table["linked"] == (table["q"] < 0.05)).all()
    assert table["linked"].any()
    assert not table["linked"].all()


def test_planted_maps_are_linked_to_their_networks_only(spins: Spins) -> None:
    labels = sectors()
    names = [f"N{number}" for number in range(1, 8)]
    noise = smooth_noise(8, 0.2, seed=4)
    noise /= noise.std(axis=1, keepdims=True)
    planted = {0: ("N2", 1), 1: ("N5", -1), 2: ("N7", 1), 3: ("N2", -1), 4: ("N4", 1), 5: ("N6", -1)}
    for atom, (network, sign) in planted.items():
        noise[atom] += sign * 4 * (labels == names.index(network) + 1)
    noise[:, labels == 0] = np.nan
    table = correspond(noise, labels, names, spins=spins, threshold=1.2)
    found = {(row.atom, row.network, row.part) for row in table[table["linked"]].itertuples()}
    assert found == {(atom, network, "active" if sign > 0 else "deactive") for atom, (network, sign) in planted.items()}


def test_regions_are_linked_by_relabelling() -> None:
    labels = np.repeat([1, 2, 3], 12)
    maps = np.random.default_rng(0).standard_normal((2, 36))
    maps[0, :12] += 6
    table = correspond(maps, labels, ["A", "B", "C"], spins=None, top_percent=30, n_permutations=500)
    assert [(row.atom, row.network, row.part) for row in table[table["linked"]].itertuples()] == [(0, "A", "active")]


def test_atoms_without_parts_are_kept_in_the_table() -> None:
    table = correspond(np.zeros((2, 6)), np.array([1, 1, 2, 2, 0, 0]), ["A", "B"], spins=None, n_permutations=9)
    assert len(table) == 8
    assert table[["dice", "p", "q"]].drop_duplicates().to_numpy() == pytest.approx(np.array([[0, 1, 1]]))
