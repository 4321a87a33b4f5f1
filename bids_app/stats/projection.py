"""Series without what a set of regressors explains."""

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import Doubles

_NEGLIGIBLE = 1e-6  # a direction with a smaller share of the largest singular value is rounding


def orthonormal_basis(columns: npt.ArrayLike) -> Doubles:
    """Orthonormal columns that span the same space, (n_rows, rank).

    >>> orthonormal_basis([[1.0, 2.0], [1.0, 2.0]]).shape
    (2, 1)
    """
    u, s, _ = np.linalg.svd(np.asarray(columns, dtype=np.float64), full_matrices=False)
    return np.asarray(u[:, s > _NEGLIGIBLE * s[0]])


def project_out(series: npt.NDArray[np.floating], basis: Doubles) -> Doubles:
    """What orthonormal columns `basis` (n_rows, n) do not explain of series (n_rows, m)."""
    return np.asarray(series - basis @ (basis.T @ series))
