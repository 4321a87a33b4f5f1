import gzip
from pathlib import Path

import numpy as np
import pytest

from bids_app.bids.conftest import TinyDataset, write_gifti, write_nifti
from bids_app.bids.dataset import DatasetError, open_dataset
from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry, VolumeGeometry
from bids_app.bids.recording import Recording, read_recording

RUN = "sub-001_task-pieman"
SURFACE = [f"{RUN}_hemi-{hemi}_space-Tiny_bold.func.gii" for hemi in "LR"]
VOLUME = f"{RUN}_space-T1w_desc-preproc_bold.nii.gz"
MASK = f"{RUN}_space-T1w_desc-brain_mask.nii.gz"
PARCELS = f"{RUN}_seg-Tiny_stat-mean_timeseries.tsv"


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((6, 8)).astype(np.float32)


def _func(tiny: TinyDataset, files: list[str]) -> Path:
    tiny.raw(RUN)
    return tiny.derivative("prep", files) / "sub-001" / "func"


def _read(tiny: TinyDataset) -> Recording:
    (run,) = open_dataset(tiny.root).runs("001").runs
    return read_recording(run)


def test_surface(tiny: TinyDataset, values: np.ndarray) -> None:
    func = _func(tiny, SURFACE)
    values[:, 0] = np.nan
    values[2, 4] = np.nan
    values[:, 7] = 3.0
    write_gifti(func / SURFACE[0], values[:, :3])
    write_gifti(func / SURFACE[1], values[:, 3:])
    recording = _read(tiny)
    expected = values.copy()
    expected[:, [0, 4, 7]] = np.nan
    np.testing.assert_array_equal(recording.data, expected)
    assert recording.data.dtype == np.float32
    assert recording.geometry == SurfaceGeometry("Tiny", 3, 5)
    assert (recording.repetition_time, recording.n_volumes, recording.is_usable.sum()) == (1.5, 6, 5)


def test_surface_in_a_single_data_array(tiny: TinyDataset, values: np.ndarray) -> None:
    func = _func(tiny, SURFACE)
    for path, columns in zip(SURFACE, (values[:, :3], values[:, 3:]), strict=True):
        write_gifti(func / path, columns.T[np.newaxis])
    np.testing.assert_array_equal(_read(tiny).data, values)


def test_volume_inside_its_mask(tiny: TinyDataset) -> None:
    func = _func(tiny, [VOLUME, MASK])
    grid = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    grid[1, 2, 3] = 7.0
    mask = np.zeros((2, 3, 4), dtype=np.uint8)
    mask[0, 1, 2] = mask[1, 2, 3] = mask[1, 0, 0] = 1
    write_nifti(func / VOLUME, grid)
    write_nifti(func / MASK, mask)
    recording = _read(tiny)
    assert isinstance(recording.geometry, VolumeGeometry)
    np.testing.assert_array_equal(recording.geometry.mask, mask > 0)
    np.testing.assert_array_equal(recording.data[:, 0], grid[0, 1, 2])
    np.testing.assert_array_equal(recording.data[:, 1], grid[1, 0, 0])
    assert np.isnan(recording.data[:, 2]).all()
    write_nifti(func / MASK, mask, affine=np.diag([2.0, 2, 2, 1]))
    with pytest.raises(DatasetError, match="not on the grid of its BOLD"):
        _read(tiny)


def test_volume_without_a_mask_is_taken_where_it_varies(tiny: TinyDataset) -> None:
    func = _func(tiny, [VOLUME])
    grid = np.zeros((2, 2, 2, 5), dtype=np.int16)
    grid[0, 1, 0] = np.arange(5)
    grid[1, 1, 1] = 4
    write_nifti(func / VOLUME, grid)
    np.testing.assert_array_equal(_read(tiny).data, np.arange(5.0)[:, np.newaxis])


def test_parcels_and_their_networks(tiny: TinyDataset) -> None:
    func = _func(tiny, [PARCELS])
    (func / PARCELS).write_text("A\tB b\tC\n1\tn/a\t3\n2\t5\t4.5\n0\t1\t2\n")
    recording = _read(tiny)
    np.testing.assert_array_equal(recording.data[:, [0, 2]], [[1, 3], [2, 4.5], [0, 2]])
    assert np.isnan(recording.data[:, 1]).all()
    assert recording.geometry == ParcelGeometry("Tiny", ("A", "B b", "C"))
    table = func.parents[1] / "atlases" / "atlas-Tiny" / "atlas-Tiny_dseg.tsv"
    table.parent.mkdir(parents=True)
    table.write_text("index\tlabel\tnetwork_label\n1\tC\tVis\n2\tA\tDefault\n3\tB b\tn/a\n")
    assert _read(tiny).geometry == ParcelGeometry("Tiny", ("A", "B b", "C"), ("Default", "", "Vis"))


def test_all_zeros(tiny: TinyDataset) -> None:
    func = _func(tiny, SURFACE)
    for path in SURFACE:
        write_gifti(func / path, np.zeros((4, 3)))
    with pytest.raises(DatasetError, match=r"sub-001 has no usable target in .*hemi-L"):
        _read(tiny)


def test_hemispheres_of_different_length(tiny: TinyDataset, values: np.ndarray) -> None:
    func = _func(tiny, SURFACE)
    write_gifti(func / SURFACE[0], values)
    write_gifti(func / SURFACE[1], values[:-1])
    with pytest.raises(DatasetError, match=r"has 6 volumes and .*hemi-R.* 5"):
        _read(tiny)


@pytest.mark.parametrize("content", [b"", b"no image at all", gzip.compress(b"no image", mtime=0)])
def test_files_that_are_no_images(tiny: TinyDataset, content: bytes) -> None:
    func = _func(tiny, [VOLUME])
    (func / VOLUME).write_bytes(content)
    with pytest.raises(DatasetError, match=r"preproc_bold\.nii\.gz could not be read .*truncated or not an image"):
        _read(tiny)


def test_files_that_are_cut_off(tiny: TinyDataset, values: np.ndarray) -> None:
    func = _func(tiny, [VOLUME])
    write_nifti(func / VOLUME, np.random.default_rng(0).standard_normal((8, 8, 8, 9)))
    content = (func / VOLUME).read_bytes()
    (func / VOLUME).write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match="could not be read"):
        _read(tiny)
    (func / VOLUME).unlink()
    func = _func(tiny, SURFACE)
    write_gifti(func / SURFACE[0], values)
    content = (func / SURFACE[0]).read_bytes()
    (func / SURFACE[0]).write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match=r"hemi-L_space-Tiny_bold\.func\.gii could not be read"):
        _read(tiny)


def test_content_that_was_not_downloaded(tiny: TinyDataset) -> None:
    func = _func(tiny, [VOLUME])
    (func / VOLUME).unlink()
    (func / VOLUME).symlink_to("../../.git/annex/objects/missing")
    with pytest.raises(DatasetError, match=r"get it first \(datalad get"):
        _read(tiny)


@pytest.mark.parametrize("content", ["A\tB\n1\t2\n3\n", "A\tB\n1\tx\n1\t2\n", "A\n"])
def test_broken_tables(tiny: TinyDataset, content: str) -> None:
    func = _func(tiny, [PARCELS])
    (func / PARCELS).write_text(content)
    with pytest.raises(DatasetError, match=r"timeseries\.tsv"):
        _read(tiny)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_targets_without_a_usable_signal_are_counted(tiny: TinyDataset, values: np.ndarray, bad: float) -> None:
    func = _func(tiny, SURFACE)
    values[2, 1], values[:, 4], values[:, 5] = bad, 3.0, 0.0
    write_gifti(func / SURFACE[0], values[:, :3])
    write_gifti(func / SURFACE[1], values[:, 3:])
    recording = _read(tiny)
    assert (recording.n_missing, recording.n_constant) == (1, 2)
    assert np.isnan(recording.data[:, [1, 4, 5]]).all()
    assert np.isfinite(recording.data[:, [0, 2, 3, 6, 7]]).all()


@pytest.mark.parametrize("nothing", [0.0, np.nan])
def test_volumes_without_data_are_marked_and_no_target_is_lost(
    tiny: TinyDataset, values: np.ndarray, nothing: float
) -> None:
    func = _func(tiny, SURFACE)
    values[[0, 4]], values[:, 7] = nothing, np.nan
    values[2, 3] = 0  # a value among others
    write_gifti(func / SURFACE[0], values[:, :3])
    write_gifti(func / SURFACE[1], values[:, 3:])
    recording = _read(tiny)
    assert np.flatnonzero(recording.is_empty).tolist() == [0, 4]
    assert (recording.n_missing, recording.n_constant, recording.is_usable.sum()) == (1, 0, 7)
