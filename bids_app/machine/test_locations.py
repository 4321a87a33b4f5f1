import json
from pathlib import Path
from typing import Any

import pytest

from bids_app.machine.locations import check_derivatives, check_locations
from bids_app.machine.run_folders import RunFolders
from bids_app.settings import Settings


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for folder in ("sub-01/func", "sourcedata", "derivatives/fmriprep/sub-01"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    return tmp_path / "data"


def settings(data: Path, out: Path, **more: Any) -> RunFolders:
    return RunFolders.of(Settings(data, out, "participant", **more))


def files(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("data", "is BIDS_DIR, where nothing is written"),
        ("data/sub-01/out", "lies in the raw data"),
        ("data/sub-99", "lies in the raw data"),
        ("data/sourcedata/models/gpt2", "lies in the raw data"),
        ("data/code", "lies in the raw data"),
        ("data/derivatives", "folder of all derivatives"),
        (".", "contains BIDS_DIR"),
    ],
)
def test_nothing_is_written_into_what_is_raw(data: Path, out: str, message: str) -> None:
    before = files(data)
    with pytest.raises(ValueError, match=message):
        check_locations(settings(data, (data.parent / out).resolve()))
    assert files(data) == before


@pytest.mark.parametrize("out", ["data/derivatives/neurons2networks", "data/results", "out", "sub-01/out"])
def test_beside_the_raw_data_all_is_allowed(data: Path, out: str) -> None:
    check_locations(settings(data, data.parent / out))


def test_links_lead_to_the_same_folder(data: Path, tmp_path: Path) -> None:
    (tmp_path / "short").symlink_to(data / "sub-01")
    with pytest.raises(ValueError, match="lies in the raw data"):
        check_locations(settings(data, tmp_path / "short" / "out"))
    (tmp_path / "elsewhere").mkdir()
    (data / "sub-02").symlink_to(tmp_path / "elsewhere")  # as a data set whose participants lie on another disk
    with pytest.raises(ValueError, match="lies in the raw data"):
        check_locations(settings(data, tmp_path / "elsewhere" / "out"))
    with pytest.raises(ValueError, match="--work-dir"):
        check_locations(settings(data, tmp_path / "out", work_dir=data / "sub-01"))
    check_locations(settings(data, tmp_path / "out", work_dir=tmp_path))  # a scratch disk holds much


def test_a_derivative_that_is_read_is_not_written_into(data: Path) -> None:
    fmriprep = data / "derivatives" / "fmriprep"
    for out, message in ((fmriprep, "lies in"), (fmriprep / "n2n", "lies in")):
        with pytest.raises(ValueError, match=message):
            check_derivatives(settings(data, out), {"fmriprep": fmriprep})
    other = data.parent / "other" / "fmriprep"
    other.mkdir(parents=True)
    with pytest.raises(ValueError, match="contains"):
        check_derivatives(settings(data, other.parent), {"fmriprep": other})
    inside = settings(data, data / "derivatives" / "n2n")
    check_derivatives(inside, {"fmriprep": fmriprep})
    check_derivatives(inside, {"derivatives": data / "derivatives"})
    check_derivatives(inside, {"data": data})


def test_files_of_others_are_left_alone(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in (".git", ".datalad", "logs", "work"):
        (out / name).mkdir(parents=True)
    (out / "README.md").touch()
    check_locations(settings(data, out, work_dir=out / "work"))
    (out / "thesis.docx").touch()
    with pytest.raises(ValueError, match=r"holds other files \(thesis.docx, work\): give an OUT_DIR"):
        check_locations(settings(data, out))
    (out / "dataset_description.json").write_text(json.dumps({"GeneratedBy": [{"Name": "neurons2networks"}]}))
    check_locations(settings(data, out))
    (out / "dataset_description.json").write_text(json.dumps({"Name": "fMRIPrep"}))
    with pytest.raises(ValueError, match="holds another data set"):
        check_locations(settings(data, out))


def test_a_name_that_no_disk_takes(data: Path, tmp_path: Path) -> None:
    for out in (tmp_path / ("x" * 300), tmp_path / "/".join(["y" * 200] * 20)):
        with pytest.raises(OSError, match="too long for this disk"):
            check_locations(settings(data, out))
