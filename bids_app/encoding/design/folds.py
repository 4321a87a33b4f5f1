"""Contiguous folds of the stimulus: neither autocorrelated volumes nor repeats of a story are split at random."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import Fold, Ints

_FEWEST_TEST_VOLUMES = 3
_FEWEST_TRAINING_VOLUMES = 4


def contiguous_folds(n_samples: int, n_folds: int, purge: int = 0) -> list[Fold]:
    """Split volumes 0 ... n_samples - 1 into `n_folds` blocks; each is the test part of one fold.

    Returns (train, test) index arrays. The tests cover every volume once. Training leaves out the test part and
    `purge` volumes on each side of it, so that no haemodynamic response reaches from one into the other.

    >>> [(len(train), test.tolist()) for train, test in contiguous_folds(6, 2, purge=1)][0]
    Traceback (most recent call last):
    ...
    ValueError: 6 volumes are too few for 2 folds with purge=1: fold 1 keeps 2 for training and 3 to test (at least \
4 and 3 are needed); use fewer folds, a smaller purge, or longer or pooled runs.
    """
    return content_folds(np.arange(n_samples, dtype=np.int64), n_folds, purge)


def content_folds(content: npt.ArrayLike, n_folds: int, purge: int = 0) -> list[Fold]:
    """Split what was heard into `n_folds` pieces, as even as possible; a fold tests all volumes of one piece.

    Returns (train, test) index arrays as `contiguous_folds`, which this equals where every volume heard something new.
    What was heard more than once lies in one fold as a whole.

    Parameters
    ----------
    content : (n_volumes,) integers, the same for volumes that heard the same; pieces are contiguous in their order
    purge : volumes around each test volume, in the order of the volumes, that are not trained on

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
    """The same folds of some of the volumes alone, `rows` ascending; indices are those among `rows`.

    A fold of which too little is left to test is trained on and tested nowhere.

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
    """Folds of the training part of one outer fold: the other outer folds' borders, nothing of its test part.

    Indices are those of all volumes. What the outer fold purged is neither trained nor tested on.

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
