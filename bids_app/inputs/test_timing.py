import numpy as np
import pytest

from bids_app.bids.events import Stimulus
from bids_app.bids.words import Words
from bids_app.inputs.timing import StimulusTiming, Story, story_time, timed_words, timing_of, words_heard

PIEMAN = Stimulus("pieman_audio", "pieman_audio.wav", 0.0, ((15.0, 437.0),))


def test_a_narratives_run_keeps_the_volumes_of_its_story() -> None:
    heard = timing_of([PIEMAN], 1.5, 300)
    assert (heard.volumes[0], heard.volumes[-1], len(heard.volumes)) == (10, 290, 281)


def test_a_scan_that_stops_early_keeps_what_it_has() -> None:
    assert timing_of([PIEMAN], 1.5, 100).volumes[-1] == 99


def test_stories_without_a_gap_are_separate_segments() -> None:
    first, second = (Stimulus(n, f"{n}.wav", t, ((t, t + 30.0),)) for n, t in (("a", 6.0), ("b", 36.0)))
    assert timing_of([first, second], 1.5, 100).segment_lengths == (20, 20)
    assert timing_of([first], 1.5, 100).segment_lengths == (20,)


def test_audio_that_starts_before_the_scan_and_never_ends() -> None:
    stimulus = Stimulus("alice_audio", "alice_audio.wav", -20.0, ((-5.0, np.inf),))
    assert timing_of([stimulus], 2.0, 40).volumes.tolist() == list(range(40))
    assert timing_of([stimulus], 2.0, 40).segment_lengths == (40,)


def test_two_story_events_of_one_file_leave_out_the_gap() -> None:
    stimulus = Stimulus("slum_audio", "slum_audio.wav", 3.0, ((3.0, 9.0), (15.0, 21.0)))
    heard = timing_of([stimulus], 1.5, 50)
    assert heard.volumes.tolist() == [2, 3, 4, 5, 10, 11, 12, 13]
    assert heard.segment_lengths == (4, 4)
    words = Words(np.array([0.0, 7.0, 13.0, np.nan]), np.array([0.2, 0.2, 0.2, np.nan]), ("a", "b", "c", "d"))
    rows, onset, duration = words_heard(stimulus, words)
    assert rows.tolist() == [0, 2]  # the second falls in the gap, the fourth has no time
    np.testing.assert_allclose(onset, [3.0, 16.0])
    np.testing.assert_allclose(duration, 0.2)


@pytest.mark.parametrize(("shift", "same"), [(1.5, True), (0.7, False)])
def test_same_grid_is_about_times_relative_to_the_audio(shift: float, same: bool) -> None:
    later = Stimulus(PIEMAN.stem, PIEMAN.stim_file, shift, tuple((a + shift, b + shift) for a, b in PIEMAN.story))
    assert timing_of([later], 1.5, 400).same_grid(timing_of([PIEMAN], 1.5)) is same


def test_another_repetition_time_is_another_grid() -> None:
    assert not timing_of([PIEMAN], 1.52, 400).same_grid(timing_of([PIEMAN], 1.5))


def test_several_stimuli_of_one_run_come_with_their_own_words() -> None:
    other = Stimulus("tunnel_audio", "tunnel_audio.wav", 500.0, ((500.0, 520.0),))
    run = timing_of([PIEMAN, other], 1.5, 400)
    words = Words(np.array([1.0, 16.0]), np.array([0.5, 0.5]), ("so", "today"))
    stories = {s.stem: Story(s.stem, words, timing_of([s], 1.5)) for s in (PIEMAN, other)}
    heard = {story.stem: onset.tolist() for story, _, onset, _ in timed_words(run, stories)}
    assert heard == {"pieman_audio": [16.0], "tunnel_audio": [501.0, 516.0]}


def test_story_time_counts_from_the_start_of_each_audio_file() -> None:
    again = Stimulus("pieman_audio", "pieman_audio.wav", 60.0, ((63.0, 69.0),))
    other = Stimulus("tunnel_audio", "tunnel_audio.wav", 30.5, ((33.0, 36.0),))
    first = Stimulus("pieman_audio", "pieman_audio.wav", 0.0, ((3.0, 9.0),))
    stems, seconds = story_time(timing_of([first, other, again], 1.5, 100))
    assert stems == ("pieman_audio",) * 4 + ("tunnel_audio",) * 2 + ("pieman_audio",) * 4
    np.testing.assert_allclose(seconds, [3, 4.5, 6, 7.5, 2.5, 4, 3, 4.5, 6, 7.5])
    stems, seconds = story_time(StimulusTiming(1.5, np.array([2, 50]), (first,)))
    assert stems == ("pieman_audio", "")
    assert np.isnan(seconds[1])
