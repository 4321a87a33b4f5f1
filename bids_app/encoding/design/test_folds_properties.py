"""What holds for the folds of any stories: hypothesis looks for those for which it does not."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies._internal.core import DataObject

from bids_app.encoding.design.folds import content_folds, contiguous_folds, inner_folds, within

MANY = settings(max_examples=200, deadline=None)


@st.composite
def heard(draw: st.DrawFn) -> npt.NDArray[np.int64]:
    """What each volume heard: some segments of a story, one after the other, in any order and any number of times."""
    n = draw(st.integers(1, 60))
    segments = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(1, n)), min_size=1, max_size=4))
    offset, step = draw(st.integers(-100, 100)), draw(st.integers(1, 9))
    return np.concatenate([offset + step * np.arange(start, min(n, start + length)) for start, length in segments])


def folds_of(
    content: npt.NDArray[np.int64], n_folds: int, purge: int
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] | None:
    """The folds, or None where the data are refused, which must be in words that name what is too few."""
    try:
        return content_folds(content, n_folds, purge)
    except ValueError as error:
        if "too few for" not in str(error):
            raise
        return None


@MANY
@given(heard(), st.integers(2, 7), st.integers(0, 5))
def test_every_volume_is_tested_once_and_far_from_what_is_trained_on(
    content: npt.NDArray[np.int64], n_folds: int, purge: int
) -> None:
    folds = folds_of(content, n_folds, purge)
    if folds is None:
        return
    assert len(folds) == n_folds
    np.testing.assert_array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(len(content)))
    for train, test in folds:
        distance = np.abs(np.arange(len(content))[:, None] - test[None]).min(axis=1)
        np.testing.assert_array_equal(train, np.flatnonzero(distance > purge))  # and no volume is lost
        assert not np.isin(content[train], content[test]).any()


@MANY
@given(heard(), st.integers(2, 7))
def test_pieces_are_contiguous_and_as_even_as_can_be(content: npt.NDArray[np.int64], n_folds: int) -> None:
    folds = folds_of(content, n_folds, 0)
    if folds is None:
        return
    different = np.unique(content)
    pieces = [np.unique(content[test]) for _, test in folds]
    np.testing.assert_array_equal(np.concatenate(pieces), different)  # in order
    sizes = [len(piece) for piece in pieces]
    assert max(sizes) - min(sizes) <= 1


@MANY
@given(heard(), st.integers(2, 7), st.integers(0, 5))
def test_folds_are_refused_exactly_where_a_part_is_too_small(
    content: npt.NDArray[np.int64], n_folds: int, purge: int
) -> None:
    position = np.unique(content, return_inverse=True)[1]
    pieces = np.array_split(np.arange(position.max() + 1), n_folds)
    rows = np.arange(len(content))
    trained = [
        sum(all(abs(row - tested) > purge for tested in rows[np.isin(position, piece)]) for row in rows)
        for piece in pieces
    ]
    too_few = any(len(piece) < 3 or n_train < 4 for piece, n_train in zip(pieces, trained, strict=True))
    assert (folds_of(content, n_folds, purge) is None) == too_few


@MANY
@given(heard(), st.integers(3, 6), st.integers(0, 3))
def test_inner_folds_stay_inside_the_training_part(content: npt.NDArray[np.int64], n_folds: int, purge: int) -> None:
    folds = folds_of(content, n_folds, purge)
    folds = folds or []
    for outer in folds:
        try:
            inner = inner_folds(outer, folds)
        except ValueError as error:
            if "cannot be split again" not in str(error):
                raise
            continue
        assert len(inner) == n_folds - 1
        np.testing.assert_array_equal(np.sort(np.concatenate([test for _, test in inner])), outer[0])
        for train, test in inner:
            assert np.isin(train, outer[0]).all()
            assert not np.isin(content[train], content[test]).any()
            assert np.abs(train[:, None] - test[None]).min() > purge


@MANY
@given(st.integers(20, 80), st.integers(3, 6), st.integers(0, 2), st.data())
def test_folds_of_some_volumes_are_those_of_all(n: int, n_folds: int, purge: int, data: DataObject) -> None:
    folds = contiguous_folds(n, n_folds, purge) if n >= 4 * n_folds + 8 else []
    rows = np.flatnonzero(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    if not folds:
        return
    large = [
        (train, test) for train, test in folds if np.isin(test, rows).sum() >= 3 and np.isin(train, rows).sum() >= 4
    ]
    if len(large) < 3:
        with pytest.raises(ValueError, match="too few folds"):
            within(folds, rows)
        return
    for (train, test), (kept_train, kept_test) in zip(large, within(folds, rows), strict=True):
        np.testing.assert_array_equal(rows[kept_test], np.intersect1d(test, rows))
        np.testing.assert_array_equal(rows[kept_train], np.intersect1d(train, rows))
