import json
import logging
from pathlib import Path
from typing import Any

import pytest

from bids_app.bids.errors import DatasetError
from bids_app.bids.filters import read_filters, selected

PREFIX = "sub-01_task-x_space-T1w"
PATHS = [
    Path(f"{PREFIX}_{rest}_bold.nii.gz")
    for rest in ("res-2_desc-preproc", "res-native_desc-preproc", "res-2_desc-clean", "den-32k", "rec-norm_run-01")
]
MASK = Path(f"{PREFIX}_res-2_desc-brain_mask.nii.gz")


def _passing(tmp_path: Path, bold: Any) -> list[int]:
    path = tmp_path / "filters.json"
    path.write_text(json.dumps({"bold": bold}))
    paths = selected([*PATHS, MASK], read_filters(path))
    assert MASK in paths  # what is no BOLD passes
    return [PATHS.index(bold_path) for bold_path in paths if bold_path != MASK]


@pytest.mark.parametrize(
    ("bold", "expected"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"res": "2"}, [0, 2]),
        ({"resolution": "2"}, [0, 2]),
        ({"res": 2}, [0, 2]),
        ({"res": "res-2"}, [0, 2]),
        ({"res": ["2", "native"], "desc": "preproc"}, [0, 1]),
        ({"res": None}, [3, 4]),
        ({"res": "Query.ANY"}, [0, 1, 2]),
        ({"density": "32k"}, [3]),
        ({"reconstruction": "norm", "run": 1}, [4]),
        ({"rec": None, "desc": [None, "clean"]}, [2, 3]),
        ({"datatype": "func", "suffix": "bold", "extension": ".nii.gz", "res": "native"}, [1]),
        ({"extension": "nii.gz", "suffix": "T1w"}, []),
        ({"space": "MNI"}, []),
    ],
)
def test_what_passes(tmp_path: Path, bold: dict[str, Any], expected: list[int]) -> None:
    assert _passing(tmp_path, bold) == expected


def test_filters_of_other_images_are_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "filters.json"
    path.write_text('{"t1w": {"datatype": "anat"}, "fmap": {}, "bold": {"res": "2"}}')
    with caplog.at_level(logging.INFO):
        assert read_filters(path) == {"bold": {"res": "2"}}
    assert "filters of fmap, t1w are ignored; only BOLD" in caplog.text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "must hold a JSON object, not a list"),
        ("3", "must hold a JSON object, not a int"),
        ("null", "must hold a JSON object, not a NoneType"),
        ('{"bold": ["x"]}', r"'bold' must hold entities.* not \['x'\]"),
        ('{"bold": "x"}', "'bold' must hold entities"),
        ('{"bold": ', "could not be read as JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"Bold": {}}', "has the keys Bold; only 'bold'"),
        ('{"bold": {"flavour": "sweet"}}', "'flavour' is not an entity of BIDS; there are sub, ses"),
        ('{"bold": {"hemi": "L"}}', "both hemispheres are read together; leave 'hemi' out"),
        ('{"bold": {"res": {"a": 1}}}', r"res = \{'a': 1\} must be a label"),
        ('{"bold": {"res": [[2]]}}', r"res = \[2\] must be a label"),
        ('{"bold": {"res": true}}', "res = True must be a label"),
        ('{"bold": {"res": 2.5}}', "res = 2.5 must be a label"),
        ('{"bold": {"res": []}}', "res is an empty list"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "filters.json"
    path.write_text(content)
    with pytest.raises(DatasetError, match=f"--bids-filter-file .*{message}"):
        read_filters(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"--bids-filter-file .* does not exist"):
        read_filters(tmp_path / "no.json")
