from pathlib import Path

import numpy as np
import pytest

from bids_app.bids.conftest import TinyDataset, write_nifti
from bids_app.bids.entities import build_name, parse_name
from bids_app.bids.errors import DatasetError
from bids_app.bids.metadata import repetition_time

NAME = "sub-01_ses-a_task-x_run-1_space-T1w_desc-preproc_bold.nii.gz"


def _seconds(tiny: TinyDataset, path: Path, root: Path) -> float:
    return repetition_time([path], root, tiny.root, parse_name(path).entities, "bold")


def test_the_nearest_and_most_specific_source_wins(tiny: TinyDataset) -> None:
    root = tiny.derivative("prep", [NAME])
    path = root / "sub-01" / "ses-a" / "func" / NAME
    write_nifti(path, np.zeros((2, 2, 2, 3)), repetition_time=1.0)
    assert _seconds(tiny, path, root) == 1.0
    raw = tiny.folder(tiny.root, NAME)
    write_nifti(raw / "sub-01_ses-a_task-x_run-1_bold.nii.gz", np.zeros((2, 2, 2, 3)), repetition_time=1.25)
    sources = [
        tiny.root / "task-xy_bold.json",
        tiny.root / "task-x_bold.json",
        tiny.root / "task-x_run-1_bold.json",
        raw.parents[1] / "sub-01_task-x_bold.json",
        raw / "sub-01_ses-a_task-x_bold.json",
        raw / "sub-01_ses-a_task-x_run-01_echo-1_bold.json",
        root / "task-x_bold.json",
        path.with_name(NAME.replace(".nii.gz", ".json")),
    ]
    for seconds, source in enumerate(sources, start=2):
        source.write_text(f'{{"RepetitionTime": {seconds}}}')
        assert _seconds(tiny, path, root) == (1.0 if seconds == 2 else seconds)


def test_sampling_frequency_stands_in(tiny: TinyDataset) -> None:
    root = tiny.derivative("prep", [NAME])
    path = root / "sub-01" / "ses-a" / "func" / NAME
    path.with_name(NAME.replace(".nii.gz", ".json")).write_text('{"SamplingFrequency": 0.5}')
    assert _seconds(tiny, path, root) == 2.0


def test_errors(tiny: TinyDataset) -> None:
    root = tiny.derivative("prep", [NAME])
    path = root / "sub-01" / "ses-a" / "func" / NAME
    with pytest.raises(DatasetError, match="No repetition time for"):
        _seconds(tiny, path, root)
    sidecar = path.with_name(NAME.replace(".nii.gz", ".json"))
    sidecar.write_text('{"RepetitionTime": 2000}')
    with pytest.raises(DatasetError, match="is 2000; it must be a number of seconds"):
        _seconds(tiny, path, root)
    sidecar.write_text("{")
    with pytest.raises(DatasetError, match="could not be read as JSON"):
        _seconds(tiny, path, root)


def test_milliseconds_in_the_header(tiny: TinyDataset) -> None:
    import nibabel

    root = tiny.derivative("prep", [NAME])
    path = root / "sub-01" / "ses-a" / "func" / NAME
    image = nibabel.Nifti1Image(np.zeros((2, 2, 2, 3)), np.eye(4))
    image.header["pixdim"][4] = 1500
    image.header.set_xyzt_units("mm", "msec")
    image.to_filename(path)
    assert _seconds(tiny, path, root) == 1.5


def test_names() -> None:
    with pytest.raises(ValueError, match="No place in a BIDS name for colour"):
        build_name({"colour": "red"}, "statmap")
    with pytest.raises(ValueError, match="value 'all_minilm' of model-"):
        build_name({"model": "all_minilm"}, "statmap")
    assert parse_name("a_b/stim_audio_model-x_desc-atoms_timeseries.tsv.gz").entities == {"model": "x", "desc": "atoms"}
