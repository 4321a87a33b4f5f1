import numpy as np
import pytest

from bids_app.encoding.folds import contiguous_folds, inner_folds


@pytest.mark.parametrize("purge", [0, 4])
def test_folds_cover_everything_once_and_keep_their_distance(purge):
    folds = contiguous_folds(103, 5, purge)
    np.testing.assert_array_equal(np.concatenate([test for _, test in folds]), np.arange(103))
    for train, test in folds:
        assert np.abs(train[:, None] - test[None]).min() == purge + 1
        assert len(train) >= 103 - len(test) - 2 * purge


@pytest.mark.parametrize("purge", [0, 4])
def test_inner_folds_see_nothing_of_the_outer_test(purge):
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
def test_errors(n, k, purge):
    with pytest.raises(ValueError, match="folds"):
        contiguous_folds(n, k, purge)


def test_inner_folds_need_three_folds():
    folds = contiguous_folds(40, 2)
    with pytest.raises(ValueError, match="at least 3 folds"):
        inner_folds(folds[0], folds)
