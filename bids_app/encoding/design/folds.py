"""Contiguous folds of the stimulus, which keep autocorrelated volumes and repeats of a story together."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import Fold, Ints

_FEWEST_TEST_VOLUMES = 3
_FEWEST_TRAINING_VOLUMES = 4


def contiguous_folds(n_samples: int, n_folds: int, purge: int = 0) -> list[Fold]:
    """Split volumes 0 ... n_samples - 1 into `n_folds` blocks; each is the test block of one fold.

    Returns (train, test) index arrays. The test blocks cover every volume once. Training leaves out the test block and
    `purge` volumes on each side, so that no haemodynamic response reaches from one into the other.

    >>> [(len(train), test.tolist()) for train, test in contiguous_folds(6, 2, purge=1)][0]
    Traceback (most recent call last):
    ...
    ValueError: 6 volumes are too few for 2 folds with purge=1: fold 1 keeps 2 for training and 3 to test (at least \
4 and 3 are needed); use fewer folds, a smaller purge, or longer or pooled runs.
    """
    return content_folds(np.arange(n_samples, dtype=np.int64), n_folds, purge)


def content_folds(content: npt.ArrayLike, n_folds: int, purge: int = 0) -> list[Fold]:
    """Split the content into `n_folds` pieces, as even as possible; a fold tests all volumes of one piece.

    Returns (train, test) index arrays as `contiguous_folds`, and equals it if nothing was heard twice. All volumes with
    the same content lie in one fold.

    Parameters
    ----------
    content : (n_volumes,) integers, equal for volumes that heard the same; pieces are contiguous in content
    purge : volumes around each test volume, in temporal order, that are excluded from training

    >>> [test.tolist() for _, test in content_folds([0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5], 2)]
    [[0, 1, 2, 6, 7, 8], [3, 4, 5, 9, 10, 11]]
    """
    if n_folds < 2 or purge < 0:
        raise ValueError(f"n_folds={n_folds}, purge={purge}; at least 2 folds and a purge of 0 or more are needed.")
    different, position = np.unique(np.asarray(content, dtype=np.int64), return_inverse=True)
    everything = np.arange(len(position), dtype=np.int64)
    folds: list[Fold] = []
    for piece in np.array_split(np.arange(len(different)), n_folds):
        in_test = np.isin(position, piece)
        test, train = everything[in_test], everything[~_widened(in_test, purge)]
        if train.size < _FEWEST_TRAINING_VOLUMES or piece.size < _FEWEST_TEST_VOLUMES:
            raise ValueError(
                f"{_counted(len(position), len(different))} are too few for {n_folds} folds with purge={purge}: fold "
                f"{len(folds) + 1} keeps {train.size} for training and {piece.size} to test (at least "
                f"{_FEWEST_TRAINING_VOLUMES} and {_FEWEST_TEST_VOLUMES} are needed); use fewer folds, a smaller purge, "
                "or longer or pooled runs."
            )
        folds.append((train, test))
    return folds


def _counted(n_volumes: int, n_different: int) -> str:
    repeated = f", {n_different} of them without those that repeat another's," if n_different < n_volumes else ""
    return f"{n_volumes} volumes{repeated}"


def _widened(chosen: npt.NDArray[np.bool_], by: int) -> npt.NDArray[np.bool_]:
    """The chosen volumes and `by` volumes on each side of them."""
    n_volumes, rows = len(chosen), np.flatnonzero(chosen)
    change = np.zeros(n_volumes + 1, dtype=np.int64)
    np.add.at(change, np.maximum(rows - by, 0), 1)
    np.add.at(change, np.minimum(rows + by + 1, n_volumes), -1)
    return np.asarray(np.cumsum(change[:-1]) > 0)


def within(folds: Sequence[Fold], rows: Ints) -> list[Fold]:
    """The same folds restricted to some volumes, `rows` ascending; indices refer to `rows`.

    A fold with too few test volumes left is used for training only.

    >>> [test.tolist() for _, test in within(contiguous_folds(16, 4), np.arange(4, 16))]
    [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    """
    kept = []
    for train, test in folds:
        split = tuple(np.flatnonzero(np.isin(rows, fold_rows)) for fold_rows in (train, test))
        if split[1].size >= _FEWEST_TEST_VOLUMES and split[0].size >= _FEWEST_TRAINING_VOLUMES:
            kept.append((split[0], split[1]))
    if len(kept) < 3:
        raise ValueError(f"only {len(rows)} volumes are covered, which leaves too few folds with volumes to test")
    return kept


def inner_folds(fold: Fold, folds: Sequence[Fold]) -> list[Fold]:
    """Folds of the training rows of one outer fold, with the borders of the other outer folds.

    Indices refer to all volumes. Volumes purged by the outer fold are in neither training nor test.

    >>> outer = contiguous_folds(12, 3)
    >>> [test.tolist() for _, test in inner_folds(outer[0], outer)]
    [[4, 5, 6, 7], [8, 9, 10, 11]]
    """
    outer_train = fold[0]
    pairs = [
        (np.intersect1d(outer_train, train, assume_unique=True), np.intersect1d(outer_train, test, assume_unique=True))
        for train, test in folds
        if test[0] != fold[1][0]
    ]
    if len(pairs) < 2 or any(train.size < _FEWEST_TRAINING_VOLUMES or test.size == 0 for train, test in pairs):
        raise ValueError(
            f"The training part of a fold ({outer_train.size} volumes) cannot be split again to choose a penalty; "
            "use at least 3 folds, longer runs, or a fixed penalty."
        )
    return pairs
