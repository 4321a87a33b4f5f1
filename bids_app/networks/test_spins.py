from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from bids_app.networks.overlap import dice, parts, spatial_z
from bids_app.networks.sphere import unit_sphere
from bids_app.networks.spins import Spins, random_rotations, relabelling_test, spin_test

N = 10_242


def smooth_noise(n_maps: int, scale: float, seed: int) -> np.ndarray:
    """Random fields on both spheres that look alike in every direction (random Fourier features): (n_maps, 20484)."""
    rng = np.random.default_rng(seed)
    sides = []
    for _ in range(2):
        waves = rng.standard_normal((3, 600)) / scale
        features = np.cos(unit_sphere() @ waves + rng.uniform(0, 2 * np.pi, 600))
        sides.append(rng.standard_normal((n_maps, 600)) @ features.T)
    return np.concatenate(sides, axis=1)


def sectors(n_networks: int = 7) -> np.ndarray:
    """Seven networks of unequal size, each on both hemispheres, and a medial wall of about a tenth: labels (20484,)."""
    rng = np.random.default_rng(5)
    centres = rng.standard_normal((4 * n_networks, 3))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    mirror = np.array([-1, 1, 1])
    labels = np.concatenate([cKDTree(centres * side).query(unit_sphere())[1] % n_networks + 1 for side in (mirror, 1)])
    x = np.concatenate([unit_sphere()[:, 0], -unit_sphere()[:, 0]])
    labels[x > 0.8] = 0
    return labels


def test_rotations_are_rotations_and_uniform() -> None:
    rotations = random_rotations(4000, seed=0)
    np.testing.assert_allclose(
        rotations @ rotations.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (4000, 3, 3)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(rotations), 1)
    # uniform on SO(3): every entry has mean 0 and variance 1/3, and the trace has mean 0 and variance 1
    np.testing.assert_allclose(rotations.mean(axis=0), 0, atol=0.04)
    np.testing.assert_allclose((rotations**2).mean(axis=0), 1 / 3, atol=0.03)
    trace = np.trace(rotations, axis1=1, axis2=2)
    assert abs(trace.mean()) < 0.06
    assert abs(trace.var() - 1) < 0.08
    np.testing.assert_array_equal(random_rotations(7, seed=0), rotations[:7])


def test_sources_are_nearest_vertices_and_hemispheres_mirror_each_other(spins: Spins) -> None:
    sphere, tree = unit_sphere(), cKDTree(unit_sphere())
    mirror = np.array([-1.0, 1.0, 1.0])
    for rotation, left, right in list(zip(random_rotations(399, 3), spins.left, spins.right, strict=True))[:4]:
        assert (tree.query(sphere @ rotation.T)[1] == left).mean() > 0.999
        mirrored = ((sphere * mirror) @ rotation.T) * mirror  # reflect, rotate as the left, reflect back
        assert (tree.query(mirrored)[1] == right).mean() > 0.999


def test_stored_spins_come_back(tmp_path: Path, spins: Spins) -> None:
    spins.save(tmp_path / "spins.npy")
    assert [path.name for path in tmp_path.iterdir()] == ["spins.npy"]
    again = Spins.load(tmp_path / "spins.npy")
    np.testing.assert_array_equal(again.left, spins.left)
    np.testing.assert_array_equal(again.right, spins.right)
    np.save(tmp_path / "other.npy", np.zeros((2, 3, 7), dtype=np.int16))
    with pytest.raises(ValueError, match="rotations of fsaverage5"):
        Spins.load(tmp_path / "other.npy")


def test_cached_spins_are_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spins: Spins) -> None:
    first = Spins.cached(3, 3, tmp_path / "cache")
    np.testing.assert_array_equal(first.right, spins.right[:3])
    (stored,) = (tmp_path / "cache").glob("*.npy")
    with monkeypatch.context() as patched:
        patched.setattr("bids_app.networks.spins._draw", None)
        np.testing.assert_array_equal(Spins.cached(3, 3, tmp_path / "cache").left, first.left)
    whole = stored.read_bytes()
    for damaged in (whole[:-100], whole[:2000] + bytes(500) + whole[2500:]):
        stored.write_bytes(damaged)
        np.testing.assert_array_equal(Spins.cached(3, 3, tmp_path / "cache").left, spins.left[:3])


def test_no_spins_are_refused() -> None:
    with pytest.raises(ValueError, match="number of spins is 0"):
        Spins.make(0)


def test_p_is_the_count_of_rotations_that_overlap_as_much(spins: Spins) -> None:
    labels, valid = sectors(), np.random.default_rng(0).random(2 * N) < 0.9
    active, _ = parts(spatial_z(smooth_noise(3, 0.4, seed=1)), threshold=1.5)
    result = spin_test(active, labels, 7, valid=valid, spins=spins)
    reached = np.ones((3, 7))
    observed = dice(active & valid, np.where(valid, labels, 0), 7)
    for sources in spins.sources():  # plainly: leave out vertices that have no data here or where their label is from
        both = valid & valid[sources]
        reached += dice(active & both, np.where(both, labels[sources], 0), 7) >= observed
    np.testing.assert_allclose(result, reached / 400, atol=1e-12)


def test_noise_is_significant_in_five_per_cent(spins: Spins) -> None:
    labels = sectors()
    maps = smooth_noise(120, 0.35, seed=2)
    maps[:, labels == 0] = np.nan
    active, deactive = parts(spatial_z(maps), threshold=1.7)
    p = spin_test(np.concatenate([active, deactive]), labels, 7, valid=labels > 0, spins=spins)
    assert 0.03 < (p < 0.05).mean() < 0.07


def test_map_inside_a_network_is_on_it_and_on_it_only(spins: Spins) -> None:
    labels = sectors()
    maps = np.where(labels == 3, 4.0, 0.0) + 0.5 * smooth_noise(1, 0.2, seed=3)[0] / 17
    active, _ = parts(spatial_z(maps[None]), threshold=1.5)
    p = spin_test(active, labels, 7, spins=spins)[0]
    assert p[2] == 1 / 400
    assert (np.delete(p, 2) > 0.05).all()


def test_empty_parts_and_networks_are_not_significant(spins: Spins) -> None:
    some = np.zeros((2, 2 * N), dtype=bool)
    some[1, :200] = True
    p = spin_test(some, np.zeros(2 * N, dtype=int), 2, spins=spins)
    np.testing.assert_array_equal(p, 1)


def test_wrong_surface_is_refused() -> None:
    with pytest.raises(ValueError, match="to_fsaverage5"):
        spin_test(np.zeros((1, 40_962), dtype=bool), np.zeros(40_962, dtype=int), 7)


def test_relabelling_agrees_with_the_hypergeometric_distribution() -> None:
    from scipy.stats import hypergeom

    labels = np.repeat([1, 2, 3, 0], [10, 20, 10, 10])
    part = np.zeros((1, 50), dtype=bool)
    part[0, [0, 1, 2, 3, 4, 12, 45]] = True  # seven regions, five of them of the ten in network 1
    p = relabelling_test(part, labels, 3, n_permutations=4000, seed=0)
    assert p[0, 0] == pytest.approx(hypergeom.sf(4, 50, 10, 7), abs=0.003)
    assert p[0, 2] == 1


def test_regions_without_data_take_no_part() -> None:
    labels, valid = np.array([1, 1, 2, 2, 1, 1, 1, 1]), np.arange(8) < 4
    part = np.array([[True, True, False, False, True, True, False, False]])
    p = relabelling_test(part, labels, 2, n_permutations=3000, seed=0, valid=valid)
    assert p[0, 0] == pytest.approx(1 / 6, abs=0.02)  # two of the four regions with data
