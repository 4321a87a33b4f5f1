import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import r2_score

from bids_app.stats.correlation import fold_mean_r, pearson_r, r2

ROWS = np.arange(50)
FOLDS = [(np.setdiff1d(ROWS, test), test) for test in np.split(ROWS, 5)]


@pytest.fixture
def pair() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    Y = rng.standard_normal((50, 6)) + 100
    return Y + rng.standard_normal((50, 6)), Y


def test_pearson_r(pair: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]) -> None:
    A, B = pair
    expected = [pearsonr(a, b)[0] for a, b in zip(A.T, B.T, strict=True)]
    np.testing.assert_allclose(pearson_r(A, B), expected, atol=1e-6)
    A[:, 1] = 3.3
    B[4, 2] = np.nan
    r = pearson_r(A, B)
    assert r[1] == 0
    assert np.isnan(r[2])


def test_fold_mean_r_is_blind_to_an_offset_per_fold(
    pair: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
) -> None:
    A, B = pair
    expected = [np.mean([pearsonr(A[t, v], B[t, v])[0] for _, t in FOLDS]) for v in range(6)]
    A[:10] += 100
    np.testing.assert_allclose(fold_mean_r(A, B, FOLDS), expected, atol=1e-5)


def test_fold_mean_r_counts_a_constant_part_as_zero(
    pair: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
) -> None:
    A, B = pair
    A[:10] = 1
    expected = sum(pearson_r(A[test], B[test]) for _, test in FOLDS[1:]) / 5
    np.testing.assert_allclose(fold_mean_r(A, B, FOLDS), expected, atol=1e-6)


def test_r2(pair: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]) -> None:
    A, B = pair
    np.testing.assert_allclose(r2(A, B), r2_score(B, A, multioutput="raw_values"), atol=1e-6)
    assert r2(A, np.ones_like(B)).tolist() == [0] * 6


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="the same"):
        pearson_r(np.ones((3, 2)), np.ones((3, 1)))
