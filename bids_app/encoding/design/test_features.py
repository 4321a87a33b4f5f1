import numpy as np
import pytest
from sklearn.decomposition import PCA

from bids_app.encoding.design.delays import delay
from bids_app.encoding.design.features import DelayedComponents
from bids_app.stats.standardise import zscore


@pytest.mark.parametrize("n_features", [12, 90])
def test_against_scikit_learn(n_features: int) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, n_features)) @ rng.standard_normal((n_features, n_features))
    X[:, 3] = 4
    runs, rows = [25, 35], np.r_[0:20, 30:60]
    standardised = (X - X[rows].mean(axis=0)) / np.where(np.arange(n_features) == 3, 1, X[rows].std(axis=0))
    components = PCA(5, svd_solver="full").fit(standardised[rows]).transform(standardised)
    design = delay(components, [0, 2], runs)
    expected = (design - design[rows].mean(axis=0)) / design[rows].std(axis=0)
    actual = DelayedComponents(5, [0, 2]).fit(X, runs, rows).transform(X, runs)
    sign = np.sign((actual * expected).sum(axis=0))
    np.testing.assert_allclose(actual * sign, expected, atol=1e-4)
    assert (sign[:5] == sign[5:]).all()


@pytest.mark.parametrize("n_features", [12, 90])  # fewer and more than the volumes
def test_components_are_orthonormal(n_features: int) -> None:
    X = np.random.default_rng(0).standard_normal((60, n_features))
    components = DelayedComponents(5, [0]).fit(X, [60]).components_
    assert components is not None
    np.testing.assert_allclose(components.T @ components, np.eye(5), atol=1e-10)


@pytest.mark.parametrize("n_components", [None, 4, 9])
def test_without_components(n_components: int | None) -> None:
    X = np.random.default_rng(0).standard_normal((30, 4))
    actual = DelayedComponents(n_components, [0, 1]).fit(X, [30]).transform(X, [30])
    np.testing.assert_allclose(actual, zscore(delay(zscore(X), [0, 1], [30])), atol=1e-5)


def test_test_rows_do_not_reach_the_fit() -> None:
    rng = np.random.default_rng(0)
    X, rows = rng.standard_normal((40, 30)), np.arange(25)
    before = DelayedComponents(3, [0, 1]).fit(X, [40], rows).transform(X, [40])[:25]
    X[25:] = 1e3 * rng.standard_normal((15, 30))
    np.testing.assert_array_equal(DelayedComponents(3, [0, 1]).fit(X, [40], rows).transform(X, [40])[:25], before)


def test_missing_components_are_zero_not_noise() -> None:
    X = np.random.default_rng(0).standard_normal((40, 2)) @ np.ones((2, 50))
    design = DelayedComponents(3, [0]).fit(X, [40]).transform(X, [40])
    assert not design[:, 1:].any()


def test_too_many_components() -> None:
    with pytest.raises(ValueError, match="n_components=10"):
        DelayedComponents(10, [0]).fit(np.ones((10, 20)), [10])


def test_rows_without_responses_still_reach_the_next_ones() -> None:
    """What a planted response owes to a censored volume is explained, which it would not be with gaps filled by 0."""
    from bids_app.encoding.design.pipeline import FeaturePipeline

    X = np.random.default_rng(3).standard_normal((200, 3))
    kept = np.flatnonzero(np.arange(200) % 7 > 1)
    y = np.concatenate([np.zeros((2, 3)), X[:-2]]) @ [1.0, -2.0, 0.5]
    pipeline = FeaturePipeline(None, (0, 1, 2), kept=tuple(kept.tolist()))
    assert pipeline.n_kept(200) == len(kept)
    train = np.arange(100)
    features = pipeline.features(X, [200], train)
    assert features.shape == (len(kept), 9)
    design = np.c_[np.ones(len(kept)), features]
    fit = design @ np.linalg.lstsq(design[train], y[kept][train], rcond=None)[0]
    np.testing.assert_allclose(fit[2:], y[kept][2:], atol=1e-4)
