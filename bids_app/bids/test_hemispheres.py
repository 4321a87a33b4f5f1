from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
import pytest

from bids_app.bids.errors import DatasetError
from bids_app.bids.hemispheres import read_surface

N = 642  # fsaverage3
BOLD = np.random.default_rng(0).standard_normal((9, N)).astype(np.float32)


def write(
    path: Path,
    arrays: list[npt.NDArray[np.floating]] | npt.NDArray[np.floating],
    structure: str | None = None,
    intent: str = "NIFTI_INTENT_TIME_SERIES",
) -> None:
    arrays = [nibabel.gifti.GiftiDataArray(np.asarray(array, dtype=np.float32), intent=intent) for array in arrays]
    meta = nibabel.gifti.GiftiMetaData(**({"AnatomicalStructurePrimary": structure} if structure else {}))
    nibabel.gifti.GiftiImage(darrays=arrays, meta=meta).to_filename(path)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"hemi-{side}_bold.func.gii" for side in "LR"]
    for path in paths:
        write(path, BOLD)
    return paths


@pytest.mark.parametrize("arrays", [[BOLD.T], [BOLD], BOLD, BOLD[:, np.newaxis], BOLD[..., np.newaxis]])
def test_every_way_to_write_a_time_series(
    files: list[Path], arrays: list[npt.NDArray[np.float32]] | npt.NDArray[np.float32]
) -> None:
    write(files[0], arrays)
    data, geometry = read_surface(files, "fsaverage3")
    np.testing.assert_array_equal(data, np.hstack([BOLD, BOLD]))
    assert (geometry.n_vertices_left, geometry.n_vertices_right) == (N, N)


def test_sides_of_one_array_that_both_or_neither_are_the_vertices(files: list[Path]) -> None:
    square = np.zeros((N, N))
    for path in files:
        write(path, [square])
    with pytest.raises(DatasetError, match=r"642 × 642, of which both sides may be"):
        read_surface(files, "fsaverage3")
    write(files[0], [BOLD[:, 1:]])
    with pytest.raises(DatasetError, match=r"9 × 641, of which neither side may be .* \(642\)"):
        read_surface(files, "fsaverage3")


@pytest.mark.parametrize("turned", [False, True])
def test_a_space_of_its_own_is_read_by_the_volumes_that_both_hemispheres_have(files: list[Path], turned: bool) -> None:
    halves = [BOLD[:, :30], BOLD[:, 30:72]]
    for path, half in zip(files, halves, strict=True):
        write(path, [half.T if turned else half])
    data, geometry = read_surface(files, "fsnative")
    np.testing.assert_array_equal(data, BOLD[:, :72])
    assert (geometry.n_vertices_left, geometry.n_vertices_right) == (30, 42)
    write(files[1], halves[1])
    np.testing.assert_array_equal(read_surface(files, "fsnative")[0], BOLD[:, :72])
    for path in files:
        write(path, [halves[0]])
    with pytest.raises(DatasetError, match="both sides may be the vertices of a hemisphere"):
        read_surface(files, "fsnative")


@pytest.mark.parametrize(
    ("space", "density", "expected"),
    [
        ("fsaverage6", "", "40,962"),
        ("fsLR", "32k", "32,492"),
        ("fsaverage", "41k", "40,962"),
        ("onavg", "", "10,242 or 40,962"),
    ],
)
def test_another_mesh_than_that_of_the_space_is_refused(
    files: list[Path], space: str, density: str, expected: str
) -> None:
    with pytest.raises(DatasetError, match=f"has 642 vertices; a hemisphere of {space}.* has {expected}"):
        read_surface(files, space, density)


def test_a_mesh_of_no_space_is_reported(files: list[Path], caplog: pytest.LogCaptureFixture) -> None:
    for path in files:
        write(path, BOLD[:, :600])
    data, geometry = read_surface(files, "fsLR", "32k")
    np.testing.assert_array_equal(data, np.hstack([BOLD[:, :600]] * 2))
    assert geometry.n_vertices_left == 600
    assert [record.message for record in caplog.records] == [
        f"{path} has 600 vertices; a hemisphere of fsLR 32k has 32,492: no atlas or picture fits it" for path in files
    ]


def test_hemispheres_of_two_densities(files: list[Path]) -> None:
    for path, n in zip(files, (2_562, 10_242), strict=True):
        write(path, np.zeros((2, n)))
    with pytest.raises(DatasetError, match=r"2,562 vertices and hemi-R.* 10,242; in fsaverage both"):
        read_surface(files, "fsaverage")


def test_swapped_hemispheres_are_refused(files: list[Path]) -> None:
    write(files[0], BOLD, "CortexRight")
    with pytest.raises(DatasetError, match="hemi-L, but states that it is CortexRight"):
        read_surface(files, "fsaverage3")
    write(files[0], BOLD, "CortexLeft")
    assert read_surface(files, "fsaverage3")[0].shape == (9, 2 * N)
    image = nibabel.load(files[1])
    image.darrays[0].meta["AnatomicalStructurePrimary"] = "CortexLeft"
    image.to_filename(files[1])
    with pytest.raises(DatasetError, match="hemi-R, but states that it is CortexLeft"):
        read_surface(files, "fsaverage3")


def test_meshes_and_empty_files_are_refused(files: list[Path]) -> None:
    write(files[0], [np.zeros((N, 3))], intent="NIFTI_INTENT_POINTSET")
    with pytest.raises(DatasetError, match="holds the mesh of a surface"):
        read_surface(files, "fsaverage3")
    write(files[0], [])
    with pytest.raises(DatasetError, match="holds no data arrays"):
        read_surface(files, "fsaverage3")
    write(files[0], [BOLD[0], BOLD[1, :-1]])
    with pytest.raises(DatasetError, match="could not be read"):
        read_surface(files, "fsaverage3")


def test_sizes_are_not_believed_and_other_files_not_opened(files: list[Path]) -> None:
    assert read_surface(files, "fsaverage3", memory=8 * BOLD.size)[0].shape == (9, 2 * N)
    with pytest.raises(DatasetError, match=r"needs 0\.0 MB of memory \(5,778 values\)"):
        read_surface(files, "fsaverage3", memory=8 * BOLD.size - 1)
    content = files[0].read_bytes()
    files[0].write_bytes(content.replace(b'Dim0="642"', b'Dim0="999999999999"'))
    with pytest.raises(DatasetError, match=r"needs 7[0-9,.]+ GB of memory"):
        read_surface(files, "fsaverage3")
    files[0].write_bytes(content.replace(b'ExternalFileName=""', b'ExternalFileName="/etc/passwd"'))
    with pytest.raises(DatasetError, match="lies in another file"):
        read_surface(files, "fsaverage3")


def test_a_small_file_cannot_fill_the_memory(files: list[Path]) -> None:
    """An array that expands to more than its dimensions say is refused before it is expanded."""
    import base64
    import zlib

    text = files[0].read_text()
    start = text.index("<Data>") + len("<Data>")
    bomb = base64.b64encode(zlib.compress(bytes(50_000_000))).decode()
    files[0].write_text(text[:start] + bomb + text[text.index("</Data>") :])
    with pytest.raises(DatasetError, match=rf"array 1 does not hold the {4 * N} bytes"):
        read_surface(files, "fsaverage3")


@pytest.mark.parametrize("kind", ["INT16", "UINT16", "INT64", "FLOAT64"])
def test_types_that_gifti_does_not_know_but_tools_write(files: list[Path], kind: str) -> None:
    values = np.abs(np.round(BOLD * 1000)).astype(kind.lower())
    for path in files:
        arrays = [nibabel.gifti.GiftiDataArray(row, datatype=f"NIFTI_TYPE_{kind}") for row in values]
        path.write_bytes(nibabel.gifti.GiftiImage(darrays=arrays).to_xml(mode="force"))
    np.testing.assert_array_equal(read_surface(files, "fsaverage3")[0], np.hstack([values, values]))
