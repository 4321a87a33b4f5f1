"""What all runs together say of a story, with runs that stopped early, started late or say nonsense."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bids_app.bids.dataset import StimulusUse
from bids_app.bids.errors import DatasetError
from bids_app.bids.events import Stimulus
from bids_app.inputs.story_union import unite
from bids_app.inputs.test_presentations import words_until
from bids_app.inputs.timing import Story

WORDS = words_until(145)
INF = float("inf")


def _use(
    label: str, onset: float, *story: tuple[float, float], repetition_time: float | None = 2.0, run: str | None = None
) -> StimulusUse:
    stimulus = Stimulus("tale", "tale.wav", onset, story, tuple(start for start, _ in story))
    return StimulusUse(stimulus, label, "tale", None, run, Path(f"sub-{label}_events.tsv"), repetition_time)


def _unite(*uses: StimulusUse) -> Story:
    return unite("tale", WORDS, uses, lambda _: 2.0)


def _grid(story: Story) -> tuple[int, int, int]:
    volumes = story.canonical.volumes
    return int(volumes[0]), int(volumes[-1]), len(volumes)


def test_one_who_stopped_early_does_not_decide() -> None:
    for n_stopped in (1, 2):
        stopped = [_use(f"0{i}", 0, (6, 46)) for i in range(n_stopped)]
        story = _unite(*stopped, _use("09", 0, (6, 146)))
        assert _grid(story) == (3, 72, 70)
        assert (story.words.text[0], story.words.text[-1]) == ("w14", WORDS.text[-1])


def test_two_inherited_tables_are_not_one_run(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    slow, fast = (
        replace(_use("", 6, (6, 146)), events=Path(f"task-tale{acq}_events.tsv")) for acq in ("", "_acq-fast")
    )
    _unite(slow, fast)
    assert "more than once" not in caplog.text
    _unite(slow, slow)
    assert "tale: played more than once in 1 run(s), such as task-tale" in caplog.text


def test_a_story_over_two_runs() -> None:
    story = _unite(_use("01", 6, (6, 76), run="1"), _use("01", -64, (6, 76), run="2"))
    assert len(story.canonical.volumes) == 70
    assert story.canonical.segment_lengths == (70,)
    assert len(story.words) == len(WORDS)


def test_runs_that_start_within_the_audio_still_make_a_grid_from_volume_0() -> None:
    story = _unite(_use("01", -40, (0, 30)), _use("02", -100, (0, 46)))
    volumes = story.canonical.volumes
    assert volumes[0] >= 0
    start = volumes[0] * 2.0 - story.canonical.stimuli[0].audio_onset
    assert start == pytest.approx(40)
    assert len(volumes) == 15 + 23  # 40 to 70 s and 100 to 146 s of the audio


@pytest.mark.parametrize("end", [3000, 1e9, INF])
def test_a_story_without_end_does_not_decide(end: float) -> None:
    assert _grid(_unite(_use("01", 0, (6, end)), _use("02", 0, (6, 146)))) == (3, 72, 70)
    assert _grid(_unite(*(_use(f"0{i}", 0, (6, end)) for i in range(3)), _use("09", 0, (6, 140)))) == (3, 69, 67)
    alone = _unite(_use("01", 0, (6, end)))
    assert len(alone.canonical.volumes) == 70  # until the last word


def test_the_majority_decides_and_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    """One run's story row is shifted and its music row is not, as in Narratives' sub-038."""
    caplog.set_level("INFO")
    uses = [_use("038", 0, (3, 143)), *(_use(f"10{i}", 0, (9, 149)) for i in range(3))]
    story = _unite(*uses)
    assert _grid(story) == (4, 73, 70)
    assert story.canonical.stimuli[0].story == ((9, 149),)
    assert "3 of 4 playings are of 9–149 s of the audio, others differ (sub-038_task-tale 3–143 s)" in caplog.text


def test_the_repetition_time_of_most_runs_is_that_of_the_grid() -> None:
    times = (1.52, 1.5, 1.5)
    story = _unite(*(_use(f"0{i}", 0, (6, 146), repetition_time=tr) for i, tr in enumerate(times)))
    assert story.canonical.repetition_time == 1.5
    story = unite("tale", WORDS, [_use("01", 0, (6, 146), repetition_time=None)], lambda _: 0.8)
    assert story.canonical.repetition_time == 0.8


def test_other_repetition_times_are_reported_and_the_unknown_one_is_asked_of_its_own_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[str] = []

    def ask(use: StimulusUse) -> float:
        asked.append(use.label)
        return 1.5

    times = {"01": 1.5, "02": 2.0, "03": None}
    uses = [_use(label, 0, (6, 146), repetition_time=time) for label, time in times.items()]
    assert unite("tale", WORDS, uses, ask).canonical.repetition_time == 1.5
    assert not asked
    assert "learned with that of sub-01_task-tale, 1.5 s, and" in caplog.text
    assert "the others (sub-02_task-tale 2 s)" in caplog.text
    most = [replace(use, repetition_time=None) for use in (uses[0], uses[2])]
    assert unite("tale", WORDS, [uses[1], *most], ask).canonical.repetition_time == 1.5
    assert asked == ["sub-01_task-tale"]  # not that of sub-02, who comes first and is alone with it


def test_words_before_every_story_are_dropped_and_those_after_are_kept() -> None:
    story = _unite(_use("01", 0, (20, 120)), _use("02", 0, (20, 120)))
    assert story.words.onset[0] >= 19.8
    assert story.words.text[-1] == WORDS.text[-1]
    assert story.canonical.volumes[-1] == 59


def test_events_in_volumes_are_suspected(caplog: pytest.LogCaptureFixture) -> None:
    _unite(_use("vol", 3, (3, 75)))
    assert "if the table counts volumes, write seconds" in caplog.text
    caplog.clear()
    _unite(_use("sec", 6, (6, 151)))
    assert "counts volumes" not in caplog.text


def test_no_run_with_words_is_an_error_that_names_events() -> None:
    with pytest.raises(DatasetError, match=r"none of the \d+ words .*sub-01_events.tsv \(and of 1 more"):
        _unite(_use("01", 0, (500, 600)), _use("02", 0, (500, 600)))
    with pytest.raises(DatasetError, match="none of the"):
        _unite(_use("01", -1000, (-1000, -860)))
    assert np.isfinite(WORDS.onset).all()
