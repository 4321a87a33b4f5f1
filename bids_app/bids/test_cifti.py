from contextlib import suppress
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
import pytest
from nibabel.cifti2 import BrainModelAxis, LabelAxis, ParcelsAxis, ScalarAxis, SeriesAxis

from bids_app.bids.alignment import align, placed
from bids_app.bids.cifti import CiftiGeometry, series_step
from bids_app.bids.conftest import TinyDataset
from bids_app.bids.dataset import DatasetError, open_dataset
from bids_app.bids.headers import count_volumes
from bids_app.bids.outputs import SidecarFields, find_maps, write_maps
from bids_app.bids.recording import read_recording

RUN = "sub-001_task-pieman"
SERIES = f"{RUN}_space-fsLR_den-91k_desc-denoised_bold.dtseries.nii"
N = 642  # vertices of a hemisphere
AFFINE = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
RNG = np.random.default_rng(0)


def brain_models(
    left: npt.NDArray[np.bool_] | None = None,
    right: npt.NDArray[np.bool_] | None = None,
    deep: npt.NDArray[np.bool_] | None = None,
) -> BrainModelAxis:
    """Both cortices without their medial walls, and two structures of voxels."""
    left = np.arange(N) % 7 > 0 if left is None else left
    right = np.arange(N) % 5 > 0 if right is None else right
    deep = np.indices((4, 5, 6)).sum(axis=0) % 2 > 0 if deep is None else deep
    lower = deep & (np.arange(6) < 3)
    return (
        BrainModelAxis.from_mask(left, "CIFTI_STRUCTURE_CORTEX_LEFT")
        + BrainModelAxis.from_mask(right, "CIFTI_STRUCTURE_CORTEX_RIGHT")
        + BrainModelAxis.from_mask(lower, "ACCUMBENS_LEFT", affine=AFFINE)
        + BrainModelAxis.from_mask(deep & ~lower, "HIPPOCAMPUS_LEFT", affine=AFFINE)
    )


GEOMETRY = CiftiGeometry("fsLR", "91k", brain_models())


def write_series(
    path: Path, axis: BrainModelAxis, values: npt.NDArray[np.float32], step: float = 1.5, unit: str = "SECOND"
) -> None:
    image = nibabel.Cifti2Image(values, (SeriesAxis(0, step, len(values), unit=unit), axis))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.to_filename(path)


@pytest.fixture
def run(tiny: TinyDataset) -> tuple[TinyDataset, Path, npt.NDArray[np.float32]]:
    """A run of grayordinates whose repetition time stands nowhere but in the file."""
    tiny.raw(RUN, repetition_time=None)
    folder = tiny.derivative("xcp_d", [SERIES]) / "sub-001" / "func"
    values = RNG.standard_normal((6, GEOMETRY.n_targets)).astype(np.float32)
    write_series(folder / SERIES, GEOMETRY.axis, values, step=0.8)
    return tiny, folder / SERIES, values


def test_a_run_is_read_with_its_brain_models_and_the_time_of_its_series(
    run: tuple[TinyDataset, Path, npt.NDArray[np.float32]],
) -> None:
    tiny, path, values = run
    values[2, 5], values[:, 9] = np.nan, 4.0
    write_series(path, GEOMETRY.axis, values, step=0.8)
    (the_run,) = open_dataset(tiny.root).runs("001").runs
    assert (the_run.kind, the_run.space, the_run.is_clean, the_run.repetition_time) == ("cifti", "fsLR", True, 0.8)
    recording = read_recording(the_run)
    expected = values.copy()
    expected[:, [5, 9]] = np.nan
    np.testing.assert_array_equal(recording.data, expected)
    assert recording.geometry.same_targets(GEOMETRY)
    assert (recording.n_missing, recording.n_constant) == (1, 1)
    assert the_run.space_entities() == recording.geometry.space_entities() == {"space": "fsLR", "den": "91k"}


def test_a_series_in_hertz_gives_no_repetition_time(run: tuple[TinyDataset, Path, npt.NDArray[np.float32]]) -> None:
    tiny, path, values = run
    write_series(path, GEOMETRY.axis, values, unit="HERTZ")
    with pytest.raises(DatasetError, match="No repetition time"):
        open_dataset(tiny.root).runs("001")


def test_maps_are_named_scalars_on_the_same_brain_models(tmp_path: Path) -> None:
    maps = RNG.standard_normal((3, GEOMETRY.n_targets)).astype(np.float32)
    maps[1, 4] = np.nan
    entities = {"sub": "001", "task": "pieman", "stat": "r", "desc": "atoms"}
    (path,) = write_maps(tmp_path, entities, GEOMETRY, maps, ["a", "b", "c"], SidecarFields([], {}, "Maps."))
    assert path.name == "sub-001_task-pieman_space-fsLR_den-91k_stat-r_desc-atoms_statmap.dscalar.nii"
    image = nibabel.load(path)
    assert image.nifti_header.get_intent()[0] == "ConnDenseScalar"
    assert list(image.header.get_axis(0).name) == ["a", "b", "c"]
    assert image.header.get_axis(1) == GEOMETRY.axis
    (output,) = find_maps(tmp_path, "atoms", "r")
    read, same = output.load()
    np.testing.assert_array_equal(read, maps)
    assert same.same_targets(GEOMETRY)
    assert same.space_entities() == GEOMETRY.space_entities()


def test_a_surface_of_the_same_name_is_another_output(tmp_path: Path) -> None:
    from bids_app.bids.geometry import SurfaceGeometry

    entities = {"sub": "001", "task": "pieman", "stat": "r", "desc": "atoms"}
    for geometry in (CiftiGeometry("fsLR", "", GEOMETRY.axis), SurfaceGeometry("fsLR", 3, 3)):
        write_maps(
            tmp_path, entities, geometry, np.ones((1, geometry.n_targets)), ["r"], SidecarFields([], {}, "Maps.")
        )
    assert sorted(len(output.paths) for output in find_maps(tmp_path, "atoms", "r")) == [1, 2]


def test_cortex_differs_from_deeper_structures() -> None:
    cortex = GEOMETRY.cortex
    n_left = int((np.arange(N) % 7 > 0).sum())
    assert cortex.n_vertices == (N, N)
    np.testing.assert_array_equal(cortex.vertices[:n_left], np.flatnonzero(np.arange(N) % 7 > 0))
    np.testing.assert_array_equal(cortex.vertices[n_left:] - N, np.flatnonzero(np.arange(N) % 5 > 0))
    values = np.arange(GEOMETRY.n_targets, dtype=np.float32)
    mesh = cortex.on_mesh(values)
    assert np.isnan(mesh[0])  # medial wall
    assert (mesh[1], mesh[N + 1]) == (0, n_left)


def test_grayordinates_are_aligned_on_those_that_all_have() -> None:
    other = CiftiGeometry("fsLR", "91k", brain_models(left=np.arange(N) % 3 > 0, deep=np.ones((4, 5, 6), bool)))
    common, (first, second) = align([GEOMETRY, other])
    np.testing.assert_array_equal(GEOMETRY.keys[first], other.keys[second])
    np.testing.assert_array_equal(common.keys, GEOMETRY.keys[first])
    assert common.n_targets == len(set(GEOMETRY.keys) & set(other.keys)) < GEOMETRY.n_targets
    values = RNG.standard_normal((2, other.n_targets)).astype(np.float32)
    laid = placed(values, other, GEOMETRY)
    assert laid is not None
    np.testing.assert_array_equal(laid[:, first], values[:, second])
    assert np.isnan(laid).any(axis=0).sum() == GEOMETRY.n_targets - common.n_targets
    assert len(set(GEOMETRY.keys)) == GEOMETRY.n_targets


def test_other_meshes_and_grids_are_refused_with_names() -> None:
    moved = GEOMETRY.axis[:]
    moved.affine = AFFINE + 1
    finer = BrainModelAxis.from_mask(np.ones(N + 1, bool), "CIFTI_STRUCTURE_CORTEX_LEFT")
    for axis in (moved, finer):
        with pytest.raises(DatasetError, match=r"of sub-1, sub-2 and cifti fsLR 91k .* of sub-3"):
            align([GEOMETRY, GEOMETRY, CiftiGeometry("fsLR", "91k", axis)], ["sub-1", "sub-2", "sub-3"])
    assert placed(np.zeros((1, N + 1), np.float32), CiftiGeometry("fsLR", "91k", finer), GEOMETRY) is None


def test_files_that_hold_no_grayordinates_in_time(run: tuple[TinyDataset, Path, npt.NDArray[np.float32]]) -> None:
    tiny, path, values = run
    (the_run,) = open_dataset(tiny.root).runs("001").runs
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2 + 2_000])
    with pytest.raises(DatasetError, match=r"bold\.dtseries\.nii could not be read"):
        read_recording(the_run)
    parcels = ParcelsAxis.from_brain_models([("A", GEOMETRY.axis[:5]), ("B", GEOMETRY.axis[5:9])])
    nibabel.Cifti2Image(values[:, :2], (SeriesAxis(0, 1, 6), parcels)).to_filename(path)
    with pytest.raises(DatasetError, match="holds a ParcelsAxis where grayordinates are needed"):
        read_recording(the_run)
    nibabel.Nifti1Image(np.zeros((2, 2, 2, 5)), np.eye(4)).to_filename(path)
    with pytest.raises(DatasetError, match="not a CIFTI file"):
        read_recording(the_run)
    for axis in (ScalarAxis(list("abcdef")), LabelAxis(list("abcdef"), {0: ("?", (0, 0, 0, 0))})):
        nibabel.Cifti2Image(values, (axis, GEOMETRY.axis)).to_filename(path)
        with pytest.raises(DatasetError, match="no series in time"):
            read_recording(the_run)


@pytest.mark.filterwarnings("ignore:Dataobj shape")
def test_a_header_that_is_no_cifti_is_named(run: tuple[TinyDataset, Path, npt.NDArray[np.float32]]) -> None:
    tiny, path, _ = run
    (the_run,) = open_dataset(tiny.root).runs("001").runs
    content = path.read_bytes()
    for number in (b"0", b"1"):
        path.write_bytes(content.replace(b'AppliesToMatrixDimension="%s"' % number, b'AppliesToMatrixDimension="4"'))
        for read in (read_recording, count_volumes, lambda run: series_step(run.files[0])):
            with suppress(DatasetError):  # the only error that may come
                read(the_run)
        with pytest.raises(DatasetError, match="could not be read"):
            read_recording(the_run)
