"""Who heard what: inheritance, onsets from annotations, and files that are none of BIDS."""

import os
from pathlib import Path

import pytest

from bids_app.bids.conftest import TinyDataset
from bids_app.bids.dataset import open_dataset
from bids_app.bids.errors import DatasetError
from bids_app.bids.events import read_events
from bids_app.bids.onsets import rows_of_run
from bids_app.bids.stimuli import find_events, find_stimuli

HEADER = "onset\tduration\ttrial_type\tstim_file\n"


def _write(path: Path, rows: str, header: str = HEADER) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(header + rows)
    return path


def _heard(root: Path, **settings: object) -> dict[str, list[str]]:
    heard = find_stimuli(root, **settings)  # type: ignore[arg-type]
    return {stem: [use.label for use in uses] for stem, uses in heard.uses.items()}


def test_events_are_inherited_from_every_level(tmp_path: Path) -> None:
    _write(tmp_path / "task-a_events.tsv", "0\t9\tstory\troot.wav\n")
    _write(tmp_path / "sub-2" / "sub-2_task-a_events.tsv", "0\t9\tstory\tparticipant.wav\n")
    _write(tmp_path / "sub-2" / "ses-x" / "sub-2_ses-x_task-a_events.tsv", "0\t9\tstory\tsession.wav\n")
    for name in (
        "sub-1_task-a_run-1",
        "sub-1_task-a_run-2",
        "sub-2_ses-x_task-a",
        "sub-2_ses-y_task-a",
        "sub-3_task-b",
    ):
        (TinyDataset.folder(tmp_path, name) / f"{name}_bold.json").write_text("{}")
    _write(TinyDataset.folder(tmp_path, "sub-1_task-a") / "sub-1_task-a_run-2_events.tsv", "0\t9\tstory\town.wav\n")
    assert _heard(tmp_path) == {
        "root": ["sub-1_task-a_run-1"],
        "own": ["sub-1_task-a_run-2"],
        "session": ["sub-2_ses-x_task-a"],
        "participant": ["sub-2_ses-y_task-a"],
    }
    assert _heard(tmp_path, tasks=["b"]) == {}


def test_inherited_events_count_without_any_raw_run(tmp_path: Path) -> None:
    _write(tmp_path / "task-a_events.tsv", "0\t9\tstory\troot.wav\n")
    assert _heard(tmp_path) == {"root": ["task-a"]}


def test_what_is_no_events_table_of_bids_is_passed_over(tmp_path: Path) -> None:
    name = "sub-1_task-a"
    folder = TinyDataset.folder(tmp_path, name)
    _write(folder / f"{name}_events.tsv", "0\t9\tstory\ta.wav\n")
    (folder / f"._{name}_events.tsv").write_bytes(b"\0\5\x16\7")
    (folder / f"{name}_run-9_events.tsv").mkdir()
    _write(folder / "old_events.tsv", "0\t9\tstory\told.wav\n")
    _write(folder / "events.tsv", "0\t9\tstory\told.wav\n")
    _write(folder / "sub-2_task-a_events.tsv", "0\t9\tstory\tmisplaced.wav\n")
    _write(folder / "sub-1_events.tsv", "0\t9\tstory\tnotask.wav\n")
    _write(tmp_path / "events.tsv", "0\t9\tstory\told.wav\n")
    (tmp_path / "sub-3").write_text("a file")
    heard = find_stimuli(tmp_path)
    assert ({stem: len(uses) for stem, uses in heard.uses.items()}, heard.unreadable) == ({"a": 1}, {})
    assert find_events(tmp_path, {"sub": "1", "task": "b"}) is None


@pytest.mark.parametrize("kind", ["empty", "pipe", "dangling", "text", "binary", "folder of json"])
def test_tables_that_cannot_be_read_are_listed_and_the_others_count(tmp_path: Path, kind: str) -> None:
    good, bad = (TinyDataset.folder(tmp_path, name) / f"{name}_events.tsv" for name in ("sub-1_task-a", "sub-2_task-a"))
    _write(good, "0\t9\tstory\ta.wav\n")
    match kind:
        case "empty":
            bad.touch()
        case "pipe":
            os.mkfifo(bad)
        case "dangling":
            bad.symlink_to("nowhere")
        case "text":
            _write(bad, "soon\t9\tstory\ta.wav\n")
        case "binary":
            bad.write_bytes(b"\0\xff\xfe" * 50)
        case _:
            _write(bad, "0\t9\tstory\ta.wav\n")
            bad.with_name("sub-2_task-a_bold.json").write_text("[1")
    heard = find_stimuli(tmp_path)
    assert {stem: [use.participant for use in uses] for stem, uses in heard.uses.items()} == {"a": ["1"]}
    assert list(heard.unreadable) == [bad]
    assert bad.parent.name == "func"
    assert "sub-2_task-a" in heard.unreadable[bad]


def test_excluded_scans_count_for_what_nobody_else_heard(tmp_path: Path) -> None:
    for name, stems in (("sub-1_task-a", "ab"), ("sub-2_task-a", "a")):
        rows = "".join(f"{20 * i}\t9\tstory\t{stem}.wav\n" for i, stem in enumerate(stems))
        _write(TinyDataset.folder(tmp_path, name) / f"{name}_events.tsv", rows)
    assert _heard(tmp_path, excluded_scans=["sub-1_task-a"]) == {"a": ["sub-2_task-a"], "b": ["sub-1_task-a"]}


def test_runs_without_events_get_their_onsets_from_a_table(tiny: TinyDataset, tmp_path: Path) -> None:
    files = [f"sub-{sub}_task-{task}_space-T1w_bold.nii.gz" for sub in ("1", "2") for task in ("soul", "tale")]
    tiny.derivative("prep", files)
    for path in (tiny.root / "derivatives" / "prep").rglob("*.nii.gz"):
        path.with_name(path.name.replace(".nii.gz", ".json")).write_text('{"RepetitionTime": 2}')
    annotations = tmp_path / "annotations"
    with pytest.raises(DatasetError, match=r"(?s)--annotations .* is not a folder"):
        open_dataset(tiny.root, annotations=annotations)
    header = "task\tsub\tstim_file\tonset\tduration\n"
    _write(annotations / "onsets.tsv", "n/a\t\t{task}.wav\t10\tn/a\nsoul\t2\tsoul.wav\t12.5\t300\n", header)
    dataset = open_dataset(tiny.root, annotations=annotations)
    stories = {
        run.label: [(stimulus.stem, stimulus.story) for stimulus in read_events(run.events, run.entities)]
        for sub in ("1", "2")
        for run in dataset.runs(sub).runs
    }
    end = float("inf")
    assert stories == {
        "sub-1_task-soul": [("soul", ((10, end),))],
        "sub-1_task-tale": [("tale", ((10, end),))],
        "sub-2_task-soul": [("soul", ((12.5, 312.5),))],
        "sub-2_task-tale": [("tale", ((10, end),))],
    }
    heard = dataset.tasks_stimuli(["soul"])
    assert [(use.label, use.stimulus.audio_onset) for use in heard.uses["soul"]] == [
        ("sub-1_task-soul", 10),
        ("sub-2_task-soul", 12.5),
    ]
    _write(annotations / "events" / "sub-2_task-soul_events.tsv", "3\t9\tstory\tsoul.wav\n")
    events = open_dataset(tiny.root, annotations=annotations).runs("2", tasks=["soul"]).runs[0].events
    assert events == annotations / "events" / "sub-2_task-soul_events.tsv"


def test_without_events_the_message_says_what_to_write(tiny: TinyDataset) -> None:
    tiny.derivative("prep", ["sub-1_task-soul_space-T1w_bold.nii.gz"])
    for asked in (None, ["soul"]):
        with pytest.raises(DatasetError, match=r"onsets\.tsv.*stim_file.*events/sub-1_task-soul_events\.tsv"):
            open_dataset(tiny.root).runs("1", tasks=asked)


def test_the_most_specific_rows_of_onsets_apply() -> None:
    rows = [
        {"task": "a", "onset": "1", "stim_file": "x.wav"},
        {"task": "task-a", "run": "2", "onset": "2", "stim_file": "x.wav"},
        {"run": "sub-1_task-a_run-02", "onset": "3", "stim_file": "{sub}-{run}.wav"},
        {"task": "ab", "onset": "4", "stim_file": "x.wav"},
    ]

    def onsets(**run: str) -> list[str]:
        return [row["onset"] for _, row in rows_of_run(list(enumerate(rows, 1)), run)]

    assert onsets(sub="2", task="a", run="1") == ["1"]
    assert onsets(sub="2", task="a", run="2") == ["2"]
    assert onsets(sub="1", task="a", run="2") == ["3"]
    assert onsets(sub="1", task="ab") == ["4"]
    assert onsets(sub="1", task="b") == []
    ((number, row),) = rows_of_run(list(enumerate(rows, 1)), {"sub": "1", "task": "a", "run": "2"})
    assert (number, row["stim_file"]) == (3, "1-2.wav")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("task\tonset\nsoul\t10\n", r"onsets\.tsv has no column stim_file; needed are stim_file, onset"),
        ("tasks\tstim_file\tonset\nsoul\tsoul.wav\t10\n", "unknown column 'tasks'; .*allowed sub, ses, task"),
        ("task\tstim_file\tonset\n\nsoul\tsoul.wav\tten\n", r"onsets\.tsv, row 2 \(line 3\): the onset 'ten'"),
        ("", r"onsets\.tsv is empty"),
    ],
)
def test_a_table_of_onsets_is_checked(tiny: TinyDataset, tmp_path: Path, table: str, message: str) -> None:
    tiny.derivative("prep", ["sub-1_task-soul_space-T1w_bold.nii.gz"])
    (tmp_path / "onsets.tsv").write_text(table)
    dataset = open_dataset(tiny.root, annotations=tmp_path)
    with pytest.raises(DatasetError, match=message):
        dataset.runs("1")
    assert list(dataset.tasks_stimuli().unreadable) == [tmp_path / "onsets.tsv"]


def test_rows_of_onsets_that_apply_to_no_run_are_listed(tiny: TinyDataset, tmp_path: Path) -> None:
    tiny.derivative("prep", ["sub-1_task-soul_space-T1w_bold.nii.gz"])
    (tmp_path / "onsets.tsv").write_text("task\tstim_file\tonset\nsoul\tsoul.wav\t10\nsool\tsool.wav\t10\n")
    heard = open_dataset(tiny.root, annotations=tmp_path).tasks_stimuli()
    assert (set(heard.uses), heard.unmatched) == ({"soul"}, (f"row 2 of {tmp_path / 'onsets.tsv'}",))


def test_names_of_scans_to_leave_out_that_are_no_runs_are_listed(tmp_path: Path) -> None:
    for name in ("sub-1_task-a_run-1", "sub-1_task-a_run-2"):
        _write(TinyDataset.folder(tmp_path, name) / f"{name}_events.tsv", "0\t9\tstory\ta.wav\n")
    names = ["sub-1_task-a_run-02", "sub-1_task-a_run-3", "sub-1_task-ab", "sub-1", "sub-2_task-a"]
    assert find_stimuli(tmp_path, names).unmatched == (
        "sub-1_task-a_run-3 (an excluded scan)",
        "sub-1_task-ab (an excluded scan)",
    )
