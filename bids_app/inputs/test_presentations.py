"""Whether an event plays a file on or again, and what is reported about events that do not fit the scan."""

from pathlib import Path

import numpy as np
import pytest

from bids_app.bids.dataset import Run
from bids_app.bids.errors import DatasetError
from bids_app.bids.events import Stimulus, read_events
from bids_app.bids.words import Words
from bids_app.inputs.presentations import heard_in, presentations
from bids_app.inputs.timing import StimulusTiming, Story, story_time, timed_words, timing_of
from bids_app.machine.notices import notice

HEADER = "onset\tduration\ttrial_type\tstim_file\n"


def words_until(end: float, start: float = 0.5, step: float = 0.4, gap: tuple[float, float] = (0, 0)) -> Words:
    onset = np.arange(start, end, step)
    onset = onset[(onset < gap[0]) | (onset >= gap[1])]
    return Words(onset, np.full(len(onset), 0.3), tuple(f"w{i}" for i in range(len(onset))))


def played(tmp_path: Path, rows: str, words: Words) -> list[tuple[float, tuple[tuple[float, float], ...]]]:
    path = tmp_path / "sub-1_task-tale_events.tsv"
    path.write_text(HEADER + rows)
    return [(stimulus.audio_onset, stimulus.story) for stimulus in presentations(read_events(path), {"tale": words})]


SLUMLORD = (
    "4.5\t22\tmusic\ttale.wav\n29.5\t903\tstory\ttale.wav\n944.5\t22\tmusic\ttale.wav\n969.5\t825\tstory\ttale.wav\n"
)


def test_two_stories_in_one_file_are_one_playing(tmp_path: Path) -> None:
    """The layout of Narratives' slumlordreach."""
    words = words_until(1788, 26, gap=(927, 966))
    assert played(tmp_path, SLUMLORD, words) == [(4.5, ((29.5, 932.5), (969.5, 1794.5)))]


def test_the_same_rows_play_a_file_again_that_ends_before(tmp_path: Path) -> None:
    assert played(tmp_path, SLUMLORD, words_until(925, 26)) == [(4.5, ((29.5, 932.5),)), (944.5, ((969.5, 1794.5),))]


@pytest.mark.parametrize("second", [80, 66])
def test_a_story_played_twice_with_and_without_a_pause(tmp_path: Path, second: int) -> None:
    rows = f"6\t60\tstory\ttale.wav\n{second}\t60\tstory\ttale.wav\n"
    assert played(tmp_path, rows, words_until(60)) == [(6, ((6, 66),)), (second, ((second, second + 60),))]


def test_a_part_before_the_whole_is_heard_twice(tmp_path: Path) -> None:
    rows = "6\t60\tstory\ttale.wav\n150\t200\tstory\ttale.wav\n"
    assert played(tmp_path, rows, words_until(199)) == [(6, ((6, 66),)), (150, ((150, 350),))]


def test_the_same_minute_of_a_long_file_thrice(tmp_path: Path) -> None:
    """The file would have words in the pauses, had it gone on."""
    rows = "".join(f"{start}\t60\tstory\ttale.wav\n" for start in (6, 80, 154))
    assert [onset for onset, _ in played(tmp_path, rows, words_until(300))] == [6, 80, 154]


def test_rows_that_touch_or_overlap_are_one_story_and_pauses_stay(tmp_path: Path) -> None:
    rows = "".join(f"{a}\t{d}\tstory\ttale.wav\n" for a, d in ((6, 10), (16.4, 9.6), (20, 20), (45, 15)))
    words = words_until(54, gap=(34, 39))
    assert played(tmp_path, rows, words) == [(6, ((6, 40), (45, 60)))]


def test_unknown_durations_of_two_playings(tmp_path: Path) -> None:
    rows = "6\tn/a\tstory\ttale.wav\n80\tn/a\tstory\ttale.wav\n"
    assert played(tmp_path, rows, words_until(60)) == [(6, ((6, 80),)), (80, ((80, float("inf")),))]


def test_both_playings_have_words_and_the_same_story_time() -> None:
    words = words_until(60)
    stimulus = Stimulus("tale", "tale.wav", 6, ((6, 66), (80, 140)))
    story = Story("tale", words, timing_of([Stimulus("tale", "tale.wav", 0, ((0, 60),))], 2.0))
    heard = timing_of(presentations([stimulus], {"tale": words}), 2.0, 80)
    assert heard.segment_lengths == (30, 30)
    ((_, rows, onset, _),) = timed_words(heard, {"tale": story})
    half = len(rows) // 2
    np.testing.assert_array_equal(rows[:half], rows[half:])
    np.testing.assert_allclose(onset[half:] - onset[:half], 74)
    stems, seconds = story_time(heard)
    assert set(stems) == {"tale"}
    np.testing.assert_allclose(seconds[:30], seconds[30:])


def _hear(tmp_path: Path, rows: str, n_volumes: int = 80, words: Words | None = None) -> StimulusTiming:
    path = tmp_path / "sub-1_task-tale_events.tsv"
    path.write_text(HEADER + rows)
    run = Run(
        "1", None, "tale", None, None, None, "parcels", (tmp_path / "bold.tsv",), path, None, None, False, 2.0,
        {"sub": "1", "task": "tale"}, tmp_path,
    )  # fmt: skip
    stories = {
        stem: Story(stem, words or words_until(145), timing_of([Stimulus(stem, f"{stem}.wav", 0, ((0, 140),))], 2.0))
        for stem in ("tale", "fable")
    }
    return heard_in(run, stories, 2.0, n_volumes)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("6000\t140000\tstory\ttale.wav\n", r"sub-1_task-tale: .*146000 s .*the scan ends at 160 s.*milliseconds"),
        ("6\t1e9\tstory\ttale.wav\n", "1e.09 s .*milliseconds.*n/a"),
        ("6\t999999999\tstory\ttale.wav\n", "milliseconds"),
        ("-1000\t140\tstory\ttale.wav\n", r"none of its 80 volumes lies .*-1000–-860 s; the scan lasts 160 s"),
        ("170\t140\tstory\ttale.wav\n", r"none of its 80 volumes lies .*170–310 s"),
        ("6\t140\tstory\tother.wav\n", "no story with words"),
    ],
)
def test_events_that_cannot_be_meant_are_refused(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        _hear(tmp_path, rows)


def test_a_volume_belongs_to_one_story_alone(tmp_path: Path) -> None:
    after = _hear(tmp_path, "6\t60\tstory\ttale.wav\n65\t60\tstory\tfable.wav\n")  # rounded onsets overlap by less
    assert [stimulus.stem for stimulus in after.stimuli] == ["tale", "fable"]
    with pytest.raises(DatasetError, match=r"at the same time, tale\.wav from 6 to 66 s and fable\.wav from 60 s"):
        _hear(tmp_path, "6\t60\tstory\ttale.wav\n60\t60\tstory\tfable.wav\n")


def test_a_story_that_outlasts_the_scan_is_cut_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert _hear(tmp_path, "6\t140\tstory\ttale.wav\n", n_volumes=50).volumes[-1] == 49
    assert "the scan ends at 100 s, before the story of tale.wav does: 115 of its 349 words" in caplog.text


def test_a_series_that_may_lack_volumes_needs_its_table(tmp_path: Path) -> None:
    """XCP-D takes volumes out: a series that ends before its story is not taken for a scan that stopped."""
    (tmp_path / "dataset_description.json").write_text('{"Name": "x", "GeneratedBy": [{"Name": "XCP-D"}]}')
    assert _hear(tmp_path, "6\t140\tstory\ttale.wav\n").volumes[-1] == 72
    with pytest.raises(DatasetError, match=r"bold\.tsv ends at 100 s, .*no …_outliers\.tsv stands beside it"):
        _hear(tmp_path, "6\t140\tstory\ttale.wav\n", n_volumes=50)


def test_a_playing_after_the_scan_is_left_out_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = "6\t60\tstory\ttale.wav\n170\t60\tstory\ttale.wav\n"
    heard = _hear(tmp_path, rows, words=words_until(60))
    assert [stimulus.audio_onset for stimulus in heard.stimuli] == [6]
    assert "was played outside the scan (170 s)" in caplog.text


@pytest.mark.parametrize(
    ("rows", "words", "silence"),
    [
        ("6\t140\tstory\ttale.wav\n", words_until(70), "76 and 146 s"),  # half of the list is missing
        ("6\tn/a\tstory\ttale.wav\n", words_until(70), "76 and 160 s"),  # the end of the scan
        ("6\t140\tstory\ttale.wav\n", words_until(230, start=80), "6 and 86 s"),  # times of the scan, not of the audio
        ("6\t140\tstory\ttale.wav\n", words_until(140, gap=(30, 100)), "36 and 106.1 s"),
        ("6\t140\tstory\ttale.wav\n", words_until(90), None),  # music at the end
    ],
)
def test_a_long_silence_in_a_story_is_doubted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, rows: str, words: Words, silence: str | None
) -> None:
    notice.cache_clear()
    _hear(tmp_path, rows, words=words)
    assert ("no word of tale.wav falls between" in caplog.text) == (silence is not None)
    assert (silence or "") in caplog.text
