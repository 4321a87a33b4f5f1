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
    assert [(stimulus.stem, stimulus.audio_onset) for stimulus in _events(tmp_path, rows)] == [("a.v2", 60), ("b", 90)]


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
    with pytest.raises(DatasetError, match="not a number"):
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


def test_columns_types_and_cells_in_any_spelling(tmp_path: Path) -> None:
    header = '"Onset"\t Duration \tTRIAL_TYPE\t"Stim_File"\n'
    rows = '0\t6\t Music\t"tale.wav"\n6\t140\t STORY \t stimuli\\tale.wav\n\n200\t3\tstory\tN/A\n'
    (stimulus,) = _events(tmp_path, rows, header)
    assert (stimulus.stem, stimulus.audio_onset, stimulus.story) == ("tale", 0, ((6, 146),))


def test_a_missing_duration_ends_at_the_next_file(tmp_path: Path) -> None:
    rows = "6\tn/a\tstory\ttale.wav\n20\t0.5\tbutton\tn/a\n30\t0\tcross\tcross.png\n90\t1\tend\tn/a\n"
    (stimulus,) = _events(tmp_path, rows)
    assert stimulus.story == ((6, math.inf),)
    (stimulus,) = _events(tmp_path, rows + "40\t1\tbutton\ttale.wav\n")
    assert stimulus.story == ((6, math.inf),)
    (stimulus,) = _events(tmp_path, rows + "100\t9\tquestion\tquestion.wav\n")
    assert stimulus.story == ((6, 100),)
    (stimulus,) = _events(tmp_path, rows + "95\tNA\tstory\ttale.wav\n")
    assert (stimulus.story, stimulus.restarts) == (((6, 95), (95, math.inf)), (6, 95))


def test_the_lead_in_of_a_story_starts_the_file(tmp_path: Path) -> None:
    rows = (
        "4.5\t22\tmusic\ta.wav\n29.5\t903\tstory\ta.wav\n933\t5\tmusic\ta.wav\n"
        "944.5\t22\tmusic\ta.wav\n969.5\t825\tstory\ta.wav\n"
    )
    (stimulus,) = _events(tmp_path, rows)
    assert stimulus.restarts == (4.5, 944.5)  # the music at 933 s ends the first story


def test_a_story_between_two_of_another_file_makes_three_playings(tmp_path: Path) -> None:
    rows = "6\t60\tstory\ta.wav\n80\t60\tstory\tb.wav\n148\t5\tmusic\ta.wav\n154\t60\tstory\ta.wav\n"
    assert [(stimulus.stem, stimulus.audio_onset, stimulus.story) for stimulus in _events(tmp_path, rows)] == [
        ("a", 6, ((6, 66),)),
        ("b", 80, ((80, 140),)),
        ("a", 148, ((154, 214),)),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("6\t0\tstory\ta.wav", r"row 2 \(line 3\).*duration 0"),
        ("6\t-3\tstory\ta.wav", r"row 2 \(line 3\): the duration is -3"),
        ("6\tnan\tstory\ta.wav", r"row 2 .*'nan' is not a number.*n/a"),
        ("6\tinf\tstory\ta.wav", "row 2 .*'inf' is not a number"),
        ("6\t1e400\tstory\ta.wav", "row 2 .*'1e400' is not a number"),
        ("inf\t5\tstory\ta.wav", "the onset 'inf' is not a number"),
        ("n/a\tn/a\tstory\ta.wav", "the onset 'n/a' is not a number"),
        ("6,5\t3\tstory\ta.wav", "the onset '6,5' is not a number"),
        ("6 140 story a.wav", r"row 2 \(line 3\) holds one cell and the header 4"),
        ("6\t5\tstory\t.wav", "row 2 .*names no file"),
        ("6\t5\tstory\t../../etc/passwd", "row 2 .*names no file"),
        ("6\t5\tstory\t" + "x" * 300 + ".wav", "row 2 .*more than any file name"),
    ],
)
def test_impossible_rows_are_named(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        _events(tmp_path, f"0\t1\tbutton\tn/a\n{row}\n")


def test_rows_that_name_no_stimulus_may_hold_anything(tmp_path: Path) -> None:
    rows = "n/a\tn/a\tbutton\tn/a\n-1\t-1\tblink\t\ntext\tinf\tcomment\tn/a\n6\t5\tstory\ta.wav\n"
    assert [stimulus.story for stimulus in _events(tmp_path, rows)] == [((6, 11),)]


def test_an_empty_table_and_one_with_other_separators_say_so(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is empty"):
        _events(tmp_path, "", "")
    with pytest.raises(DatasetError, match="separated by tabs"):
        _events(tmp_path, "6,5,story,a.wav\n", "onset,duration,trial_type,stim_file\n")
