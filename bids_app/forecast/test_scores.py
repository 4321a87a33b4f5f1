from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import lfilter

from bids_app.encoding.design.haemodynamics import word_sums
from bids_app.encoding.design.pipeline import FeaturePipeline
from bids_app.encoding.ridge.held_out import HeldOutDesign, design_held_out, predict_held_out
from bids_app.forecast.distance import best_distance
from bids_app.forecast.scores import ForecastScores, forecast_scores
from bids_app.forecast.windows import offsets_of, random_rows, shift_words
from bids_app.stats.correlation import fold_mean_r
from bids_app.stats.standardise import zscore

N_WORDS, N_VOLUMES, REPETITION_TIME = 600, 400, 1.5
STORY = [slice(0, N_WORDS)]
DISTANCES = [-10, -4, 0, 4, 8, 12, 16, 24]
PIPELINE = FeaturePipeline(n_components=15, delays=(0, 1, 2, 3))


class Story:
    """Word vectors, 1 word per second (delays cannot stand for words ahead), each word somewhat like the one before."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.words = lfilter([1], [1, -0.3], random.standard_normal((N_WORDS, 4)), axis=0).astype(np.float32)
        self.onset = np.sort(random.uniform(0, N_VOLUMES * REPETITION_TIME, N_WORDS))
        self.present = self.sums(self.words)

    def sums(self, words: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return word_sums(words, self.onset, REPETITION_TIME, np.arange(N_VOLUMES))

    def window(self, distance: int, words: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.float32]:
        words = self.words if words is None else words
        return np.concatenate([self.sums(shift_words(words, offset, STORY)) for offset in offsets_of(distance, 7)], 1)

    def responses(self, features: npt.NDArray[np.float32], n_targets: int, seed: int) -> npt.NDArray[np.float32]:
        """Driven by features one and two volumes later, as much noise as signal."""
        random = np.random.default_rng(seed)
        signal = sum(np.roll(features, lag, axis=0) for lag in (1, 2)) @ random.standard_normal((4, n_targets))
        return zscore(zscore(signal) + random.standard_normal((N_VOLUMES, n_targets)))


@pytest.fixture(scope="module")
def story() -> Story:
    return Story()


@pytest.fixture(scope="module")
def responses(story: Story) -> npt.NDArray[np.float32]:
    """Thirty targets each: driven by the words 2 to 8 ahead, by the present ones, by nothing.

    (A single word 8 ahead lies in the windows from 8 to 14, and the score peaks in their middle.)
    """
    ahead = np.sum([story.sums(shift_words(story.words, offset, STORY)) for offset in range(2, 9)], axis=0)
    noise = np.random.default_rng(3).standard_normal((N_VOLUMES, 30))
    return np.concatenate([story.responses(ahead, 30, 1), story.responses(story.present, 30, 2), zscore(noise)], 1)


@pytest.fixture(scope="module")
def scores(story: Story, responses: npt.NDArray[np.float32]) -> ForecastScores:
    base = design_held_out(story.present, [N_VOLUMES], PIPELINE, device="cpu")
    windows = (
        design_held_out([story.present, story.window(d)], [N_VOLUMES], PIPELINE, device="cpu") for d in DISTANCES
    )
    return forecast_scores(base, windows, responses, device="cpu")


def test_the_planted_distance_comes_back(scores: ForecastScores) -> None:
    ahead, present, none = np.split(scores.gains, 3, axis=1)
    assert ahead.mean(axis=1).argmax() == DISTANCES.index(8)
    assert np.median(best_distance(ahead, DISTANCES)) == 8
    assert ahead[DISTANCES.index(8)].min() > 0.2
    # what explains nothing more costs a little
    assert ahead[[DISTANCES.index(-10), DISTANCES.index(24)]].mean(axis=1).max() < 0
    assert present.mean(axis=1).max() < 0
    assert np.abs(none.mean(axis=1)).max() < 0.06
    assert scores.base[30:60].min() > 0.5
    assert np.abs(scores.base[60:].mean()) < 0.05


def test_base_and_gain_are_brain_scores(
    story: Story, responses: npt.NDArray[np.float32], scores: ForecastScores
) -> None:
    design = design_held_out(story.present, [N_VOLUMES], PIPELINE, device="cpu")
    alone = predict_held_out(design, responses, device="cpu")
    np.testing.assert_allclose(scores.base, fold_mean_r(alone.predictions, responses, alone.folds), atol=1e-5)
    assert scores.base.dtype == scores.gains.dtype == np.float32
    assert scores.gains.shape == (len(DISTANCES), 90)


def test_windows_of_random_words_add_nothing(story: Story, responses: npt.NDArray[np.float32]) -> None:
    base = design_held_out(story.present, [N_VOLUMES], PIPELINE, device="cpu")
    shuffled = (story.words[random_rows(STORY, seed, N_WORDS)] for seed in range(2))
    windows = (
        design_held_out([story.present, story.window(8, words)], [N_VOLUMES], PIPELINE, device="cpu")
        for words in shuffled
    )
    gains = forecast_scores(base, windows, responses, device="cpu").gains
    assert gains.mean(axis=1).max() < 0.02


def test_one_window_at_a_time(story: Story, responses: npt.NDArray[np.float32]) -> None:
    """The next design is asked for only after the last one was scored."""
    base = design_held_out(story.present, [N_VOLUMES], PIPELINE, device="cpu")
    alive = []

    def windows() -> Iterator[HeldOutDesign]:
        for number in range(3):
            alive.append(number)
            yield base

    result = forecast_scores(base, windows(), responses[:, :3], device="cpu")
    assert alive == [0, 1, 2]
    np.testing.assert_array_equal(result.gains, np.zeros((3, 3)))
    assert forecast_scores(base, [], responses[:, :3], device="cpu").gains.shape == (0, 3)


def test_folds_must_be_the_same(story: Story, responses: npt.NDArray[np.float32]) -> None:
    base = design_held_out(story.present, [N_VOLUMES], PIPELINE, device="cpu")
    for pipeline in (replace(PIPELINE, n_folds=4), replace(PIPELINE, purge=2)):
        other = design_held_out(story.present, [N_VOLUMES], pipeline, device="cpu")
        with pytest.raises(ValueError, match="Window 2 has other folds"):
            forecast_scores(base, [base, other], responses[:, :2], device="cpu")
