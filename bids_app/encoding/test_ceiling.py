import numpy as np
import numpy.typing as npt
import pytest
from sklearn.linear_model import Ridge

from bids_app.encoding.ceiling import noise_ceiling
from bids_app.encoding.design.folds import contiguous_folds, inner_folds
from bids_app.stats.correlation import fold_mean_r

Responses = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

ALPHAS = np.logspace(-1, 5, 7)


@pytest.fixture
def responses() -> Responses:
    """Eight targets beside a large mean, from little to much that the others share."""
    rng = np.random.default_rng(0)
    common = rng.standard_normal((120, 8))
    return common * np.linspace(0.2, 1, 8) + rng.standard_normal((120, 8)) + 10, 3 * common + 5


def standardised(X: npt.NDArray[np.float64], train: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.asarray((X - X[train].mean(axis=0)) / X[train].std(axis=0))


@pytest.mark.parametrize("purge", [0, 3])
def test_by_definition_with_scikit_learn(responses: Responses, purge: int) -> None:
    Y, others = responses
    folds = contiguous_folds(120, 5, purge)
    predictions = np.empty_like(Y)
    for fold in folds:
        train, test = fold
        for target, y in enumerate(Y.T):
            inner = inner_folds(fold, folds)
            error = np.zeros(len(ALPHAS))
            for a, b in inner:
                x = standardised(others[:, [target]], a)
                error += [np.mean((y[b] - Ridge(alpha).fit(x[a], y[a]).predict(x[b])) ** 2) for alpha in ALPHAS]
            x = standardised(others[:, [target]], train)
            predictions[test, target] = Ridge(ALPHAS[error.argmin()]).fit(x[train], y[train]).predict(x[test])
    expected = fold_mean_r(predictions, Y, folds)
    np.testing.assert_allclose(noise_ceiling(others, Y, folds, alphas=ALPHAS), expected, atol=1e-4)


def test_other_targets_are_refused(responses: Responses) -> None:
    with pytest.raises(ValueError, match="the same"):
        noise_ceiling(responses[1][:, :3], responses[0], contiguous_folds(120, 5))
