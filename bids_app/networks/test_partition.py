from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from nibabel.cifti2 import BrainModelAxis
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bids_app.networks.icosphere import _faces, fsaverage_sphere
from bids_app.networks.partition import SIZE, bisect, partition

VERTICES = 20_484
ON_FSAVERAGE5: dict[str, Any] = {"kind": "surface", "space": "fsaverage5", "n_vertices": (10_242, 10_242)}
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])


def sizes(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    assert set(labels.tolist()) == set(range(labels.max() + 1))
    return np.bincount(labels)


def test_parcels_of_a_surface_are_connected_and_alike() -> None:
    labels = partition(np.arange(VERTICES), **ON_FSAVERAGE5)
    assert set(sizes(labels)) <= {SIZE - 1, SIZE, SIZE + 1}
    assert labels[:10_242].max() < labels[10_242:].min()
    left = _faces()
    edges = np.concatenate([left[:, [0, 1]], left[:, [1, 2]]])
    edges = np.concatenate([edges, edges + 10_242])
    one, other = edges[labels[edges[:, 0]] == labels[edges[:, 1]]].T
    n_pieces, _ = connected_components(coo_array((np.ones(len(one)), (one, other)), shape=(VERTICES,) * 2))
    assert n_pieces == labels.max() + 1
    sphere = fsaverage_sphere(10_242)
    for label in range(0, 200, 20):
        own = sphere[labels[:10_242] == label]
        assert np.linalg.norm(own - own.mean(axis=0), axis=1).max() < 2.2 * 0.14  # of a disc of the same area


def test_only_what_has_data_is_parcelled_and_alike_each_time() -> None:
    there = np.flatnonzero(np.random.default_rng(0).random(VERTICES) < 0.6)
    labels = partition(there, **ON_FSAVERAGE5)
    assert set(sizes(labels)) <= {SIZE - 1, SIZE, SIZE + 1}
    np.testing.assert_array_equal(labels, partition(there, **ON_FSAVERAGE5))
    few = partition(np.array([3, 9, 10_300]), **ON_FSAVERAGE5)
    assert few.tolist() == [0, 0, 1]


def test_parcels_of_a_volume_are_blocks_in_millimetres() -> None:
    mask = np.zeros((30, 30, 30), dtype=bool)
    mask[3:27, 3:27, 3:27] = True
    voxels = np.arange(mask.sum())
    labels = partition(voxels, "volume", "MNI", affine=AFFINE, mask=mask)
    assert set(sizes(labels)) <= {SIZE - 1, SIZE, SIZE + 1}
    where = np.argwhere(mask)
    spans = [np.ptp(where[labels == label], axis=0).max() + 1 for label in range(labels.max() + 1)]
    assert max(spans) <= 9  # a cube of as many voxels has edges of 3.7
    flat = np.diag([1.0, 1.0, 10.0, 1.0])
    labels = partition(voxels, "volume", "MNI", affine=flat, mask=mask)
    assert max(np.ptp(where[labels == label, 2]) for label in range(50)) <= 2  # thick slices are cut first


def test_grayordinates_are_parcelled_by_structure() -> None:
    left = BrainModelAxis.from_surface(np.arange(500), 10_242, name="CortexLeft")
    right = BrainModelAxis.from_surface(np.arange(0, 10_242, 7), 10_242, name="CortexRight")
    grid = np.zeros((10, 10, 10), dtype=bool)
    grid[2:8, 2:8, 2:8] = True
    deep = BrainModelAxis.from_mask(grid, name="THALAMUS_LEFT", affine=AFFINE)
    axis = left + right + deep
    targets = np.arange(0, len(axis), 2)
    labels = partition(targets, "cifti", "fsaverage5", axis=axis)
    assert (abs(sizes(labels) - SIZE) <= 5).all()
    names = np.asarray(axis.name)[targets]
    of_structure = [set(labels[names == name].tolist()) for name in np.unique(names)]
    assert sum(map(len, of_structure)) == labels.max() + 1  # none lies in two


def test_regions_are_a_parcel_each() -> None:
    assert partition(np.arange(4), "parcels", "").tolist() == [0, 1, 2, 3]


def test_a_surface_without_a_known_sphere_is_refused() -> None:
    with pytest.raises(ValueError, match="fsnative"):
        partition(np.arange(10), "surface", "fsnative", n_vertices=(100, 100))
    with pytest.raises(ValueError, match="has no positions"):
        partition(np.arange(10), "surface", "fsaverage5")


def test_bisection() -> None:
    line = np.zeros((10, 3))
    line[:, 1] = np.arange(10)[::-1]
    assert bisect(line, 5).tolist() == [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]
    assert bisect(line[:2], 5).tolist() == [0, 0]
    assert len(bisect(line[:0], 5)) == 0
