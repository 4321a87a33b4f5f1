import numpy as np
import pytest

from bids_app.bids.geometry import SurfaceGeometry, VolumeGeometry
from bids_app.bids.targets import fill, onto

GRID = (2, 2, 2)


def volume(voxels: list[int]) -> VolumeGeometry:
    mask = np.zeros(8, dtype=bool)
    mask[voxels] = True
    return VolumeGeometry("MNI152NLin6Asym", np.eye(4), mask.reshape(GRID))


def test_maps_are_laid_onto_another_mask() -> None:
    values = np.array([[10.0, 20.0, 30.0]], dtype=np.float32)
    result = onto(values, volume([0, 3, 7]), volume([3, 4, 7]))
    np.testing.assert_array_equal(result, [[20, np.nan, 30]])


def test_other_surfaces_and_grids_are_refused() -> None:
    with pytest.raises(ValueError, match="resample"):
        onto(np.zeros((1, 4), np.float32), SurfaceGeometry("fsaverage5", 2, 2), SurfaceGeometry("fsaverage6", 2, 2))
    other = VolumeGeometry("MNI152NLin6Asym", 2 * np.eye(4), np.ones(GRID, dtype=bool))
    with pytest.raises(ValueError, match="cannot be laid onto volume"):
        onto(np.zeros((1, 8), np.float32), other, volume([0]))


def test_fill_puts_values_where_they_belong() -> None:
    filled = fill(np.array([1.0, 2.0], dtype=np.float32), np.array([True, False, True]))
    np.testing.assert_array_equal(filled, [[1, np.nan, 2]])
