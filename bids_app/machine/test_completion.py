"""A result counts as done only when it is whole and was made from what would be read now."""

import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bids_app.analyses.brainscore.ceiling import StoryMeans
from bids_app.analyses.writer import Writer
from bids_app.bids.cleaned import _is_of_tool
from bids_app.bids.errors import DatasetError
from bids_app.bids.outputs import find_maps
from bids_app.conftest import EVENTS, Study, write
from bids_app.inputs.designs import Designs
from bids_app.inputs.responses import Responses
from bids_app.inputs.sources import open_sources
from bids_app.machine.claims import OtherSettingsError, agreed
from bids_app.machine.completion import FOLDER, Completion, Inputs
from bids_app.run.participant import unfinished
from bids_app.settings import Settings


def test_a_second_run_computes_nothing(study: Study) -> None:
    assert study.run() == 1
    before = {path: path.read_bytes() for path in study.out.rglob("*") if path.is_file()}
    assert study.run() == 0
    assert {path: path.read_bytes() for path in study.out.rglob("*") if path.is_file()} == before
    assert not [path for path in before if path.name.startswith(".") and ".work" not in path.parts]
    assert unfinished(open_sources(study.settings()), "01") == []


def touch_all(study: Study) -> None:
    for path in study.root.rglob("*"):
        os.utime(path, (1e9, 1e9))


def move_data(study: Study) -> None:
    study.root = study.root.rename(study.root.with_name("mounted-elsewhere"))


def copy_data(study: Study) -> None:
    target = study.root.with_name("copy")
    shutil.copytree(study.root, target, copy_function=shutil.copyfile)
    study.root = target


def move_words(study: Study) -> dict[str, Path]:
    folder = study.root / "sourcedata" / "annotations"
    folder.mkdir(parents=True)
    (study.root / "stimuli" / "tale_words.tsv").rename(folder / "tale_words.tsv")
    return {"annotations": folder}


def name_the_same_runs(study: Study) -> dict[str, str]:
    return {"space": "T"}


def move_mask(study: Study) -> dict[str, Path]:
    return {"mask": write(study.root / "elsewhere" / "mask.txt", "A\nB\n")}


def add_unrelated(study: Study) -> None:
    study.add("03")
    write(study.root / "README", "more")
    write(study.root / "code" / "scan_exclude.json", json.dumps({"tale": {"sub-03": ["sub-03_task-tale"]}}))


@pytest.mark.parametrize(
    "change", [touch_all, move_data, copy_data, move_words, name_the_same_runs, move_mask, add_unrelated]
)
def test_the_same_data_are_accepted(study: Study, change: Callable[[Study], dict[str, Any] | None]) -> None:
    masked: dict[str, Any] = {"mask": write(study.root / "mask.txt", "A\nB\n")} if change is move_mask else {}
    study.run(**masked)
    assert study.run(**(change(study) or {})) == 0


def test_runs_and_sessions_count_by_the_files_that_they_choose(study: Study) -> None:
    study.remove("01")
    study.add("01", "_run-1")
    study.add("02", "_run-2")
    study.run("01")
    assert study.run("01", run_id=("1",)) == study.run("01", run_id=("01",)) == 0
    study.add("01", "_run-2")
    assert study.run("01", run_id=("1",)) == 0


def test_a_mask_counts_by_its_content(study: Study) -> None:
    mask = write(study.root / "mask.txt", "A\nB\n")
    study.run(mask=mask)
    mask.write_text("A\nC\n")
    with pytest.raises(OtherSettingsError, match=r"the content of \S*mask\.txt has changed since"):
        study.run(mask=mask)
    with pytest.raises(OtherSettingsError, match=r"mask\.txt is no longer read"):
        study.run()


def other_words(study: Study) -> str:
    study.words(0.39)
    return "tale_words.tsv has changed|content of bids:raw:stimuli/tale_words.tsv has changed"


def other_annotations(study: Study) -> tuple[dict[str, Path], str]:
    study.words(0.39, study.root / "annotations")
    return {"annotations": study.root / "annotations"}, "bids:raw:annotations/tale_words.tsv was not read before"


def other_events(study: Study) -> str:
    study.events("01", text=EVENTS.format(story="tale").replace("6\t140", "16\t124"))
    return "sub-01_task-tale_events.tsv has changed"


def other_bold(study: Study) -> str:
    path = study.bold("01", seed=77)
    return f"(content of|bids).*{path.name} has changed"


def other_repetition_time(study: Study) -> str:
    path = next(study.deriv.rglob("sub-01*_timeseries.json"))
    write(path, '{"RepetitionTime": 1.5}')
    return r"RepetitionTime of sub-01_task-tale was 2.0, now 1.5"


def other_weights(study: Study) -> str:
    path = study.root / "tinygpt" / "model.safetensors"
    state = path.stat()
    path.write_text(path.read_text().replace("content", "CONTENT"))  # of the same size
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    return r"model.safetensors of the model has changed since.*; if .* give both in one command \(--model A B\)"


def later_words_file(study: Study) -> str:
    write(study.root / "stimuli" / "tale" / "align.csv", "word0,word0,0.5,0.8\nword1,word1,0.9,1.2\n")
    return "tale/align.csv was not read before"


def unit_of_events(study: Study) -> str:
    write(study.root / "task-tale_events.json", '{"onset": {"Units": "s"}}')
    return r"task-tale_events\.json was not read before"


def unit_of_words(study: Study) -> str:
    write(study.root / "stimuli" / "tale_words.json", '{"onset": {"Units": "s"}}')
    return r"tale_words\.json was not read before"


def other_tool(study: Study) -> str:
    path = study.deriv / "dataset_description.json"
    write(path, json.dumps({**json.loads(path.read_text()), "GeneratedBy": [{"Name": "XCP-D"}]}))
    _is_of_tool.cache_clear()
    return "CleanedBefore of sub-01_task-tale was False, now True"


@pytest.mark.parametrize(
    "change",
    [
        *(other_words, other_annotations, other_events, other_bold, other_repetition_time, other_weights),
        *(later_words_file, unit_of_events, unit_of_words, other_tool),
    ],
)
def test_what_was_changed_is_named_and_nothing_is_overwritten(
    study: Study, change: Callable[[Study], str | tuple[dict[str, Any], str]]
) -> None:
    study.run()
    before = {path: path.read_bytes() for path in study.out.glob("sub-*/**/*.tsv")}
    changed = change(study)
    options, message = changed if isinstance(changed, tuple) else ({}, changed)
    with pytest.raises(OtherSettingsError, match=message) as error:
        study.run(**options)
    assert "choose another OUT_DIR, or remove the old outputs" in str(error.value)
    assert {path: path.read_bytes() for path in study.out.glob("sub-*/**/*.tsv")} == before
    study.out = study.out.with_name("another")
    assert study.run(**options) == 1


def test_of_a_table_of_onsets_only_the_rows_of_a_run_count(study: Study) -> None:
    study.remove("01")
    study.bold("01")
    onsets = write(study.root / "onsets.tsv", "sub\tstim_file\tonset\tduration\n01\ttale.wav\t6\t140\n")
    assert study.run(annotations=study.root) == 1
    study.bold("03")
    onsets.write_text("ses\tsub\tstim_file\tonset\tduration\n\t03\ttale.wav\t8\t140\n\t01\ttale.wav\t6\t140\n")
    assert study.run(annotations=study.root) == 0
    onsets.write_text("sub\tstim_file\tonset\tduration\n01\ttale.wav\t8\t140\n03\ttale.wav\t8\t140\n")
    with pytest.raises(OtherSettingsError, match=r"the rows of \S*onsets\.tsv for these runs have changed since"):
        study.run(annotations=study.root)


def test_words_that_others_hear_are_part_of_what_the_model_reads(study: Study) -> None:
    late = "onset\tduration\ttrial_type\tstim_file\n6\t10\tmusic\ttale.wav\n16\t130\tstory\ttale.wav\n"
    for label in ("01", "02"):
        study.events(label, text=late)
    assert study.run() == 1
    study.events("02", text=late.replace("6\t10\tmusic", "6\t9.9\tstory").replace("16\t130", "15.9\t130.1"))
    with pytest.raises(OtherSettingsError, match="the text of tale differs, because other runs now hear more"):
        study.run()


def test_other_settings_are_named(study: Study) -> None:
    study.run(delays=4)
    with pytest.raises(OtherSettingsError, match=r"delays was 4, now 6; folds was 5, now 3"):
        study.run(folds=3)
    with pytest.raises(OtherSettingsError, match=r"OUT_DIR holds results of other settings \(delays was 4, now 6;"):
        study.run("02")  # who has none yet: the group could not count both
    for path in study.out.glob("sub-*/func/*"):
        path.unlink()
    assert study.run() == 1  # the way out


def test_a_further_story_for_a_dictionary_of_all_names_the_way_out(tmp_path: Path) -> None:
    def completion(*stories: str) -> Completion:
        return Completion(tmp_path, {"model": "m", "desc": "atoms"}, {"stories": stories, "atoms": 8}, Inputs())

    completion("tale").finish([write(tmp_path / "model-m_desc-atoms_loadings.tsv", "x")])
    assert completion("tale").is_done()
    with pytest.raises(
        OtherSettingsError, match=r"stories was \['tale'\], now \['other', 'tale'\].* --task-id the tasks"
    ):
        completion("other", "tale").is_done()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def zero(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:10] + bytes(20) + content[30:])


@pytest.mark.parametrize("damage", [cut, zero, lambda path: path.write_bytes(b""), lambda path: path.unlink()])
@pytest.mark.parametrize("pattern", ["*stat-p*.tsv", "*stat-r*.tsv", "*stat-r*.json"])
def test_damaged_outputs_are_made_again(
    study: Study, damage: Callable[[Path], int | None], pattern: str, caplog: pytest.LogCaptureFixture
) -> None:
    study.run()
    (path,) = study.out.glob(f"sub-01/func/{pattern}")
    whole = path.read_bytes()
    damage(path)
    with caplog.at_level(logging.INFO, "neurons2networks"):
        assert study.run() == 1
    assert path.read_bytes() == whole
    assert any(path.name in message and "is made again" in message for message in caplog.messages)
    assert study.run() == 0


def test_an_interrupted_run_goes_on_but_not_with_other_settings(study: Study) -> None:
    study.run(delays=4)
    for marker in (study.out / FOLDER).iterdir():
        marker.unlink()
    with pytest.raises(OtherSettingsError, match="delays was 4, now 6"):
        study.run()
    assert study.run(delays=4) == 1


def test_a_marker_that_is_cut_off_counts_as_none(study: Study) -> None:
    study.run()
    (marker,) = (study.out / FOLDER).glob("*_complete.json")
    marker.write_text(marker.read_text()[:100])
    assert study.run() == 1


@pytest.mark.parametrize(
    ("old", "new"), [('"Outputs"', '"Outputt"'), ('"delays": 4', '"delays": 5'), ('"Size": ', '"Size": 1')]
)
def test_a_marker_with_another_letter_counts_as_none(
    study: Study, old: str, new: str, caplog: pytest.LogCaptureFixture
) -> None:
    study.run(delays=4)
    (marker,) = (study.out / FOLDER).glob("*_complete.json")
    content = marker.read_text()
    assert old in content
    marker.write_text(content.replace(old, new, 1))
    with caplog.at_level(logging.INFO, "neurons2networks"):
        assert study.run(delays=4) == 1
    assert f"is made again: {marker.name} is damaged" in caplog.text
    assert marker.read_text() == content


def test_an_input_that_changes_while_it_is_read_is_no_result(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def score(responses: Responses, designs: Designs, settings: Settings, writer: Writer) -> None:
        study.score(responses, designs, settings, writer)
        study.bold("01", seed=5)

    monkeypatch.setattr(study.module, "brainscore", score)
    with pytest.raises(DatasetError, match=r"was changed during the run \(.*timeseries\.tsv has changed .*: run again"):
        study.run()
    assert not list((study.out / FOLDER).glob("*_complete.json"))


def test_sidecars_list_what_was_read(study: Study) -> None:
    study.run()
    (output,) = find_maps(study.out, "brainscore", "r")
    sidecar: dict[str, Any] = output.sidecar
    assert [record["File"] for record in sidecar["SourceFiles"]] == sidecar["Sources"]
    names = {source.rpartition("/")[2] for source in sidecar["Sources"]}
    stem = "sub-01_task-tale"
    assert names == {
        *(f"{stem}_seg-T_timeseries.tsv", f"{stem}_seg-T_timeseries.json", f"{stem}_events.tsv", "tale_words.tsv")
    }
    assert all(len(record["SHA256"]) == 64 for record in sidecar["SourceFiles"])


def test_two_runs_of_other_settings_at_once_do_not_mix(tmp_path: Path) -> None:
    record = tmp_path / "settings.json"
    with agreed(record, {"delays": 4, "run_id": ["1"]}, lambda: False):
        with agreed(record, {"delays": 4, "run_id": []}, lambda: False):  # which data, participants may differ in
            pass
        with (
            pytest.raises(OtherSettingsError, match=r"another run is computing .* \(delays was 4, now 6\)"),
            agreed(record, {"delays": 6}, lambda: False),
        ):
            pass
    with pytest.raises(OtherSettingsError, match="holds results"), agreed(record, {"delays": 6}, lambda: True):
        pass
    with agreed(record, {"delays": 6}, lambda: False):
        pass
    assert json.loads(record.read_text()) == {"delays": 6}
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


def test_ceilings_are_made_again_when_the_others_change(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    monkeypatch.setattr(study.module, "write_ceiling", lambda *_: made.append(1))
    run = {"noise_ceiling": "all"}
    steps: list[tuple[Callable[[], object], int]] = [
        (lambda: None, 1),
        (lambda: None, 1),
        (lambda: study.bold("02", seed=9), 2),
        (lambda: study.add("03"), 3),
        (lambda: shutil.rmtree(study.deriv / "sub-03"), 4),
        (lambda: write(study.root / "README", "more"), 4),
    ]
    for change, expected in steps:
        change()
        study.run(**run)
        assert len(made) == expected
    study.run(**run, exclude_participant_label=("02",))
    assert len(made) == 5


def test_a_ceiling_that_can_no_longer_be_had_goes(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_ceiling(
        responses: Responses, fitted: Responses, means: StoryMeans, settings: Settings, writer: Writer
    ) -> None:
        if "02" in means.sources.dataset.participants():
            writer.maps("noiseceiling", "r", responses.data[:1], ["ceiling"])

    monkeypatch.setattr(study.module, "write_ceiling", write_ceiling)
    study.run(noise_ceiling="all")
    assert len(find_maps(study.out, "noiseceiling")) == 1
    shutil.rmtree(study.deriv / "sub-02")
    study.run(noise_ceiling="all")
    assert find_maps(study.out, "noiseceiling") == []
    assert not list(study.out.glob("sub-01/func/*noiseceiling*"))
    assert len(find_maps(study.out, "brainscore")) == 2
