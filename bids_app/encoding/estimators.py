"""Base class of the estimators: scikit-learn's conventions for many targets.

Import this module where it is used: scikit-learn takes a second.
"""

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from bids_app.stats.arrays import AnyArray, Floats, require_finite, require_matrix
from bids_app.stats.correlation import pearson_r


class ManyTargets(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A regression of many targets: Y is always (n_volumes, n_targets), and `score` returns a value for each."""

    intercept_: Floats

    def __sklearn_tags__(self):  # type: ignore[no-untyped-def]  # scikit-learn has no types
        """Declare that y needs two dimensions."""
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        return tags

    def _checked(self, X: npt.ArrayLike, y: npt.ArrayLike) -> tuple[AnyArray, AnyArray]:
        """Both as arrays with the same number of rows; ValueError if a value is not finite."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        # non-finite columns are reported below
        features: AnyArray = validate_data(self, X, ensure_all_finite=False, ensure_min_samples=2)
        responses = check_array(y, ensure_2d=False, ensure_all_finite=False, input_name="y")
        responses = require_matrix("Y", responses, len(features))
        require_finite("X", features)
        require_finite("Y", responses)
        return features, responses

    def _regressors(self, X: npt.ArrayLike) -> Floats:
        """X of volumes to predict, float32; ValueError if it does not match the fit."""
        check_is_fitted(self)
        features: AnyArray = validate_data(self, X, reset=False, ensure_all_finite=False)
        require_finite("X", features)
        return np.asarray(features, dtype=np.float32)

    def _weighted(self, X: npt.ArrayLike) -> Floats:
        """Predictions without the intercept, (n_volumes', n_targets)."""
        raise NotImplementedError

    def predict(self, X: npt.ArrayLike) -> Floats:
        """Predictions (n_volumes', n_targets), float32."""
        return np.asarray(self._weighted(X) + self.intercept_, dtype=np.float32)

    def score(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Floats:
        """Pearson correlation of prediction and response per target, (n_targets,)."""
        # without the intercept, because a large mean would round weak predictions
        return pearson_r(self._weighted(X), y)
