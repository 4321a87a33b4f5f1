import json
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
import pytest
from nibabel.cifti2 import BrainModelAxis
from nilearn import datasets, surface

from bids_app.bids.cifti import CiftiGeometry
from bids_app.bids.geometry import SurfaceGeometry
from bids_app.report import surfaces
from bids_app.report.figures import draw_maps, note_of, why_not_drawn
from bids_app.report.grayordinates import paint
from bids_app.report.interactive import meshes
from bids_app.report.interactive.collection import Collection
from bids_app.report.interactive.maps import InteractiveMap
from bids_app.report.interactive.view import View, as_json
from bids_app.report.panels import Panel, Picture
from bids_app.report.results import Results
from bids_app.report.scales import Scale

N = 32_492
SCALE = Scale("r", 0, 1)
AFFINE = np.array([[-4.0, 0, 0, 90], [0, 4, 0, -126], [0, 0, 4, -72], [0, 0, 0, 1]])
LEFT_BLOB, RIGHT_BLOB = np.zeros((45, 55, 45), bool), np.zeros((45, 55, 45), bool)
LEFT_BLOB[24:27, 27:30, 15:25], RIGHT_BLOB[18:21, 27:30, 15:25] = True, True  # x = -6 … -14 and 10 … 18 mm


def axis_of(there: npt.NDArray[np.bool_], *, deep: bool = True) -> BrainModelAxis:
    axis = BrainModelAxis.from_mask(there, "CORTEX_LEFT") + BrainModelAxis.from_mask(there, "CORTEX_RIGHT")
    if deep:
        axis += BrainModelAxis.from_mask(RIGHT_BLOB, "THALAMUS_RIGHT", affine=AFFINE)
        axis += BrainModelAxis.from_mask(LEFT_BLOB, "THALAMUS_LEFT", affine=AFFINE)
    return axis


THERE = np.arange(N) % 4 > 0
WHOLE = CiftiGeometry("fsLR", "91k", axis_of(THERE))


@pytest.fixture
def with_mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[npt.NDArray[np.float64]]:
    """An inflated fsLR that is a sphere of 32,492 vertices, stretched as a hemisphere is."""
    surfaces.view_of.cache_clear()
    index = np.arange(N) + 0.5
    height, turn = 1 - 2 * index / N, np.pi * (1 + 5**0.5) * index
    around = np.sqrt(1 - height**2)
    points = np.stack([around * np.cos(turn), around * np.sin(turn), height], axis=1)
    from scipy.spatial import ConvexHull

    faces = ConvexHull(points).simplices
    corner = points[faces]
    outwards = (np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]) * corner.mean(axis=1)).sum(
        axis=1
    ) > 0
    faces[~outwards] = faces[~outwards][:, ::-1]
    folder = tmp_path / "templateflow" / "tpl-fsLR"
    folder.mkdir(parents=True)
    for hemi in "LR":
        arrays = [
            nibabel.gifti.GiftiDataArray((points * [30, 80, 50]).astype(np.float32), "NIFTI_INTENT_POINTSET"),
            nibabel.gifti.GiftiDataArray(faces.astype(np.int32), "NIFTI_INTENT_TRIANGLE"),
        ]
        nibabel.gifti.GiftiImage(darrays=arrays).to_filename(folder / f"tpl-fsLR_den-32k_hemi-{hemi}_inflated.surf.gii")
    monkeypatch.setenv("N2N_HOME", str(tmp_path))
    yield points
    surfaces.view_of.cache_clear()


def test_the_interactive_view_shows_the_cortex(with_mesh: npt.NDArray[np.float64]) -> None:
    meshes.hemispheres.cache_clear()
    collection, results = Collection("g"), Results({"task": "a"}, ())
    values = np.arange(float(WHOLE.n_targets))
    collection.offer(results, InteractiveMap("a", "", values, WHOLE, SCALE, values > 5))
    (one,) = collection.of(results)
    inside = np.tile(THERE, 2)
    np.testing.assert_array_equal(one.values[inside], values[: inside.sum()])
    assert np.isnan(one.values[~inside]).all()
    np.testing.assert_array_equal(one.passing, np.where(inside, one.values > 5, False))
    assert "deeper structures" in one.note
    left = json.loads(as_json([View("t", (one,))]))["shapes"][one.geometry.fingerprint()]["hemispheres"][0]
    assert (left["vertices"], list(left["shapes"])) == (N, ["inflated"])
    meshes.hemispheres.cache_clear()


@pytest.fixture
def without_mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("N2N_HOME", raising=False)


def is_coloured(picture: Picture) -> npt.NDArray[np.bool_]:
    return np.asarray(np.ptp(picture.pixels[..., :3], axis=-1) > 0.2)


def test_cortex_and_deep_structures_are_drawn_where_they_are(with_mesh: npt.NDArray[np.float64]) -> None:
    values = np.full(WHOLE.n_targets, np.nan)
    front = with_mesh[:, 1] > 0.5
    cortex = WHOLE.cortex
    values[cortex.targets] = np.where(np.concatenate([front, np.zeros(N, bool)])[cortex.vertices], 0.9, np.nan)
    values[np.asarray(WHOLE.axis.name) == "CIFTI_STRUCTURE_THALAMUS_LEFT"] = 0.9
    pictures = paint(Panel("left alone", values), WHOLE, SCALE)
    assert [picture.label for picture in pictures[:4]] == [
        "left lateral",
        "left medial",
        "right medial",
        "right lateral",
    ]
    columns = [np.nonzero(is_coloured(picture))[1] / picture.pixels.shape[1] for picture in pictures]
    assert columns[0].max() < 0.4  # of the left hemisphere from outside, the front is on the left
    assert columns[1].min() > 0.6
    assert len(columns[2]) == len(columns[3]) == 0
    assert len(pictures) == 8
    for column in columns[4:]:
        assert 0.3 < column.min() < column.max() < 0.5  # left is left, beside the middle


def test_without_the_mesh_the_deep_structures_are_drawn_and_the_caption_says_so(without_mesh: None) -> None:
    values = np.where(np.asarray(WHOLE.axis.name) == "CIFTI_STRUCTURE_THALAMUS_RIGHT", 0.9, np.nan)
    outline = np.asarray(WHOLE.axis.name) == "CIFTI_STRUCTURE_THALAMUS_LEFT"
    pictures = paint(Panel("right", values, outline=outline), WHOLE, SCALE)
    assert len(pictures) == 8
    for picture in pictures:
        width = picture.pixels.shape[1]
        assert 0.5 < np.nonzero(is_coloured(picture))[1].min() / width < 0.7
        assert picture.region is not None
        assert 0.3 < np.nonzero(picture.region)[1].mean() / width < 0.5
    assert "n2n fetch --space fsLR" in note_of(WHOLE)
    assert why_not_drawn(WHOLE, SCALE) is None
    assert draw_maps([Panel("right", values)], WHOLE, SCALE).axes


def test_cortex_alone_without_a_mesh_is_reported(without_mesh: None) -> None:
    alone = CiftiGeometry("fsLR", "", axis_of(THERE, deep=False))
    assert "is not drawn: its mesh is not available" in str(why_not_drawn(alone, SCALE))
    small = CiftiGeometry("fsLR", "", axis_of(np.ones(5, bool), deep=False))
    assert "Maps in the space fsLR are not drawn" in str(why_not_drawn(small, SCALE))
    assert "its mesh is not available" in str(why_not_drawn(SurfaceGeometry("fsLR", N, N, "32k"), SCALE))


def test_surfaces_of_fslr_are_drawn_on_their_mesh(with_mesh: npt.NDArray[np.float64]) -> None:
    geometry = SurfaceGeometry("fsLR", N, N, "32k")
    assert why_not_drawn(geometry, SCALE) is None
    assert note_of(geometry) == note_of(WHOLE) == ""
    values = np.concatenate([np.full(N, 0.9), np.full(N, np.nan)])
    left, _, _, right = surfaces.paint(values, N, SCALE, mesh="fsLR")
    assert (np.ptp(left[..., :3], axis=-1) > 0.2).mean() > 0.5
    assert np.ptp(right[..., :3], axis=-1).max() < 0.05


def test_fsaverage_is_still_nilearns() -> None:
    coordinates, faces, depth = surfaces.shape_of("left", "fsaverage5")
    mesh = surface.load_surf_mesh(datasets.fetch_surf_fsaverage("fsaverage5")["infl_left"])
    np.testing.assert_allclose(coordinates, mesh.coordinates)
    assert len(depth) == len(coordinates) == faces.max() + 1
