from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
import pytest
from nibabel.cifti2 import BrainModelAxis

from bids_app.networks.atlas import load_atlas
from bids_app.networks.fslr import sphere_files
from bids_app.networks.sphere import unit_sphere
from bids_app.networks.surfaces import labels_to_fsaverage5, to_fsaverage5
from bids_app.networks.template_files import template_files

N, N_FSAVERAGE = 32_492, 163_842
WAVES = np.array([[3.0, 1, -2], [0, 2, 2]])


def points_of(n: int, turn: float) -> npt.NDArray[np.float64]:
    """Points spread evenly over a sphere of 100 mm, turned so that no two spheres are alike."""
    index = np.arange(n) + 0.5
    height, angle = 1 - 2 * index / n, np.pi * (1 + 5**0.5) * index + turn
    around = np.sqrt(1 - height**2)
    return 100 * np.stack([around * np.cos(angle), height, around * np.sin(angle)], axis=1)


SPHERES = {"L": points_of(N, 0.0), "R": points_of(N, 1.0)}
FSAVERAGE = {"L": points_of(N_FSAVERAGE, 2.0), "R": points_of(N_FSAVERAGE, 3.0)}


def octant(points: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """1 … 8, by the signs of the coordinates."""
    return ((points > 0) @ [1, 2, 4]) + 1


def write_sphere(path: Path, points: npt.NDArray[np.float64]) -> None:
    arrays = [
        nibabel.gifti.GiftiDataArray(points.astype(np.float32), "NIFTI_INTENT_POINTSET"),
        nibabel.gifti.GiftiDataArray(np.array([[0, 1, 2]], np.int32), "NIFTI_INTENT_TRIANGLE"),
    ]
    path.parent.mkdir(exist_ok=True, parents=True)
    nibabel.gifti.GiftiImage(darrays=arrays).to_filename(path)


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A folder of templates with spheres, and a yeo7 of which each network is an octant (the eighth is none)."""
    folder = tmp_path_factory.mktemp("templates")
    fslr_left, fslr_right, left, right = sphere_files(fsaverage=True)
    for name, points in zip((fslr_left, fslr_right), SPHERES.values(), strict=True):
        write_sphere(folder / "tpl-fsLR" / name, points)
    for name, points in zip((left, right), FSAVERAGE.values(), strict=True):
        write_sphere(folder / "tpl-fsaverage" / name, points)
    labels_left, labels_right, table = template_files("yeo7", "surface", "fsaverage")
    for name, points in zip((labels_left, labels_right), FSAVERAGE.values(), strict=True):
        array = nibabel.gifti.GiftiDataArray((octant(points) % 8).astype(np.int32), "NIFTI_INTENT_LABEL")
        nibabel.gifti.GiftiImage(darrays=[array]).to_filename(folder / "tpl-fsaverage" / name)
    names = "".join(f"{number}\t7Networks_{number}\n" for number in range(1, 8))
    (folder / "tpl-fsaverage" / table).write_text(f"index\tname\n{names}")
    return [folder]


def waves(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.sin(WAVES @ points.T / np.linalg.norm(points, axis=1)))


def test_maps_come_from_the_nearest_vertex_of_each_hemisphere(resources: list[Path]) -> None:
    maps = np.hstack([waves(SPHERES["L"]), 5 + waves(SPHERES["R"])])
    projected = to_fsaverage5(maps, "surface", "fsLR", n_vertices=(N, N), resources=resources)
    expected = np.hstack([waves(unit_sphere()), 5 + waves(unit_sphere())])
    np.testing.assert_allclose(projected, expected, atol=0.05)  # half a vertex's distance away
    labels = labels_to_fsaverage5(np.arange(2 * N), "surface", "fsLR", n_vertices=(N, N), resources=resources)
    nearest = np.concatenate(list(SPHERES.values()))[labels] / 100
    np.testing.assert_allclose(nearest, np.tile(unit_sphere(), (2, 1)), atol=0.02)
    assert labels[:10_242].max() < N <= labels[10_242:].min()


def test_grayordinates_are_their_cortex_and_missing_where_there_is_none(resources: list[Path]) -> None:
    there = np.arange(N) % 4 > 0
    deep = BrainModelAxis.from_mask(np.ones((2, 2, 2), bool), "THALAMUS_LEFT", affine=np.eye(4))
    axis = deep + sum_of_cortex(there)
    mesh = np.hstack([waves(SPHERES["L"]), waves(SPHERES["R"])]).astype(np.float32)
    targets = np.tile(there, 2)
    maps = np.hstack([np.full((2, 8), 99, np.float32), mesh[:, targets]])
    result = to_fsaverage5(maps, "cifti", "fsLR", axis=axis, resources=resources)
    whole = to_fsaverage5(np.where(targets, mesh, np.nan), "surface", "fsLR", n_vertices=(N, N), resources=resources)
    np.testing.assert_array_equal(result, whole)
    assert 0.2 < np.isnan(result[0]).mean() < 0.3
    labels = labels_to_fsaverage5(np.full(len(axis), 3), "cifti", "fsLR", axis=axis, resources=resources)
    np.testing.assert_array_equal(labels, np.where(np.isnan(result[0]), 0, 3))


def sum_of_cortex(there: npt.NDArray[np.bool_]) -> BrainModelAxis:
    return BrainModelAxis.from_mask(there, "CORTEX_LEFT") + BrainModelAxis.from_mask(there, "CORTEX_RIGHT")


def test_a_named_atlas_is_taken_over_from_fsaverage(resources: list[Path]) -> None:
    atlas = load_atlas("yeo7", "surface", "fsLR", n_vertices=(N, N), resources=resources)
    assert atlas.network_names[0] == "Visual"
    assert len(atlas.network_names) == 7
    expected = np.concatenate([octant(points) % 8 for points in SPHERES.values()])
    assert (atlas.labels == expected).mean() > 0.98  # all but those at the borders
    there = np.arange(N) % 3 > 0
    axis = BrainModelAxis.from_mask(np.ones((2, 2, 2), bool), "THALAMUS_LEFT", affine=np.eye(4)) + sum_of_cortex(there)
    on_fslr = load_atlas("yeo7", "cifti", "fsLR", axis=axis, resources=resources)
    np.testing.assert_array_equal(on_fslr.labels, [0] * 8 + atlas.labels[np.tile(there, 2)].tolist())


def test_what_is_not_here_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match="tpl-fsLR_space-fsaverage_hemi-L_den-59k_sphere"):
        to_fsaverage5(np.zeros((1, 2 * 59_292)), "surface", "fsLR", n_vertices=(59_292, 59_292), resources=[tmp_path])
    with pytest.raises(ValueError, match="fsLR with 40 vertices per hemisphere is not known"):
        to_fsaverage5(np.zeros((1, 80)), "surface", "fsLR", n_vertices=(40, 40), resources=[tmp_path])


@pytest.mark.parametrize("space", ["fsnative", "onavg"])
def test_meshes_with_as_many_vertices_as_fsaverage_are_not_taken_for_it(space: str) -> None:
    with pytest.raises(ValueError, match=f"'{space}' with"):
        to_fsaverage5(np.zeros((1, 20_484)), "surface", space, n_vertices=(10_242, 10_242))
