import numpy as np
import pytest

from bids_app.bids.geometry import VolumeGeometry
from bids_app.report.scales import Scale
from bids_app.report.volumes import N_SLICES, paint, slice_heights

SCALE = Scale("r", 0, 1)


def make_geometry(space: str | None) -> VolumeGeometry:
    affine = np.diag([-4.0, 4.0, 4.0, 1.0])  # left-handed, as FSL writes it
    affine[:3, 3] = [72, -104, -60]
    mask = np.zeros((37, 46, 36), bool)
    mask[4:-4, 4:-4, 4:-4] = True
    return VolumeGeometry(space, affine, mask)


@pytest.mark.parametrize("space", ["MNI152NLin6Asym", None])
def test_left_is_left_and_front_is_up(space: str | None) -> None:
    geometry = make_geometry(space)
    x, y, _ = (np.argwhere(geometry.mask) @ geometry.affine[:3, :3].T + geometry.affine[:3, 3]).T
    values = np.where((x < -20) & (y > 20), 1.0, np.nan)
    for (_, drawn), (_, blank) in zip(
        paint(values, geometry, SCALE), paint(values * np.nan, geometry, SCALE), strict=True
    ):
        rows, columns = np.nonzero(np.abs(drawn - blank).sum(axis=-1) > 0.2)
        assert columns.max() < drawn.shape[1] / 2
        assert rows.max() < drawn.shape[0] / 2


def test_every_slice_shows_its_own_height() -> None:
    geometry = make_geometry(None)
    heights = slice_heights(geometry)
    assert len(heights) == N_SLICES
    assert heights == sorted(heights)
    z = (np.argwhere(geometry.mask) @ geometry.affine[:3, :3].T + geometry.affine[:3, 3])[:, 2]
    for height, picture in paint((z + 60) / 200, geometry, SCALE):
        middle = picture[picture.shape[0] // 2, picture.shape[1] // 2]
        voxel = 4 * np.rint((height + 60) / 4)
        np.testing.assert_allclose(middle[:3], SCALE.colour_map(voxel / 200)[:3], atol=0.03)
