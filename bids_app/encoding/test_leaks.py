"""The alarm rings where volumes or repeats are split at random, and is silent with the folds of the product."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import lfilter

from bids_app.encoding.design.folds import content_folds, contiguous_folds
from bids_app.encoding.leaks import LEAK, autocorrelation_scores, leaks
from bids_app.stats.standardise import zscore

N, N_TARGETS = 120, 40
RNG = np.random.default_rng(0)


def autocorrelated(n: int = N) -> npt.NDArray[np.float32]:
    return zscore(lfilter([1], [1, -0.8], RNG.standard_normal((n + 100, N_TARGETS)), axis=0)[100:])


LOCKED = autocorrelated()  # a response to the story, from its start to its end


def heard(*pieces: slice) -> tuple[npt.NDArray[np.float32], list[int], npt.NDArray[np.int64]]:
    """Responses to pieces of the story, the length of each run, and what each volume heard."""
    Y = np.concatenate([zscore(LOCKED[piece] + 0.7 * autocorrelated()[piece]) for piece in pieces])
    content = np.concatenate([np.arange(N)[piece] for piece in pieces])
    return Y, [len(range(N)[piece]) for piece in pieces], content


@pytest.mark.parametrize("purge", [0, 3])
def test_silent_with_contiguous_folds(purge: int) -> None:
    Y, lengths, _ = heard(slice(None))
    scores = autocorrelation_scores(Y, lengths, contiguous_folds(N, 5, purge))
    assert scores.mean(axis=1).max() <= LEAK
    assert not leaks(scores).any()


def test_rings_where_volumes_are_split_at_random() -> None:
    Y, lengths, _ = heard(slice(None))
    volumes = np.arange(N)
    tests = [np.sort(rows) for rows in np.array_split(RNG.permutation(N), 5)]
    folds = [(np.setdiff1d(volumes, test), test) for test in tests]
    scores = autocorrelation_scores(Y, lengths, folds)
    assert scores.mean(axis=1).max() > 0.3
    assert leaks(scores).any()
    # and where every fold is many short pieces
    folds = [(volumes[volumes // 4 % 5 != number], volumes[volumes // 4 % 5 == number]) for number in range(5)]
    scores = autocorrelation_scores(Y, lengths, folds)
    assert scores.mean(axis=1).max() > 0.3
    assert leaks(scores).any()


@pytest.mark.parametrize(
    "pieces",
    [
        (slice(None), slice(None)),
        (slice(None), slice(40, None)),
        (slice(0, 50), slice(None)),
        (slice(60, None), slice(None), slice(0, 90)),
    ],
    ids=["twice", "started later", "stopped early", "three pieces"],
)
def test_a_story_heard_again_rings_unless_it_lies_in_one_fold(pieces: tuple[slice, ...]) -> None:
    Y, lengths, content = heard(*pieces)
    old, new = contiguous_folds(len(Y), 5), content_folds(content, 5)
    leaking, whole = (autocorrelation_scores(Y, lengths, folds, content) for folds in (old, new))
    assert leaking.mean(axis=1).max() > 0.05
    assert whole.mean(axis=1).max() <= LEAK
    assert not leaks(whole).any()


def test_few_passages_that_come_back_are_no_leak() -> None:
    """Predictions then vary a little: the mean is not exactly 0, but not above 0 with confidence either."""
    rings = []
    for seed in range(10):
        random = np.random.default_rng(seed)
        content = np.arange(N)
        for start in random.choice(np.arange(20, N - 4, 8), 4, replace=False):
            content[start : start + 3] = np.arange(3) + random.integers(0, 10)
        folds = content_folds(content, 5)
        rings.append(leaks(autocorrelation_scores(autocorrelated(), [N], folds, content)).any())
    assert sum(rings) <= 1
