"""What is a run: acquisitions are runs, what one of them was made into is a choice."""

import re
from pathlib import Path

import pytest

from bids_app.bids.conftest import TinyDataset
from bids_app.bids.dataset import DatasetError, RunSelection, open_dataset

RUN = "sub-01_task-x"
CONFOUNDS = "desc-confounds_timeseries.tsv"


def _runs(tiny: TinyDataset, files: list[str], bold: dict[str, object] | None = None) -> RunSelection:
    tiny.raw(RUN)
    (tiny.root / "task-x_events.tsv").write_text("onset\tduration\tstim_file\n0\t9\ta.wav\n")
    tiny.derivative("prep", files)
    return open_dataset(tiny.root).runs("01", filters={"bold": bold} if bold else None)


@pytest.mark.parametrize("key", ["acq", "dir", "run", "ce"])
def test_acquisitions_are_runs(tiny: TinyDataset, key: str) -> None:
    assert len(_runs(tiny, [f"{RUN}_{key}-{value}_space-T1w_bold.nii.gz" for value in "12"]).runs) == 2


@pytest.mark.parametrize("key", ["rec", "echo", "proc", "res", "den", "label"])
def test_versions_of_one_acquisition_are_a_choice(tiny: TinyDataset, key: str) -> None:
    files = [f"{RUN}_{key}-{value}_space-T1w_bold.nii.gz" for value in "12"]
    message = rf'(?s){RUN} exists in several versions .*{key}-1 or {key}-2.*\{{"{key}": "1"\}}.*{key}-1_.*{key}-2_'
    with pytest.raises(DatasetError, match=message):
        _runs(tiny, files)
    (run,) = _runs(tiny, files, {key: "2"}).runs
    assert run.files[0].name == files[1]


def test_tables_of_two_reconstructions(tiny: TinyDataset) -> None:
    with pytest.raises(DatasetError, match="rec-nordic or rec-norm"):
        _runs(tiny, [f"{RUN}_rec-{rec}_seg-T_timeseries.tsv" for rec in ("norm", "nordic")])


def test_a_version_beside_one_that_names_none(tiny: TinyDataset) -> None:
    files = [f"{RUN}_space-T1w_bold.nii.gz", f"{RUN}_rec-norm_space-T1w_bold.nii.gz"]
    with pytest.raises(DatasetError, match=r"no rec or rec-norm|rec-norm or no rec"):
        _runs(tiny, files)
    assert len(_runs(tiny, files, {"rec": None}).runs) == 1


def test_combined_echoes_go_before_single_ones(tiny: TinyDataset) -> None:
    single = [f"{RUN}_echo-{echo}_desc-preproc_bold.nii.gz" for echo in "123"]
    with pytest.raises(DatasetError, match=r"echo-1 or echo-2 or echo-3.*or combine the echoes first"):
        _runs(tiny, single)
    (run,) = _runs(tiny, [*single, f"{RUN}_space-T1w_desc-preproc_bold.nii.gz"]).runs
    assert "echo" not in run.entities


def test_phase_is_no_bold(tiny: TinyDataset) -> None:
    files = [f"{RUN}_part-{part}_space-T1w_bold.nii.gz" for part in ("mag", "phase")]
    (run,) = _runs(tiny, files).runs
    assert run.files[0].name == files[0]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["_run-1_space-T1w_bold.nii.gz", "_run-01_space-T1w_bold.nii.gz"], "twice, under two spellings of its number"),
        (["_space-T1w_bold.nii.gz", "_space-T1w_bold.nii"], "twice, under an older and a newer name"),
        (
            [f"_space-fsaverage6_hemi-{hemi}.func.gii" for hemi in "LR"]
            + [f"_hemi-{hemi}_space-fsaverage6_bold.func.gii" for hemi in "LR"],
            "twice, under an older and a newer name",
        ),
    ],
)
def test_one_run_under_two_names(tiny: TinyDataset, files: list[str], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        _runs(tiny, [RUN + file for file in files])


def test_runs_that_do_not_start_at_one_and_unpadded_labels(tiny: TinyDataset) -> None:
    (tiny.root / "task-x_events.tsv").write_text("onset\tduration\tstim_file\n0\t9\ta.wav\n")
    (tiny.root / "task-x_bold.json").write_text('{"RepetitionTime": 1.5}')
    tiny.derivative("prep", [f"sub-1_task-x_run-{run}_desc-preproc_bold.nii.gz" for run in ("15", "9", "016")])
    runs = open_dataset(tiny.root).runs("1").runs
    assert sorted(run.label for run in runs) == [f"sub-1_task-x_run-{run}" for run in ("016", "15", "9")]
    assert {run.space for run in runs} == {None}


def test_confounds_and_masks_are_of_the_same_version_and_derivative(tiny: TinyDataset) -> None:
    files = [f"{RUN}_rec-{rec}_space-T1w_desc-preproc_bold.nii.gz" for rec in ("norm", "nordic")]
    tables = [f"{RUN}_rec-{rec}_{CONFOUNDS}" for rec in ("norm", "nordic")]
    tiny.derivative("another", [f"{RUN}_rec-norm_{CONFOUNDS}"])
    tiny.raw(RUN)
    prep = tiny.derivative("prep", [*files, *tables, f"{RUN}_{CONFOUNDS}"])
    dataset = open_dataset(tiny.root, [tiny.root / "derivatives" / "another", prep])
    for rec in ("norm", "nordic"):
        (run,) = dataset.runs("01", filters={"bold": {"rec": rec}}).runs
        assert run.confounds == prep / "sub-01" / "func" / f"{RUN}_rec-{rec}_{CONFOUNDS}"


@pytest.mark.parametrize("name", [f"{RUN}_desc-confounds_regressors.tsv", f"{RUN}_bold_confounds.tsv"])
def test_older_names_of_confounds(tiny: TinyDataset, name: str) -> None:
    (run,) = _runs(tiny, [f"{RUN}_space-T1w_desc-preproc_bold.nii.gz", name]).runs
    assert run.confounds is not None
    assert run.confounds.name == name


def test_a_reconstruction_on_the_list_of_exclusions(tiny: TinyDataset) -> None:
    (tiny.root / "code").mkdir()
    (tiny.root / "code" / "scan_exclude.json").write_text(f'["{RUN}_rec-norm"]')
    (run,) = _runs(tiny, [f"{RUN}_rec-{rec}_seg-T_timeseries.tsv" for rec in ("norm", "nordic")]).runs
    assert run.entities["rec"] == "nordic"


@pytest.mark.parametrize(
    ("derivative", "tool", "file", "is_clean"),
    [
        ("x", "xcp_d", "space-fsLR_seg-4S156Parcels_den-91k_stat-mean_timeseries.tsv", True),
        ("x", "XCP-D", "space-fsLR_atlas-Gordon_den-91k_timeseries.tsv", True),
        ("xcp_d", None, "space-fsLR_atlas-Gordon_den-91k_timeseries.tsv", True),
        ("x", "giga_connectome", "seg-Schaefer2018_desc-denoiseSimple_timeseries.tsv", True),
        ("x", "giga-connectome", "seg-Schaefer2018_timeseries.tsv", True),
        ("x", "other", "space-T1w_desc-denoised_bold.nii.gz", True),
        ("x", "other", "space-T1w_desc-residual_bold.nii.gz", True),
        ("x", "afni-smooth", "space-T1w_desc-clean_bold.nii.gz", True),
        ("x", "fMRIPrep", "space-T1w_desc-preproc_bold.nii.gz", False),
        ("x", "fMRIPrep", "seg-T_timeseries.tsv", False),
        ("x", "xcp_d", "space-T1w_desc-preproc_bold.nii.gz", False),
        ("x", "fMRIPrep", "space-T1w_desc-smoothAROMAnonaggr_bold.nii.gz", False),
    ],
)
def test_what_was_cleaned(tiny: TinyDataset, derivative: str, tool: str | None, file: str, is_clean: bool) -> None:
    tiny.raw(RUN)
    root = tiny.derivative(derivative, [f"{RUN}_{file}"])
    description = root / "dataset_description.json"
    description.unlink()
    if tool:
        description.write_text(f'{{"Name": "y", "BIDSVersion": "1.10.0", "GeneratedBy": [{{"Name": "{tool}"}}]}}')
    (run,) = open_dataset(tiny.root).runs("01").runs
    assert run.is_clean is is_clean


def test_tables_that_name_their_confounds_are_clean(tiny: TinyDataset) -> None:
    root = tiny.derivative("x", [f"{RUN}_seg-T_timeseries.tsv"])
    sidecar = root / "sub-01" / "func" / f"{RUN}_seg-T_timeseries.json"
    sidecar.write_text('{"SamplingFrequency": 0.5, "ConfoundRegressors": ["trans_x"]}')
    tiny.raw(RUN, repetition_time=2.0)
    assert open_dataset(tiny.root).runs("01").runs[0].is_clean


# Names as published; the BOLD is made up (empty).
def _skeleton(root: Path, files: list[str]) -> Path:
    (root / "dataset_description.json").parent.mkdir(parents=True)
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0"}')
    (root / "task-lppEN_events.tsv").write_text("onset\tduration\tstim_file\n0\t9\ta.wav\n")
    (root / "task-lppEN_bold.json").write_text('{"RepetitionTime": 2.0, "TaskName": "lppCN"}')
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


@pytest.mark.parametrize("folder", ["derivatives", "derivative", "derivative/prep", "derivatives/preprocessed_data"])
def test_folders_of_derivatives(tmp_path: Path, folder: str) -> None:
    """Le Petit Prince has no folder of a pipeline, and none of these a description."""
    name = "sub-EN057_task-lppEN_run-15_space-MNIColin27_desc-preproc_bold.nii.gz"
    root = _skeleton(tmp_path / "lpp", [f"{folder}/sub-EN057/func/{name}"])
    dataset = open_dataset(root)
    assert dataset.participants() == ["EN057"]
    (run,) = dataset.runs("EN057").runs
    assert (run.run, run.space, run.repetition_time) == ("15", "MNIColin27", 2.0)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            "derivative/preprocessed_data/UTS01/alternateithicatom.hf5",
            "hf5 is an array in HDF5, MATLAB or Python format",
        ),
        ("derivatives/x/sub-01/func/sub-01_task-lppEN_bold.mat", "mat is an array in HDF5, MATLAB or Python format"),
        ("derivatives/x/sub-1/func/sub-1_task-lppEN_bold_blur_censor_ica.nii.gz", "ends with _ica instead of _bold"),
        ("derivatives/x/sub-01/CIFTI/sub-01_task-lppEN_bold.nii.gz", "does not lie in a folder sub-LABEL/func"),
        ("derivatives/x/sub-01/MNI/sub-01_task-lppEN_run-1_bold.nii.gz", "does not lie in a folder sub-LABEL/func"),
        ("derivatives/x/func/sub-01_task-lppEN_bold.nii.gz", "does not lie in a folder sub-LABEL/func"),
        ("derivatives/x/sub-01/func/sub-01_task-lppEN_seg-T_timeseries.tsv.gz", "with the ending .tsv"),
        ("derivatives/x/sub-01/func/sub-01_task-lppEN_seg-T_timeseries.csv", "with the ending .tsv"),
        ("derivatives/x/sub-01/func/sub-01_task-lppEN_timeseries.tsv", "without seg-NAME"),
        ("derivatives/x/sub-01/func/sub-01_bold.nii.gz", "has no sub- or task-"),
    ],
)
def test_files_that_are_nearly_bold(tmp_path: Path, file: str, message: str) -> None:
    root = _skeleton(tmp_path / "data", [file])
    with pytest.raises(DatasetError, match=rf"{re.escape(file)} .*{re.escape(message.split(' ', 1)[1])}"):
        open_dataset(root)


def test_participants_without_bold(tiny: TinyDataset) -> None:
    root = tiny.derivative("prep", [f"sub-{label}_task-x_seg-T_timeseries.tsv" for label in ("01", "02", "03", "04")])
    for label in ("02", "03"):
        path = root / f"sub-{label}" / "func" / f"sub-{label}_task-x_seg-T_timeseries.tsv"
        path.unlink()
        if label == "02":
            path.symlink_to("../../.git/annex/objects/x")
    dataset = open_dataset(tiny.root)
    assert dataset.without_bold(dataset.participants()) == ["02", "03"]
