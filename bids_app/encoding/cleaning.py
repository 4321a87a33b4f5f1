"""Nuisance regression and high-pass filter of uncleaned recordings."""

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import Floats, require_matrix
from bids_app.stats.device import column_batches

_BATCH = 2048  # columns; for larger float64 copies, allocation costs more than computation


def clean(Y: npt.ArrayLike, repetition_time: float, confounds: npt.ArrayLike | None, high_pass: float | None) -> Floats:
    """Residuals of Y after regression on confounds and slow cosines, by nilearn; mean and scale of Y are kept.

    Parameters
    ----------
    Y : array of shape (n_volumes, n_targets); columns with NaN stay NaN
    repetition_time : seconds per volume
    confounds : array of shape (n_volumes, n_confounds), or None
    high_pass : cut-off in Hz, below which cosines are regressed out together with the confounds, or None
    """
    Y = require_matrix("Y", Y)
    result = np.array(Y, dtype=np.float32)
    if confounds is not None:
        confounds = require_matrix("confounds", confounds, Y.shape[0])
        if not np.isfinite(confounds).all():
            raise ValueError("confounds has NaN values; fill the first volume of derivatives with 0 or leave them out.")
    if confounds is None and high_pass is None:
        return result
    from nilearn.signal import clean as nilearn_clean  # takes more than a second to import

    finite = np.flatnonzero(np.isfinite(result.sum(axis=0, dtype=np.float64)))
    for batch in column_batches(finite.size, _BATCH):
        columns = finite[batch]
        mean = result[:, columns].mean(axis=0, dtype=np.float64)
        residual = nilearn_clean(
            result[:, columns] - mean,
            confounds=confounds,
            detrend=False,
            standardize=None,
            standardize_confounds=True,
            filter="cosine" if high_pass is not None else False,
            high_pass=high_pass,
            t_r=repetition_time,
            ensure_finite=False,
        )
        result[:, columns] = residual + mean
    return result
