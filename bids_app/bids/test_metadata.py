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
    for number, source in enumerate(sources):
        seconds = 2 + number / 1000  # closer than the tolerance, so that the nearest counts
        source.write_text(f'{{"RepetitionTime": {seconds}}}')
        assert _seconds(tiny, path, root) == (1.0 if number == 0 else seconds)


def test_single_echoes_of_a_derivative_are_files_of_their_own(tiny: TinyDataset) -> None:
    root = tiny.derivative("prep", [NAME])
    path = root / "sub-01" / "ses-a" / "func" / NAME
    path.with_name("sub-01_ses-a_task-x_run-1_echo-1_bold.json").write_text('{"RepetitionTime": 3}')
    tiny.raw("sub-01_ses-a_task-x_run-1_echo-1", repetition_time=2.0)
    assert _seconds(tiny, path, root) == 2.0


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
    for value, message in (
        ("2000", r"RepetitionTime in .* is 2000, which looks like milliseconds: .* such as 2\. "),
        ("0", "is 0; it must be a number of seconds above 0"),
        ("-1.5", "is -1.5; it must"),
        ("NaN", "is nan; it must"),
        ("true", "is True; it must"),
        ('"2.0"', "is '2.0'; it must"),
        ("[2]", r"is \[2\]; it must"),
        ("9" * 400, "is 9{60}; it must"),  # more than a float holds
        ("-" + "9" * 400, "is -9{59}; it must"),
        ("1e999", "is inf; it must"),
    ):
        sidecar.write_text(f'{{"RepetitionTime": {value}}}')
        with pytest.raises(DatasetError, match=message):
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
    with pytest.raises(ValueError, match="BIDS names cannot hold colour"):
        build_name({"colour": "red"}, "statmap")
    with pytest.raises(ValueError, match="value 'all_minilm' of model-"):
        build_name({"model": "all_minilm"}, "statmap")
    assert parse_name("a_b/stim_audio_model-x_desc-atoms_timeseries.tsv.gz").entities == {"model": "x", "desc": "atoms"}


@pytest.mark.parametrize("header", [1.5, 2.03, 0.002, -2.0])
def test_sources_that_differ_are_both_named(tiny: TinyDataset, header: float) -> None:
    root = tiny.derivative("prep", [NAME])
    path = root / "sub-01" / "ses-a" / "func" / NAME
    write_nifti(path, np.zeros((2, 2, 2, 3)), repetition_time=header)
    (tiny.root / "task-x_bold.json").write_text('{"RepetitionTime": 2}')
    with pytest.raises(DatasetError, match=rf"is 2 s in .*task-x_bold\.json and {header:g} s in .*preproc_bold\.nii"):
        _seconds(tiny, path, root)
    sidecar = path.with_name(NAME.replace(".nii.gz", ".json"))
    sidecar.write_text('{"RepetitionTime": 1.2}')
    with pytest.raises(DatasetError, match=r"is 1.2 s in .*preproc_bold\.json and 2 s in .*task-x_bold\.json"):
        _seconds(tiny, path, root)


@pytest.mark.parametrize("header", [0.0, 1.0, 2.001, 2000.0])
def test_headers_that_say_nothing_else_give_way(tiny: TinyDataset, header: float) -> None:
    """Of Narratives' raw images the headers hold 1500 s."""
    root = tiny.derivative("prep", [NAME])
    path = root / "sub-01" / "ses-a" / "func" / NAME
    write_nifti(path, np.zeros((2, 2, 2, 3)), repetition_time=header)
    (tiny.root / "task-x_bold.json").write_text('{"RepetitionTime": 2}')
    assert _seconds(tiny, path, root) == 2.0


def test_headers_alone(tiny: TinyDataset) -> None:
    root = tiny.derivative("prep", [NAME])
    path = root / "sub-01" / "ses-a" / "func" / NAME
    for header, message in (
        (1500.0, "header of .* is 1500, which looks like milliseconds"),
        (-2.0, "is -2.0; it must"),
    ):
        write_nifti(path, np.zeros((2, 2, 2, 3)), repetition_time=header)
        with pytest.raises(DatasetError, match=message):
            _seconds(tiny, path, root)
    write_nifti(path, np.zeros((2, 2, 2, 3)), repetition_time=0.8)
    assert _seconds(tiny, path, root) == pytest.approx(0.8)


def test_volume_timing(tiny: TinyDataset) -> None:
    root = tiny.derivative("prep", [NAME])
    path = root / "sub-01" / "ses-a" / "func" / NAME
    sidecar = tiny.root / "task-x_bold.json"
    sidecar.write_text('{"VolumeTiming": [0, 2.5, 5.0, 7.5]}')
    assert _seconds(tiny, path, root) == 2.5
    sidecar.write_text('{"VolumeTiming": [0, 2.5, 5.0, 9.5]}')
    with pytest.raises(DatasetError, match=r"steps from 2.5 to 4.5 s: only volumes at equal distances"):
        _seconds(tiny, path, root)
    sidecar.write_text(f'{{"VolumeTiming": [0, {"9" * 400}]}}')
    with pytest.raises(DatasetError, match=r"step of VolumeTiming in .* is inf; it must"):
        _seconds(tiny, path, root)
    sidecar.write_text('{"VolumeTiming": "0 2.5"}')
    with pytest.raises(DatasetError, match="is not a list of at least two times"):
        _seconds(tiny, path, root)
