"""A group is of one data set, and of scans that are still in it, wherever the data set is mounted."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bids_app.bids.description import is_same_data_set
from bids_app.bids.outputs import find_maps
from bids_app.bids.sources import participant_labels
from bids_app.conftest import EVENTS, Study, write
from bids_app.machine.agreement import MixtureError
from bids_app.machine.completion import FOLDER, read_marker
from bids_app.run.group import run_group


def describe(study: Study, **content: str) -> None:
    text = json.dumps({"BIDSVersion": "1.10.0", "DatasetType": "raw", **content})
    write(study.root / "dataset_description.json", text)


def other(study: Study, *labels: str, name: str = "t") -> Study:
    """Another data set whose folders, story and OUT_DIR are those of the first, with other people."""
    made = Study(study.root.with_name("other") / "ds", study.out)
    made.describe()
    describe(made, Name=name)
    for label in labels:
        made.add(label, seed=10 + int(label))
    return made


def group(study: Study, **changes: Any) -> list[str]:
    """Labels of the participants in the group."""
    run_group(study.settings(**changes), "group")
    (mean,) = find_maps(study.out, "brainscore", "mean", level="group")
    participants = mean.sidecar["Participants"]
    assert isinstance(participants, list)
    return participants


@pytest.mark.parametrize("name", ["t", "another name"])
def test_two_data_sets_make_no_group(study: Study, name: str, caplog: pytest.LogCaptureFixture) -> None:
    second = other(study, "03", "04", name=name)
    for label in ("01", "02"):
        study.run(label)
    for label in ("03", "04"):
        second.run(label)
    message = r"not in BIDS_DIR \S*other/ds \(participants 01, 02\)\. Leave them out with --exclude-participant-label"
    with pytest.raises(MixtureError, match=message):
        group(second)
    with pytest.raises(MixtureError, match=r"not in BIDS_DIR \S*ds \(participants 03, 04\)"):
        group(study)
    assert group(second, exclude_participant_label=("01", "02")) == ["03", "04"]
    assert group(study, participant_label=("01", "02")) == ["01", "02"]
    assert not caplog.records
    with pytest.raises(MixtureError):
        group(study, exclude_participant_label=("03",))
    assert group(study, participant_label=("01", "02", "03", "04")) == ["01", "02", "03", "04"]
    assert "(participants 03, 04): they count, because --participant-label names them" in caplog.text


def test_without_the_data_two_data_sets_are_known_by_their_names(study: Study) -> None:
    """As in a container into which only OUT_DIR is mounted."""
    study.run("01")
    shutil.copytree(study.root, study.root.with_name("kept"))
    second = other(study, "03", name="another name")
    second.run("03")
    for made in (study, second):
        shutil.rmtree(made.root)
    with pytest.raises(MixtureError, match=r"several data sets \(01 of 't'; 03 of 'another name'\)\. Leave"):
        group(study)
    assert group(study, exclude_participant_label=("03",)) == ["01"]
    study.root.mkdir()  # as an empty mount point
    assert group(study, exclude_participant_label=("03",)) == ["01"]


def leave(study: Study) -> None:
    study.remove("02")


def leave_with_folders(study: Study) -> None:
    for folder in (study.root, study.deriv):
        shutil.rmtree(folder / "sub-02")


def leave_the_preprocessed_data(study: Study) -> None:
    shutil.rmtree(study.deriv / "sub-02")


def stay_in_old_results(study: Study) -> None:
    leave_with_folders(study)
    shutil.copytree(study.out, study.root / "derivatives" / "old")
    write(
        study.root / "derivatives" / "old" / "dataset_description.json",
        json.dumps({"Name": "o", "BIDSVersion": "1.10.0", "GeneratedBy": [{"Name": "neurons2networks"}]}),
    )


@pytest.mark.parametrize("change", [leave, leave_with_folders, leave_the_preprocessed_data, stay_in_old_results])
def test_who_has_left_the_data_set_is_not_counted(study: Study, change: Callable[[Study], None]) -> None:
    study.run("01"), study.run("02")
    assert group(study) == ["01", "02"]
    change(study)
    with pytest.raises(MixtureError, match=r"not in BIDS_DIR \S* \(participants 02\)"):
        group(study)
    assert group(study, exclude_participant_label=("02",)) == ["01"]


def move(study: Study) -> None:
    study.root = study.root.rename(study.root.with_name("mounted-elsewhere"))


def keep_links_alone(study: Study) -> None:
    """DataLad: the content of the BOLD was dropped."""
    for path in study.deriv.glob("sub-*/func/*.tsv"):
        path.unlink()
        path.symlink_to("../nowhere")


def add_a_doi(study: Study) -> None:
    describe(study, Name="t", DatasetDOI="doi:10.18112/openneuro.ds000001.v1.0.0")


def rename_alone(study: Study) -> None:
    """No data that would tell: only upper case and spaces differ."""
    describe(study, Name=" T ")


def remove_the_preprocessed_data(study: Study) -> None:
    """To save room; reports may stay."""
    for label in ("01", "02"):
        study.remove(label)
        study.events(label)


def lose_the_description(study: Study) -> None:
    (study.root / "dataset_description.json").unlink()


def forget_the_data_set(study: Study) -> None:
    """Markers of earlier versions do not hold the data set."""
    for path in (study.out / FOLDER).glob("sub-*_complete.json"):
        marker = {key: value for key, value in read_marker(path).items() if key not in ("DataSet", "Checksum")}
        path.write_text(json.dumps(marker))


def lie_in_the_data_set(study: Study) -> None:
    study.out = Path(shutil.move(study.out, study.root / "derivatives" / "n2n"))


@pytest.mark.parametrize(
    "change",
    [
        move,
        keep_links_alone,
        remove_the_preprocessed_data,
        add_a_doi,
        rename_alone,
        lose_the_description,
        forget_the_data_set,
        lie_in_the_data_set,
    ],
)
def test_a_data_set_is_the_same_where_it_is_mounted_and_how_it_is_described(
    study: Study, change: Callable[[Study], None], caplog: pytest.LogCaptureFixture
) -> None:
    study.run("01"), study.run("02")
    change(study)
    assert group(study) == ["01", "02"]
    assert not caplog.records


def test_raw_data_need_not_be_there(study: Study) -> None:
    """The raw part holds the events of all, and nobody's folder."""
    for label in participant_labels(study.root):
        shutil.rmtree(study.root / f"sub-{label}")
    write(study.root / "task-tale_events.tsv", EVENTS.format(story="tale"))
    study.run("01"), study.run("02")
    assert group(study) == ["01", "02"]


def test_preprocessed_data_may_lie_elsewhere(study: Study, caplog: pytest.LogCaptureFixture) -> None:
    elsewhere = shutil.move(study.deriv, study.root.with_name("fmriprep"))
    for label in ("01", "02"):
        study.run(label, derivatives=(elsewhere,))
    shutil.rmtree(study.root / "sub-02")
    assert group(study, derivatives=(elsewhere,)) == ["01", "02"]
    with pytest.raises(MixtureError, match=r"\(participants 02\).*with -d for preprocessed data elsewhere"):
        group(study)
    shutil.rmtree(study.root / "sub-01")
    assert group(study) == ["01", "02"]
    assert "BIDS_DIR has no participants" in caplog.text


def test_another_bids_dir_is_a_mistake(study: Study) -> None:
    study.run("01"), study.run("02")
    second = other(study, "01", "02", name="another name")
    message = r"another data set \(01, 02 of 't'\), but BIDS_DIR \S*other/ds is 'another name'.*give the BIDS_DIR that"
    with pytest.raises(MixtureError, match=message):
        group(second)


@pytest.mark.parametrize(
    ("name", "message"),
    [("another name", r"\(01 of 'another name'\), but BIDS_DIR \S* is 't'"), ("t", r"scans .* \(participants 01\)")],
)
def test_one_label_in_two_data_sets_is_two_people(study: Study, name: str, message: str) -> None:
    second = other(study, "02", name=name)
    study.run("01")
    second.remove("02")
    write(second.root / "sub-01" / "func" / "sub-01_task-tale_run-2_events.tsv", EVENTS.format(story="tale"))
    second.bold("01", "_run-2", seed=5)
    second.run("01")
    with pytest.raises(MixtureError, match=message):
        group(study)


def test_a_new_name_is_noted_once_the_files_have_been_compared(study: Study) -> None:
    study.run("01")
    describe(study, Name="The tale", DatasetDOI="10.1/tale.v1")
    study.run("02")
    with pytest.raises(MixtureError, match=r"\(01 of 't'\).*is 'The tale' \(10\.1/tale\.v1\).*participant level again"):
        group(study)
    assert study.run("01") == 0
    assert group(study) == ["01", "02"]


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ({"Name": "A", "DOI": "10.1/x.v1.0.0"}, {"Name": "B", "DOI": "https://doi.org/10.1/X.v2.1"}, True),
        ({"Name": "A", "DOI": "doi:10.1/x"}, {"Name": "A", "DOI": "10.1/y"}, False),
        ({"Name": "A", "DOI": "10.1/x"}, {"Name": "a "}, True),
        ({"Name": "A"}, {"Name": "B"}, False),
        ({"Name": "A"}, {"DOI": "10.1/x"}, True),
        ({}, {"Name": "A"}, True),
    ],
)
def test_versions_of_a_doi_or_else_equal_names_are_one_data_set(
    one: dict[str, str], two: dict[str, str], expected: bool
) -> None:
    assert is_same_data_set(one, two) is is_same_data_set(two, one) is expected
