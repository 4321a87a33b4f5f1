from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from nibabel.cifti2 import BrainModelAxis

from bids_app.bids.cifti import CiftiGeometry
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry
from bids_app.encoding.smoothing import smooth_volume
from bids_app.inputs.smoothing import smooth
from bids_app.networks.meshes import load_meshes

N = 10_242
RNG = np.random.default_rng(0)


def test_hemispheres_are_smoothed_apart_along_their_own_mesh(tmp_path: Path) -> None:
    geometry = SurfaceGeometry("fsaverage", N, N)  # fsaverage5 by its vertices
    data = np.zeros((2, 2 * N), dtype=np.float32)
    data[0, 100], data[1, N + 100], data[:, 50] = 1, 1, np.nan
    smoothed = smooth(data, geometry, 8.0, tmp_path)
    assert np.isnan(smoothed[:, 50]).all()
    assert np.isfinite(np.delete(smoothed, 50, axis=1)).all()
    np.testing.assert_array_equal(smoothed[0, N:], 0)
    np.testing.assert_array_equal(np.nan_to_num(smoothed[1, :N]), 0)
    for row, (points, _), half in zip(
        smoothed, load_meshes("fsaverage5", N), (slice(0, N), slice(N, None)), strict=True
    ):
        spread = np.nan_to_num(row[half])
        near = np.linalg.norm(points - points[100], axis=1)
        assert near[spread > spread.max() / 2].max() < 8
        assert spread[near > 40].max() < 1e-3
    assert smooth(data, geometry, 0.0) is data


def test_deep_structures_are_smoothed_each_by_itself(tmp_path: Path) -> None:
    mask = np.zeros((6, 6, 6), dtype=bool)
    mask[:3], other = True, np.zeros_like(mask)
    other[3:] = True
    affine = np.diag([-2.0, 2, 2, 1])
    axis = BrainModelAxis.from_mask(mask, "ACCUMBENS_LEFT", affine=affine)
    axis += BrainModelAxis.from_mask(other, "THALAMUS_LEFT", affine=affine)
    shuffled = CiftiGeometry("fsLR", "91k", axis[RNG.permutation(len(axis))])
    data = RNG.standard_normal((2, len(axis))).astype(np.float32)
    is_first = np.asarray(shuffled.axis.name) == "CIFTI_STRUCTURE_ACCUMBENS_LEFT"
    data[:, ~is_first] = 100
    smoothed = smooth(data, shuffled, 8.0, tmp_path)
    np.testing.assert_allclose(smoothed[:, ~is_first], 100, rtol=1e-5)
    grid = np.full((2, 6, 6, 6), np.nan, dtype=np.float32)
    x, y, z = shuffled.axis.voxel[is_first].T
    grid[:, x, y, z] = data[:, is_first]
    expected = _on_grid(smooth_volume(grid[:, mask], mask, np.full(3, 2.0), 8.0), mask)[:, x, y, z]
    np.testing.assert_allclose(smoothed[:, is_first], expected, rtol=1e-5)


def _on_grid(values: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    grid = np.full((len(values), *mask.shape), np.nan, dtype=np.float32)
    grid[:, mask] = values
    return grid


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        (ParcelGeometry("Tiny", ("A", "B")), "regions have no neighbours"),
        (SurfaceGeometry("fsnative", 7, 5), "needs the mesh of fsnative.*is not known"),
        (SurfaceGeometry("fsLR", 32_492, 32_492), r"needs the mesh of fsLR.*tpl-fsLR_den-32k_hemi-L_midthickness"),
        (SurfaceGeometry("fsaverage6", 40_962, 40_962), r"tpl-fsaverage_hemi-L_den-41k_white\.surf\.gii"),
    ],
)
def test_where_there_is_no_mesh_smoothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, geometry: ParcelGeometry | SurfaceGeometry, message: str
) -> None:
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "empty"))
    with pytest.raises(DatasetError, match=message):
        smooth(np.zeros((2, geometry.n_targets), dtype=np.float32), geometry, 8.0, tmp_path)
