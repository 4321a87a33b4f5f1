import numpy as np
import numpy.typing as npt
import pytest

from bids_app.encoding.design.folds import content_folds, contiguous_folds, inner_folds, within


@pytest.mark.parametrize("purge", [0, 4])
def test_folds_cover_everything_once_and_keep_their_distance(purge: int) -> None:
    folds = contiguous_folds(103, 5, purge)
    np.testing.assert_array_equal(np.concatenate([test for _, test in folds]), np.arange(103))
    for train, test in folds:
        assert np.abs(train[:, None] - test[None]).min() == purge + 1
        assert len(train) >= 103 - len(test) - 2 * purge


@pytest.mark.parametrize("purge", [0, 4])
def test_inner_folds_see_nothing_of_the_outer_test(purge: int) -> None:
    folds = contiguous_folds(103, 5, purge)
    for outer in folds:
        inner = inner_folds(outer, folds)
        assert len(inner) == 4
        for train, test in inner:
            assert np.isin(train, outer[0]).all()
            assert np.isin(test, outer[0]).all()
            assert np.abs(train[:, None] - test[None]).min() > purge
        np.testing.assert_array_equal(np.sort(np.concatenate([test for _, test in inner])), outer[0])


@pytest.mark.parametrize(("n", "k", "purge"), [(10, 1, 0), (10, 5, 0), (20, 5, 9), (30, 3, -1), (3, 5, 0)])
def test_errors(n: int, k: int, purge: int) -> None:
    with pytest.raises(ValueError, match="folds"):
        contiguous_folds(n, k, purge)


def test_inner_folds_need_three_folds() -> None:
    folds = contiguous_folds(40, 2)
    with pytest.raises(ValueError, match="at least 3 folds"):
        inner_folds(folds[0], folds)


def test_a_purge_that_leaves_a_neighbour_nothing_to_test_is_refused() -> None:
    folds = contiguous_folds(40, 10, purge=4)  # pieces of 4 volumes
    with pytest.raises(ValueError, match="cannot be split again"):
        inner_folds(folds[3], folds)
    assert len(inner_folds(contiguous_folds(40, 10, 3)[3], contiguous_folds(40, 10, 3))) == 9  # one volume is enough


def test_folds_keep_three_volumes_to_test_and_four_to_train_on() -> None:
    folds = contiguous_folds(12, 4)
    assert len(within(folds, np.array([0, 1, 2, 3, 4, 5, 6, 7, 8]))) == 3
    pairs = [(np.arange(4), np.arange(4, 7)), (np.arange(3), np.arange(3, 7))]
    kept = within([pairs[0]] * 3 + [pairs[1]], np.arange(7))
    assert [len(train) for train, _ in kept] == [4, 4, 4]
    with pytest.raises(ValueError, match="too few folds"):
        within([*pairs, pairs[0]], np.arange(7))


def heard_twice(n: int = 40, starts: tuple[int, int] = (0, 7)) -> npt.NDArray[np.int64]:
    """Content of a whole run, and of another that starts late."""
    return np.concatenate([np.arange(start, n) for start in starts])


@pytest.mark.parametrize("content", [heard_twice(), heard_twice(90, (0, 50)), np.arange(60).repeat(2)])
@pytest.mark.parametrize("purge", [0, 3])
def test_what_was_heard_again_is_never_trained_and_tested_on(content: npt.NDArray[np.int64], purge: int) -> None:
    folds = content_folds(content, 5, purge)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(content)))
    for outer in folds:
        for train, test in [outer, *inner_folds(outer, folds)]:
            assert not np.isin(content[train], content[test]).any()
            assert np.abs(train[:, None] - test[None]).min() > purge


def test_pieces_are_contiguous_in_what_was_heard() -> None:
    tests = [np.unique(heard_twice()[test]) for _, test in content_folds(heard_twice(), 4)]
    assert [(piece[0], piece[-1], len(piece)) for piece in tests] == [
        (0, 9, 10),
        (10, 19, 10),
        (20, 29, 10),
        (30, 39, 10),
    ]


def test_without_repeats_any_rising_numbers_give_the_contiguous_folds() -> None:
    for ours, theirs in zip(content_folds(np.arange(103) * 7 - 5, 5, 2), contiguous_folds(103, 5, 2), strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])


def test_a_short_story_heard_often_is_too_short_for_many_folds() -> None:
    with pytest.raises(ValueError, match="100 volumes, 10 of them without those that repeat another's, are too few"):
        content_folds(np.tile(np.arange(10), 10), 5)
