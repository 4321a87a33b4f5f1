"""The group level counts what is whole and belongs together, and nothing else."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from bids_app import __version__
from bids_app.analyses.collection import collect, collections
from bids_app.analyses.writer import Writer
from bids_app.bids.geometry import SurfaceGeometry
from bids_app.bids.outputs import find_maps
from bids_app.conftest import Study, write
from bids_app.machine.agreement import MixtureError, NoResultsError, check_outputs, check_whole
from bids_app.machine.completion import FOLDER, leave_aside
from bids_app.run.group import run_group
from bids_app.settings import Settings

TABLE = "seg-T_dseg.tsv"
SCORES = {"task": "tale", "seg": "T", "model": "tinygpt", "stat": "r", "desc": "brainscore"}


def scores(study: Study) -> dict[str, npt.NDArray[np.float32]]:
    collection = collect(study.out, SCORES)
    return {who: maps[0] for who, maps in zip(collection.participants, collection.maps.participants(), strict=True)}


def values(study: Study, label: str, run: str = "") -> npt.NDArray[np.float32]:
    (output,) = [
        written
        for written in find_maps(study.out, "brainscore", "r", sub=label)
        if written.entities.get("run", "") == run.removeprefix("_run-")
    ]
    return np.asarray(output.load()[0][0])


def test_a_run_that_arrives_later_takes_the_place_of_the_first_alone(
    study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    study.remove("01")
    study.add("01", "_run-1", seed=1)
    study.run("01"), study.run("02")
    study.add("01", "_run-2", seed=4)
    with caplog.at_level(logging.INFO, "neurons2networks"):
        assert (study.run("01"), study.run("02")) == (1, 0)
    assert any("supersedes sub-01_task-tale_run-1_seg-T" in message for message in caplog.messages)
    assert not np.allclose(values(study, "01"), values(study, "01", "_run-1"))
    np.testing.assert_array_equal(scores(study)["01"], values(study, "01"))
    assert len(list(collections(study.out, "brainscore", "r"))) == 1
    # The second run is left out after all: now the pooled maps are the old ones.
    exclusions = write(study.root / "exclude.json", json.dumps(["sub-01_task-tale_run-2"]))
    study.run("01", exclude_scans=exclusions)
    np.testing.assert_array_equal(scores(study)["01"], values(study, "01", "_run-1"))
    study.run("01")
    np.testing.assert_array_equal(scores(study)["01"], values(study, "01"))


def test_runs_without_common_bold_all_count(study: Study) -> None:
    study.remove("01")
    study.add("01", "_run-1", seed=1)
    study.add("01", "_run-2", seed=4)
    study.run("01", run_id=("1",)), study.run("01", run_id=("2",)), study.run("02")
    expected = (values(study, "01", "_run-1") + values(study, "01", "_run-2")) / 2
    np.testing.assert_allclose(scores(study)["01"], expected, rtol=1e-6)


def test_different_settings_are_never_averaged(study: Study) -> None:
    study.run("01", delays=4)
    for path in (study.out / FOLDER).glob("*_settings.json"):  # as two runs leave them on a disk without locks
        path.unlink()
    study.run("02", delays=6)
    with pytest.raises(MixtureError, match=r"delays is 4 in sub-01 and 6 in sub-02\. Nothing is averaged"):
        collect(study.out, SCORES)


def test_different_models_of_the_same_name_are_never_averaged(study: Study) -> None:
    study.run("01")
    write(study.root / "tinygpt" / "model.safetensors", "other weights")
    study.run("02")
    with pytest.raises(MixtureError, match=r"the model is \w+ in sub-01 and \w+ in sub-02"):
        collect(study.out, SCORES)


def test_maps_of_a_scan_that_is_left_out_later_do_not_count(study: Study, caplog: pytest.LogCaptureFixture) -> None:
    study.run("01"), study.run("02")
    before = scores(study)
    leave_aside(study.out, lambda run: run["sub"] == "02")
    assert scores(study).keys() == {"01"}
    with caplog.at_level(logging.INFO, "neurons2networks"):
        check_outputs(study.out)
    assert any("made from an excluded scan" in message for message in caplog.messages)
    leave_aside(study.out, lambda run: False)
    assert scores(study).keys() == before.keys() == {"01", "02"}


def test_the_group_is_of_the_participants_that_are_asked_for(study: Study) -> None:
    for label in ("03", "04"):
        study.add(label, seed=int(label))
    for label in ("01", "02", "03", "04"):
        study.run(label)
    expected = np.mean([values(study, label) for label in ("01", "02", "04")], axis=0)
    for chosen in ({"exclude_participant_label": ("03",)}, {"participant_label": ("01", "02", "04")}):
        run_group(study.settings(**chosen), "group")
        (mean,) = find_maps(study.out, "brainscore", "mean", level="group")
        np.testing.assert_allclose(mean.load()[0][0], expected, rtol=1e-5)
    with pytest.raises(NoResultsError, match="holds no maps of participant 05; it has 01, 02, 03, 04"):
        run_group(study.settings(participant_label=("01", "05")), "group")
    with pytest.raises(NoResultsError, match="of a participant that is left"):
        run_group(study.settings(exclude_participant_label=("01", "02", "03", "04")), "group")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda study, mask: study.words(0.39) or {"mask": mask}, "the content of the words of tale"),
        (lambda study, mask: {"mask": write(mask, "A\nC\n")}, "the content of the mask"),
        (lambda study, mask: {}, "the content of the mask"),
        (
            lambda study, mask: write(study.deriv / TABLE, "index\tname\n1\tA\n3\tB\n2\tC\n") and {"mask": mask},
            f"the content of the atlas {TABLE}",
        ),
    ],
)
def test_inputs_of_all_that_were_changed_between_participants_are_never_averaged(
    study: Study, change: Callable[[Study, Path], dict[str, Path]], message: str
) -> None:
    mask = write(study.root / "mask.txt", "A\nB\n")
    write(study.deriv / TABLE, "index\tname\n1\tA\n2\tB\n3\tC\n")
    study.run("01", mask=mask)
    study.run("02", **change(study, mask))
    with pytest.raises(MixtureError, match=message):
        collect(study.out, SCORES)


def test_participants_may_differ_in_the_runs_that_are_read(study: Study) -> None:
    study.run("01", run_id=())
    study.add("02", "_run-3", seed=3)
    study.run("02", run_id=("3",))
    assert len(scores(study)) == 2


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b""), lambda path: path.unlink()])
def test_what_is_broken_is_named_with_what_to_run(study: Study, damage: Callable[[Path], int | None]) -> None:
    study.run("01"), study.run("02")
    broken = next(study.out.glob("sub-02/func/*stat-p*.tsv"))
    damage(broken)
    with pytest.raises(MixtureError, match=rf"sub-02.*{broken.name}.*run the participant level again"):
        run_group(study.settings(), "group")
    study.run("02")
    check_outputs(study.out)


def test_reports_alone_are_not_made_of_what_is_damaged(study: Study) -> None:
    study.run("01"), study.run("02")
    run_group(study.settings(), "group")
    check_whole(study.out, ["01", "02"])
    check_whole(study.out, None)
    for folder, level in (("group", "group"), ("sub-02/func", "participant")):
        path = next((study.out / folder).glob("*stat-*.tsv"))
        path.write_text(path.read_text().replace("0.", "1.", 1))
        participants = ["01", "02"] if level == "participant" else None
        with pytest.raises(
            MixtureError, match=f"the content of .*{path.name} has changed.*run the {level} level again"
        ):
            check_whole(study.out, participants)
    check_whole(study.out, ["01"])


def test_removed_outputs_are_left_aside(study: Study, caplog: pytest.LogCaptureFixture) -> None:
    study.run("01"), study.run("02")
    for path in study.out.glob("sub-02/func/*"):
        path.unlink()
    with caplog.at_level(logging.INFO, "neurons2networks"):
        check_outputs(study.out)
    assert any("sub-02" in message and "were removed" in message for message in caplog.messages)
    assert list(scores(study)) == ["01"]


def test_a_lone_hemisphere_and_maps_without_a_marker_are_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = Writer(tmp_path, {"sub": "01", "space": "test"}, [], {}, lambda: SurfaceGeometry("test", 3, 3))
    left, right = writer.maps("brainscore", "r", np.ones((1, 6), dtype=np.float32), ["layer-01"])
    check_outputs(tmp_path)
    assert "not known to be complete" in caplog.text
    right.unlink()
    with pytest.raises(MixtureError, match=f"the other hemisphere of .*{left.name} is missing"):
        run_group(Settings(tmp_path, tmp_path, "group"), "group")


def test_several_versions_are_told(
    study: Study, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    study.run("01")
    check_outputs(study.out)
    assert "several versions" not in caplog.text
    with monkeypatch.context() as newer:
        newer.setattr("bids_app.machine.completion.__version__", "0.9.0")
        newer.setattr("bids_app.machine.completion.software_versions", lambda: {"neurons2networks": "0.9.0"})
        assert study.run("01") == 0
        assert study.run("02") == 1
    (kept,) = [message for message in caplog.messages if "are kept" in message]
    assert f"neurons2networks {__version__} are kept, such as sub-01_" in kept
    assert "this is 0.9.0: remove them" in kept
    told = f"{__version__} (sub-01) and 0.9.0 (sub-02)"
    check_outputs(study.out)
    assert told in caplog.messages[-1]
    leave_aside(study.out, lambda run: run["sub"] == "02")
    caplog.clear()
    check_outputs(study.out)
    assert "several versions" not in caplog.text
