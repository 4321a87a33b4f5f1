"""From word vectors per volume to the design of a brain score."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from bids_app.encoding.design.delays import delay
from bids_app.stats.arrays import AnyArray, Doubles, Floats, Ints, require_finite, require_matrix
from bids_app.stats.standardise import moments

# Components below this share of the first one's variance are rounding errors.
_NEGLIGIBLE = 1e-10


class TooFewVolumesError(ValueError):
    """There are not more training volumes (`n_rows`) than principal components."""

    def __init__(self, n_components: int, n_rows: int):
        """State both numbers."""
        self.n_rows = n_rows
        super().__init__(
            f"n_components={n_components} from {n_rows} training volumes; it must be at least 1 and below the number "
            "of volumes. Use fewer components or longer runs."
        )


class DelayedComponents:
    """Standardise, principal components, delays, standardise: all fitted on the training rows only.

    Delays are made on the whole time line of each run before rows are selected, so that a fold border does not act as
    the start of a run. (A training row just after a test block therefore holds features of test volumes, of the
    stimulus but not of the brain; `purge` excludes such rows from training.)

    Parameters
    ----------
    n_components : number of principal components; if None, or not fewer than the features, features are unchanged
    delays : volumes, such as range(6)
    wrap : whether delays wrap from the end of a run to its start (a leak, for comparison with a released analysis)

    Attributes
    ----------
    components_ : array of shape (n_features, n_components), or None
    """

    components_: Doubles | None

    def __init__(self, n_components: int | None, delays: Sequence[int], wrap: bool = False):
        """Keep the settings; nothing is computed before `fit`."""
        self.n_components, self.delays, self.wrap = n_components, list(delays), wrap

    def fit(self, X: npt.ArrayLike, run_lengths: Sequence[int], rows: Ints | None = None) -> Self:
        """Fit on `rows` (default: all) of X, (n_volumes, n_features), with concatenated runs."""
        X = require_matrix("X", X)
        require_finite("X", X)
        chosen = slice(None) if rows is None else rows
        self._first = moments(X[chosen])
        self.components_ = self._principal((X[chosen] - self._first[0]) * self._first[1])
        self._second = moments(self._delayed(X, run_lengths)[chosen])
        return self

    def transform(self, X: npt.ArrayLike, run_lengths: Sequence[int]) -> Floats:
        """The design of all rows, (n_volumes, n_components * n_delays), float32."""
        mean, scale = self._second
        return np.asarray((self._delayed(require_matrix("X", X), run_lengths) - mean) * scale, dtype=np.float32)

    def _delayed(self, X: AnyArray, run_lengths: Sequence[int]) -> AnyArray:
        mean, scale = self._first
        standardised = (X - mean) * scale
        if self.components_ is not None:
            standardised = standardised @ self.components_
        return delay(standardised, self.delays, run_lengths, wrap=self.wrap)

    def _principal(self, standardised: AnyArray) -> Doubles | None:
        n_rows, n_features = standardised.shape
        if self.n_components is None or self.n_components >= n_features:
            return None
        if not 1 <= self.n_components < n_rows:
            raise TooFewVolumesError(self.n_components, n_rows)
        wide = n_features > n_rows
        product = standardised @ standardised.T if wide else standardised.T @ standardised
        variance, vectors = np.linalg.eigh(product)
        variance, vectors = variance[::-1][: self.n_components], vectors[:, ::-1][:, : self.n_components]
        if wide:
            vectors = standardised.T @ vectors
            vectors /= np.sqrt(np.maximum(variance, np.finfo(float).tiny))
        vectors[:, variance <= _NEGLIGIBLE * variance[0]] = 0
        return np.asarray(vectors)
