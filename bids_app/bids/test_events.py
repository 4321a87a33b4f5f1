import math
from pathlib import Path

import pandas as pd
import pytest

from bids_app.bids.errors import DatasetError
from bids_app.bids.events import Stimulus, read_events

HEADER = "onset\tduration\ttrial_type\tstim_file\n"


def _events(tmp_path: Path, rows: str, header: str = HEADER) -> tuple[Stimulus, ...]:
    path = tmp_path / "sub-1_task-x_events.tsv"
    path.write_text(header + rows)
    return read_events(path)


def test_the_audio_starts_with_its_first_event_and_one_file_may_have_two_stories(tmp_path: Path) -> None:
    rows = (
        "4.5\t22.0\tmusic\tslumlordreach_audio.wav\n29.5\t903.0\tstory\tslumlordreach_audio.wav\n"
        "944.5\t22.0\tmusic\tslumlordreach_audio.wav\n969.5\t825.0\tstory\tslumlordreach_audio.wav\n"
    )
    story = ((29.5, 932.5), (969.5, 1794.5))
    assert _events(tmp_path, rows) == (Stimulus("slumlordreach_audio", "slumlordreach_audio.wav", 4.5, story),)


def test_several_files_in_one_run_and_events_without_a_file(tmp_path: Path) -> None:
    rows = "90\t60\tstory\tb.wav\n0\t60\tmovie\tn/a\n60\t30\tstory\tstimuli/a.v2.wav\n150\t10\tmusic\tc.wav\n"
    assert [(stimulus.stem, stimulus.audio_onset) for stimulus in _events(tmp_path, rows)] == [("a", 60), ("b", 90)]


def test_a_file_is_not_taken_for_another_with_the_same_beginning(tmp_path: Path) -> None:
    rows = "0\t60\tstory\tpieman.wav\n60\t30\tstory\tpiemanpni.wav\n"
    assert [(stimulus.stem, stimulus.story) for stimulus in _events(tmp_path, rows)] == [
        ("pieman", ((0, 60),)),
        ("piemanpni", ((60, 90),)),
    ]


def test_without_story_events_all_count(tmp_path: Path) -> None:
    header = "onset\tduration\tstim_file\n"
    (stimulus,) = _events(tmp_path, "-20\t30\ta.wav\n10\tn/a\ta.wav\n12\tn/a\ta.wav\n", header)
    assert stimulus == Stimulus("a", "a.wav", -20, ((-20, 10), (10, 12), (12, math.inf)))


def test_a_table_without_stimuli_gives_none(tmp_path: Path) -> None:
    assert _events(tmp_path, "0\t1\tpress\n", "onset\tduration\ttrial_type\n") == ()


def test_broken_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no column onset; its columns are time"):
        _events(tmp_path, "1\n", "time\n")
    with pytest.raises(DatasetError, match="no number"):
        _events(tmp_path, "one\t1\tstory\ta.wav\n")
    with pytest.raises(DatasetError, match="does not exist"):
        read_events(tmp_path / "missing_events.tsv")


def test_every_events_file_of_narratives(narratives: Path) -> None:
    """Against pandas, and against what is known of the tasks."""
    paths = sorted(narratives.glob("sub-*/func/*_events.tsv"))
    stems: dict[str, set[str]] = {}
    for path in paths:
        stimuli = read_events(path)
        table = pd.read_csv(path, sep="\t").dropna(subset=["stim_file"])
        onset = table.groupby("stim_file").onset.min()
        assert {stimulus.stim_file: stimulus.audio_onset for stimulus in stimuli} == onset.to_dict()
        story = table[table.trial_type == "story"]
        expected = sorted(zip(story.onset, story.onset + story.duration, strict=True))
        assert sorted(interval for stimulus in stimuli for interval in stimulus.story) == expected
        assert all(0 <= start < end for start, end in expected)
        stems.setdefault(path.name.split("task-")[1].split("_")[0], set()).update(s.stem for s in stimuli)
    assert len(paths) == 873
    assert stems["milkyway"] == {"milkywayoriginal_audio", "milkywayvodka_audio", "milkywaysynonyms_audio"}
    assert len(stems["schema"]) == 8
    assert all(stems[task] == {f"{task}_audio"} for task in set(stems) - {"milkyway", "schema"})
