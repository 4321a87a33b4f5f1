"""What counts as heard again, from stories on the time line of runs."""

from typing import Any

import numpy as np
import pytest

from bids_app.bids.events import Stimulus
from bids_app.bids.words import Words
from bids_app.encoding.design.folds import content_folds
from bids_app.encoding.design.haemodynamics import neuron_responses, word_sums
from bids_app.encoding.design.pipeline import FeaturePipeline
from bids_app.encoding.ridge.held_out import design_held_out, score_held_out
from bids_app.inputs.repeats import heard_content, repetitions
from bids_app.inputs.timing import StimulusTiming, Story, timing_of
from bids_app.stats.standardise import zscore

RNG = np.random.default_rng(0)
VOCABULARY = [f"word{n}" for n in range(400)]
TR, PACE = 1.5, 0.4


def text(n: int) -> tuple[str, ...]:
    return tuple(VOCABULARY[i] for i in RNG.integers(len(VOCABULARY), size=n))


def story(stem: str, words: list[str] | tuple[str, ...]) -> Story:
    onset = np.arange(len(words), dtype=float) * PACE
    return Story(stem, Words(onset, np.full(len(words), 0.3), tuple(words)), play(stem, 0, int(len(words) * PACE)))


TALE, OTHER = text(300), text(300)  # two minutes each


def play(
    stem: str, start: int, stop: int, *, onset: float = 3.0, tr: float = TR, n_volumes: None = None
) -> StimulusTiming:
    """A run in which seconds `start` to `stop` of a story are heard, the file starting at `onset`."""
    return timing_of([Stimulus(stem, f"{stem}.wav", onset, ((onset + start, onset + stop),))], tr, n_volumes)


def content_of(runs: list[StimulusTiming], **stories: Any) -> list[int] | None:
    known = {stem: story(stem, words) for stem, words in {"tale": TALE, "other": OTHER, **stories}.items()}
    result = heard_content(runs, known)
    return None if result is None else result.tolist()


def test_nothing_is_repeated_by_stories_that_differ_or_by_one_cut_in_two() -> None:
    assert content_of([play("tale", 0, 120), play("other", 0, 120)]) is None
    assert content_of([play("tale", 0, 60), play("tale", 60, 120, onset=-57)]) is None


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([(0, 120), (0, 120)], [*range(80), *range(80)]),
        ([(0, 120)] * 10, [*range(80)] * 10),
        ([(0, 120), (30, 120)], [*range(80), *range(20, 80)]),
        ([(0, 60), (0, 120)], [*range(40), *range(80)]),
        ([(0, 120), (60, 120)], [*range(80), *range(40, 80)]),
        ([(60, 120), (0, 120), (0, 60)], [*range(40), *range(40, 80), *range(40), *range(40, 80)]),
    ],
    ids=["two runs", "ten runs", "started later", "stopped early", "second half", "the end first"],
)
def test_runs_of_one_story(runs: list[tuple[int, int]], expected: list[int]) -> None:
    assert content_of([play("tale", *piece) for piece in runs]) == expected
    # whenever the file started
    assert content_of([play("tale", *piece, onset=3.0 * number) for number, piece in enumerate(runs)]) == expected


def test_twice_in_a_run() -> None:
    first, again = (Stimulus("tale", "tale.wav", onset, ((onset, onset + 60),)) for onset in (3.0, 90.0))
    assert content_of([timing_of([first, again], TR)]) == [*range(40), *range(40)]


def test_between_the_volumes_the_nearest_counts() -> None:
    for onset in (3.6, 3.9):  # 0.6 s earlier and later
        assert content_of([play("tale", 0, 120), play("tale", 0, 120, onset=onset)]) == [*range(80), *range(80)]


def test_volumes_that_one_run_censors_lie_between_their_neighbours() -> None:
    """A fold of what only one of two runs kept would be tested by the volumes next to each of them."""
    scan = [Stimulus("tale", "tale.wav", 3.0, ((3.0, 123.0),))]
    censored = [np.isin(np.arange(82), rows) for rows in ([10, 30, 31, 50, 70], [10, 20, 40])]
    runs = [timing_of(scan, TR, 82, is_censored) for is_censored in censored]
    content = np.array(content_of(runs))
    moments = np.concatenate([run.volumes for run in runs])
    np.testing.assert_array_equal(content, np.unique(moments, return_inverse=True)[1])
    for _, test in content_folds(content, 5):
        assert np.ptp(moments[test]) < 17
    alone = [np.isin(np.arange(82), rows) for rows in (np.arange(42), np.arange(42, 82))]
    assert content_of([timing_of(scan, TR, 82, is_censored) for is_censored in alone]) is None


def test_another_repetition_time() -> None:
    content = np.array(content_of([play("tale", 0, 120), play("tale", 0, 120, tr=2.0, onset=4.0)]))
    seconds = np.arange(60) * 2.0
    np.testing.assert_allclose(content[80:] * TR, seconds, atol=TR / 2 + 1e-6)


def test_the_same_words_under_another_name() -> None:
    assert content_of([play("tale", 0, 120), play("copy", 0, 120)], copy=TALE) == [*range(80), *range(80)]


def test_an_excerpt_of_a_longer_story() -> None:
    content = content_of([play("excerpt", 0, 40), play("tale", 0, 120)], excerpt=TALE[100:200])  # 40 to 80 s of it
    assert content is not None
    seconds = np.arange(80) * TR
    expected = np.clip(np.round((seconds - 40) / TR), 0, None)
    inside = (seconds >= 41) & (seconds < 79)
    np.testing.assert_allclose(np.array(content[27:])[: len(seconds)][inside], expected[inside], atol=1)
    assert min(content[27 : 27 + 20]) >= 27  # what was not in the excerpt is new


def test_two_stories_that_share_an_introduction() -> None:
    content = np.array(content_of([play("tale", 0, 120), play("guest", 0, 120)], guest=TALE[:50] + OTHER[:250]))
    assert content[80:93].tolist() == list(range(13))  # 20 s
    # responses go on for some seconds; then all is new
    assert (content[80 + 20 :] >= 80).all()


def test_a_scrambled_version_lies_in_the_same_folds() -> None:
    order = RNG.permutation(10)
    scrambled = [word for piece in order for word in TALE[30 * piece : 30 * piece + 30]]  # pieces of 12 s
    content = np.array(content_of([play("tale", 0, 120), play("scrambled", 0, 120)], scrambled=scrambled))
    seconds = np.arange(80) * TR
    driving = seconds - 4.5  # what the response is to
    original = order[np.clip(driving // 12, 0, 9).astype(int)] * 12 + driving % 12 + 4.5
    later = (driving >= 0) & (original < 118.5)
    found = content[80:][later] * TR
    assert np.mean(np.abs(found - original[later]) <= TR) > 0.95
    for train, test in content_folds(content, 5):
        assert not np.isin(content[train], content[test]).any()


def test_versions_with_other_words_here_and_there() -> None:
    changed = [word if n % 9 else "synonym" for n, word in enumerate(TALE)]
    content = np.array(content_of([play("tale", 0, 120), play("version", 0, 120)], version=changed))
    assert content[80:].tolist() == list(range(80))


def test_words_without_a_time_are_bridged() -> None:
    gaps = story("copy", TALE)
    gaps.words.onset[50:60] = np.nan
    known = {"tale": story("tale", TALE), "copy": gaps}
    content = heard_content([play("tale", 0, 120), play("copy", 0, 120)], known)
    assert content is not None
    assert content.tolist() == [*range(80), *range(80)]


def test_what_was_repeated_is_described() -> None:
    runs = [play("tale", 0, 120), play("other", 0, 120), play("tale", 0, 60), play("copy", 0, 30)]
    known = {stem: story(stem, words) for stem, words in {"tale": TALE, "other": OTHER, "copy": OTHER}.items()}
    result = repetitions(runs, heard_content(runs, known))
    assert [(repetition.stems, repetition.runs, repetition.n_volumes) for repetition in result] == [
        (("tale",), (0, 2), 80),
        (("other", "copy"), (1, 3), 40),
    ]
    assert repetitions(runs[:2], heard_content(runs[:2], known)) == []


def test_unrelated_responses_to_a_scrambled_version_score_nothing() -> None:
    n = 900
    pieces = [np.arange(start, start + 30) for start in range(0, n, 30)]  # of 12 s
    orders = [np.arange(n), np.concatenate([pieces[piece] for piece in RNG.permutation(len(pieces))])]
    words = text(n)
    stories = {name: story(name, [words[i] for i in order]) for name, order in zip("ab", orders, strict=True)}
    runs = [play(name, 0, 360) for name in "ab"]
    content = heard_content(runs, stories)
    assert content is not None
    driving, features = RNG.standard_normal((n, 150)), RNG.standard_normal((n, 12))
    X, Y = [], []
    for order, run in zip(orders, runs, strict=True):
        onset = stories["a"].words.onset + 3
        responses = neuron_responses(driving[order], onset, np.full(n, 0.3), TR, run.volumes)
        Y.append(zscore(responses + 0.5 * RNG.standard_normal(responses.shape)))
        X.append(word_sums(features[order], onset, TR, run.volumes))
    scores = []
    for known in (None, tuple(content.tolist())):
        pipeline = FeaturePipeline(n_components=None, content=known)
        design = design_held_out(np.concatenate(X), [240, 240], pipeline, device="cpu")
        scores.append(score_held_out(design, np.concatenate(Y), device="cpu")[0].mean())
    assert scores[0] > 0.1  # folds of volumes leak
    assert abs(scores[1]) < 0.03
