import numpy as np
import numpy.typing as npt
import pytest
from sklearn.linear_model import Ridge

from bids_app.encoding.ceiling import noise_ceiling, repeatability
from bids_app.encoding.design.folds import contiguous_folds, inner_folds
from bids_app.stats.arrays import AnyArray
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


def repeated(n: int, n_volumes: int, snr: float) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Signal (n_volumes, 40), `n` noisy presentations of it one after the other, and their content."""
    rng = np.random.default_rng(1)
    signal = rng.standard_normal((n_volumes, 40))
    Y = np.tile(snr * signal, (n, 1)) + rng.standard_normal((n * n_volumes, 40)) + 100
    return signal, Y, np.tile(np.arange(n_volumes), n)


def test_two_presentations_share_their_covariance() -> None:
    _, Y, content = repeated(2, 60, 0.7)
    first, second = Y[:60], Y[60:]
    found = repeatability(Y, content)
    for target in (0, 17):
        covariance = np.cov(first[:, target], second[:, target])
        assert found.share[target] == pytest.approx(covariance[0, 1] / np.diag(covariance).mean(), rel=1e-5)
    assert (found.n_volumes, found.n_presentations) == (60, 2)


@pytest.mark.parametrize("n", [2, 5])
@pytest.mark.parametrize("of_means", [False, True])
def test_the_signal_itself_reaches_the_ceiling(n: int, of_means: bool) -> None:
    signal, Y, content = repeated(n, 4000, 0.5)
    responses = Y.reshape(n, 4000, 40)
    targets = responses.mean(axis=0) if of_means else responses[0]
    reached = [np.corrcoef(signal[:, target], targets[:, target])[0, 1] for target in range(40)]
    ceiling = repeatability(Y, content).ceiling(of_means=of_means)
    assert ceiling.mean() == pytest.approx(np.mean(reached), abs=0.01)


def test_noise_alone_and_passages_of_unequal_number() -> None:
    rng = np.random.default_rng(2)
    content = np.array([*range(80), *range(80), *range(30)])
    found = repeatability(rng.standard_normal((190, 2000)), content)
    assert found.share.mean() == pytest.approx(0, abs=0.01)
    assert (found.ceiling(of_means=False)[found.share < 0] == 0).all()
    assert (found.n_volumes, found.n_presentations) == (80, 2)
    with pytest.raises(ValueError, match="no passage was heard more than once"):
        repeatability(np.zeros((5, 2)), np.arange(5))
