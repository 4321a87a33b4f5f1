"""The estimators keep scikit-learn's conventions, but for what is listed here with the reason."""

from collections.abc import Callable

from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

from bids_app.encoding.dictionary import DictionaryLearning, ReproducibleDictionary
from bids_app.encoding.lasso import LassoCV
from bids_app.encoding.ridge import RidgeCV

_FLOAT32 = "predictions are float32, whatever the input: float64 of 80,000 targets would take twice the memory"
_ROUNDING = "products in float32 of other rows, or in another order, differ by rounding, where 1e-7 is asked for"
_REGRESSION = {
    "check_regressor_multioutput": _FLOAT32,
    "check_methods_sample_order_invariance": _ROUNDING,
    "check_methods_subset_invariance": _ROUNDING,
}
LEFT_OUT: dict[type, dict[str, str]] = {
    RidgeCV: _REGRESSION,
    LassoCV: _REGRESSION,
    DictionaryLearning: {},
    ReproducibleDictionary: {},
}
ESTIMATORS = [
    RidgeCV(device="cpu"),
    LassoCV((0.1,), n_folds=2, device="cpu"),
    DictionaryLearning(2, max_iter=3, device="cpu"),
    ReproducibleDictionary(2, n_restarts=2, max_iter=3, device="cpu"),
]


Check = Callable[[BaseEstimator], None]
CHECKS: Callable[[Callable[[BaseEstimator, Check], None]], object] = parametrize_with_checks(
    ESTIMATORS, expected_failed_checks=lambda estimator: LEFT_OUT[type(estimator)]
)


@CHECKS
def test_conventions_of_scikit_learn(estimator: BaseEstimator, check: Check) -> None:
    check(estimator)
