import numpy as np
import pytest
from scipy import stats

from bids_app.stats.specificity import chance_of, diagonal_index, diagonal_t


def test_the_index_leaves_out_missing_entries() -> None:
    drops = np.array([[0.4, 0.1, np.nan], [0.0, 0.2, 0.1], [0.2, np.nan, np.nan]])
    assert diagonal_index(drops) == pytest.approx(0.3 - 0.1)
    assert np.isnan(diagonal_index(np.full((3, 3), np.nan)))
    assert diagonal_index(np.stack([drops, 2 * drops])) == pytest.approx([0.2, 0.4])


@pytest.mark.parametrize("n", [3, 7])
def test_t_is_that_of_a_regression_with_rows_and_columns(n: int) -> None:
    rng = np.random.default_rng(n)
    drops = rng.standard_normal((n, n)) + 2 * rng.standard_normal((n, 1)) + rng.standard_normal(n) + np.eye(n)
    row, column = (array.ravel() for array in np.indices((n, n)))
    X = np.column_stack([row == column, *(row == k for k in range(n)), *(column == k for k in range(1, n))]).astype(
        float
    )
    beta, residual, rank, _ = np.linalg.lstsq(X, drops.ravel(), rcond=None)
    scale = residual[0] / (n * n - rank)
    expected = beta[0] / np.sqrt(scale * np.linalg.inv(X.T @ X)[0, 0])
    assert diagonal_index(drops) == pytest.approx(beta[0])
    assert diagonal_t(drops) == pytest.approx(expected)


def test_t_of_noise_is_student_s() -> None:
    n = 5
    t = diagonal_t(np.random.default_rng(0).standard_normal((20_000, n, n)))
    assert stats.kstest(t, stats.t((n - 1) ** 2 - 1).cdf).pvalue > 0.01


def test_constant_matrices_and_pairs_have_no_error() -> None:
    assert diagonal_t(np.full((3, 3), 0.2)) == 0
    assert diagonal_t([[0.3, 0.1], [0.0, 0.2]]) == pytest.approx(0.2)


def test_p_counts_draws_as_large_and_is_never_zero() -> None:
    draws = np.array([[0.1, np.nan], [0.5, np.nan], [0.7, np.nan]])
    np.testing.assert_allclose(chance_of([0.5, 1.0], draws), [3 / 4, np.nan])
    assert chance_of(9.0, draws[:, 0]) == pytest.approx(1 / 4)
    assert np.isnan(chance_of(np.nan, [1.0]))
