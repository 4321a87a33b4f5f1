"""Nulls of space on smooth noise, eigenmodes against spherical harmonics, Moran's vectors against their definition."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.linalg import eigh

from bids_app.networks.cells import N_COARSE, cell_of_vertices, coarse_faces, distances, mirrored
from bids_app.networks.conditional import spatial_p
from bids_app.networks.eigenmodes import N_CELLS, cortical_modes, groups, laplacian
from bids_app.networks.icosphere import subdivide
from bids_app.networks.meshes import load_meshes
from bids_app.networks.sphere import unit_sphere
from bids_app.networks.spins import Spins, distortion
from bids_app.networks.surrogates import EigenSurrogates, MoranSurrogates, moran_vectors
from bids_app.networks.test_spins import sectors, smooth_noise

N = 10_242
NULLS: dict[str, type[EigenSurrogates | MoranSurrogates]] = {"eigen": EigenSurrogates, "moran": MoranSurrogates}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nulls")


def maps_with_wall(n_maps: int, scale: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Smooth noise, and networks; both without the medial wall."""
    labels = sectors()
    maps = smooth_noise(n_maps, scale, seed=1)
    maps[:, labels == 0] = np.nan
    return maps, labels


def p_of(
    kind: str, maps: npt.NDArray[np.float64], labels: npt.NDArray[np.int64], folder: Path
) -> npt.NDArray[np.float64]:
    if kind == "spin-undistorted":
        return spatial_p(maps, labels, 7, spins=Spins.cached(199, 0, folder, undistorted=True))[0]
    return spatial_p(maps, labels, 7, spins=None, surrogates=NULLS[kind](199, 0, folder))[0]


@pytest.mark.parametrize("kind", ["eigen", "moran", "spin-undistorted"])
def test_smooth_noise_is_linked_as_often_as_allowed(kind: str, folder: Path) -> None:
    maps, labels = maps_with_wall(150, scale=0.15)
    p = p_of(kind, maps, labels, folder)
    assert 0.02 < (p <= 0.05).mean() < 0.08
    assert 0.4 < p.mean() < 0.6


@pytest.mark.parametrize("kind", ["eigen", "moran", "spin-undistorted"])
def test_a_map_of_a_network_is_found(kind: str, folder: Path) -> None:
    maps, labels = maps_with_wall(2, scale=0.15)
    maps[0, labels == 3] += 2 * np.nanstd(maps[0])
    p = p_of(kind, maps, labels, folder)
    assert p[0, 2] <= 0.01
    assert (np.delete(p[0], 2) > 0.05).sum() >= 5


@pytest.mark.parametrize("kind", NULLS)
def test_draws_have_the_spread_of_the_map_s_network_means(kind: str, folder: Path) -> None:
    """Over many maps of the same smoothness, surrogates of one vary as the maps do."""
    maps, labels = maps_with_wall(300, scale=0.2)
    valid = labels > 0
    values = np.where(valid, maps, 0).T
    observed, draws = NULLS[kind](20, 1, folder).means(values, valid, labels, 7)
    spread = np.sqrt(np.mean([np.square(means).mean(axis=0) for means in draws], axis=0))
    np.testing.assert_allclose(spread, np.sqrt(np.square(observed).mean(axis=0)), rtol=0.3)


@pytest.mark.parametrize("kind", NULLS)
def test_the_same_seed_gives_the_same_draws(kind: str, folder: Path) -> None:
    maps, labels = maps_with_wall(2, scale=0.2)
    first, stored = (p_of(kind, maps, labels, folder) for _ in range(2))
    np.testing.assert_array_equal(first, stored)


def test_coarse_triangles_are_those_before_the_subdivision() -> None:
    points, faces = unit_sphere(), load_meshes("fsaverage5", N)[0][1]
    coarse = coarse_faces(faces)
    again, fine = subdivide(points[:N_CELLS], coarse)
    np.testing.assert_array_equal(fine, faces)
    np.testing.assert_allclose(again, points, atol=2e-4)


def test_eigenvalues_of_a_sphere_are_those_of_spherical_harmonics() -> None:
    stiffness, area = laplacian(unit_sphere()[:N_CELLS], coarse_faces(load_meshes("fsaverage5", N)[0][1]))
    assert area.sum() == pytest.approx(4 * np.pi, rel=0.01)
    scale = np.sqrt(area)
    found = eigh(stiffness.toarray() / scale[:, None] / scale, eigvals_only=True, subset_by_index=[0, 24])
    expected = np.repeat([degree * (degree + 1) for degree in range(5)], [1, 3, 5, 7, 9])
    np.testing.assert_allclose(found, expected, rtol=0.02, atol=1e-6)


def test_modes_stay_in_the_known_part_and_hemispheres_are_aligned() -> None:
    known = np.ones((2, N_CELLS), dtype=bool)
    known[0, unit_sphere()[:N_CELLS, 0] > 0.85] = False
    modes = cortical_modes(known)
    assert (modes[0][~known[0]] == 0).all()
    for side in modes:
        np.testing.assert_allclose(side.T @ side, np.eye(side.shape[1]), atol=1e-10)
    assert groups(modes.shape[2])[:3] == [slice(0, 1), slice(1, 4), slice(4, 9)]
    image = modes[0][mirrored(N_CELLS)]
    together = [np.trace(modes[1][:, group].T @ image[:, group]) / (group.stop - group.start) for group in groups(25)]
    assert min(together) > 0.7  # of 1 for a cortex that is its own mirror image


def test_moran_vectors_reproduce_moran_s_i() -> None:
    rng = np.random.default_rng(0)
    points = rng.standard_normal((30, 2))
    apart = np.linalg.norm(points[:, None] - points[None], axis=2) + np.diag([np.inf] * 30)
    weights, x = 1 / apart, rng.standard_normal(30)
    vectors = moran_vectors(weights)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(29), atol=1e-10)
    np.testing.assert_allclose(vectors.sum(axis=0), 0, atol=1e-10)
    z = x - x.mean()
    values = np.einsum("ik,ij,jk->k", vectors, weights, vectors)
    assert np.square(vectors.T @ z) @ values == pytest.approx(
        z @ weights @ z
    )  # so a change of signs leaves it as it is


def test_distances_are_shortest_paths_and_stored(folder: Path) -> None:
    apart = distances(folder)
    np.testing.assert_array_equal(apart, distances(folder))
    for (points, _), matrix in zip(load_meshes("fsaverage5", N), apart, strict=True):
        straight = np.linalg.norm(points[:N_COARSE, None] - points[None, :N_COARSE], axis=2)
        assert (matrix >= straight - 1e-9).all()
        np.testing.assert_allclose(matrix, matrix.T)
    assert 200 < apart.max() < 300  # mm


def test_standing_still_distorts_nothing_and_undistorted_spins_do_less(folder: Path) -> None:
    apart = distances(folder)
    still = np.tile(np.arange(N, dtype=np.int16), (2, 1, 1))
    assert distortion(still, apart)[0] == 0
    kept = Spins.cached(199, 0, folder, undistorted=True)
    all_drawn = Spins.make(398, 0)
    before = distortion(np.stack([all_drawn.left, all_drawn.right]), apart)
    after = distortion(np.stack([kept.left, kept.right]), apart)
    assert after.max() <= np.median(before)


def test_cells_cover_both_hemispheres() -> None:
    cell = cell_of_vertices(N_COARSE)
    assert (cell[:N] < N_COARSE).all()
    assert (cell[N:] == cell[:N] + N_COARSE).all()
    assert np.bincount(cell).min() > 0
    np.testing.assert_array_equal(cell[:N_COARSE], np.arange(N_COARSE))
