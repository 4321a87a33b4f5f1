"""Are held-out predictions better than predictions at the wrong time?"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import false_discovery_control

from bids_app.encoding.arrays import AnyArray, Doubles, Ints
from bids_app.encoding.circular import ROWS_AT_A_TIME, fold_batches, fold_correlations, paired
from bids_app.encoding.device import resolve_device
from bids_app.encoding.folds import Fold

# Correlations that differ by less are ties; they count for the null, so that rounding never makes a p smaller.
_TIE = 1e-6
CROSS_VALIDATION_SCALE = 2**0.5


def shift_test(
    predictions: npt.ArrayLike,
    Y: npt.ArrayLike,
    folds: Sequence[Fold],
    n_permutations: int = 1000,
    seed: int = 0,
    *,
    min_shift: int = 1,
    null_scale: float = CROSS_VALIDATION_SCALE,
    device: str = "auto",
    mem_mb: float | None = None,
) -> Doubles:
    """One-sided p per target of held-out predictions, from circular shifts that keep the autocorrelation.

    The statistic is the Pearson correlation within each fold's test part, averaged over the folds. For the null, the
    predictions are shifted circularly inside each test part, in every fold by another random number of volumes, the
    same for all targets. No fold stays in place: its shift is at least `min_shift` volumes forwards and backwards.
    p = (b + 1) / (n_permutations + 1), b the number of shifts that reach the statistic, so p is never 0.

    Shifting finished predictions breaks more than their tie to the brain. A fit for fold f learns from the responses
    of fold g, and the fit for g from those of f, so every pair of folds adds the same chance product to two folds'
    scores: on noise the variance of the mean is twice that of unrelated folds (exactly so for ridge with equal folds),
    and a plain comparison would fire at p < 0.05 in 12 % of noise targets. The null is therefore stretched by
    `null_scale`: √2 by default; 1 for predictions that no fold was used to fit. `refit_test` measures the null instead.

    Parameters
    ----------
    predictions, Y : arrays of shape (n_volumes, n_targets); a target with NaN in either gets p = NaN
    folds : their test parts are where predictions are held out
    null_scale : factor on the null's spread

    Returns
    -------
    array of shape (n_targets,), float64; 1 where predictions or responses are constant in every fold
    """
    predictions, Y = paired(predictions, Y)
    if n_permutations < 1 or not null_scale > 0:
        raise ValueError(f"n_permutations={n_permutations}, null_scale={null_scale}; both must be positive.")
    where = resolve_device(device)
    shifts = torch.as_tensor(_draw_shifts(folds, n_permutations, min_shift, seed), device=where)
    p = np.full(Y.shape[1], np.nan)
    finite = np.flatnonzero(np.isfinite(Y.sum(axis=0)) & np.isfinite(predictions.sum(axis=0)))
    for batch in fold_batches(folds, finite.size, where, mem_mb):
        columns = finite[batch]
        correlations = fold_correlations(predictions[:, columns], Y[:, columns], folds, where)
        p[columns] = (_count_exceeding(correlations, shifts, null_scale) + 1) / (n_permutations + 1)
    return p


def fdr(p: npt.ArrayLike, axis: int | None = None) -> Doubles:
    """Benjamini and Hochberg's (1995) q, over all values or along an axis; NaN stays NaN and is not counted.

    >>> fdr([0.01, 0.04, float("nan")]).round(3).tolist()
    [0.02, 0.04, nan]
    """
    p = np.asarray(p, dtype=np.float64)
    if axis is not None:
        return np.apply_along_axis(fdr, axis, p)
    finite = np.isfinite(p)
    q = np.full(p.shape, np.nan)
    if finite.any():
        q[finite] = false_discovery_control(p[finite])
    return q


def _draw_shifts(folds: Sequence[Fold], n_permutations: int, min_shift: int, seed: int) -> Ints:
    """Random shifts, (n_permutations, n_folds), within min_shift ... length - min_shift of each test part."""
    if min_shift < 1:
        raise ValueError(f"min_shift={min_shift}; the null must move every fold by at least 1 volume.")
    lengths = np.array([len(test) for _, test in folds])
    if lengths.min() <= 2 * min_shift:
        raise ValueError(f"A fold of {lengths.min()} volumes is too short for min_shift={min_shift}; use fewer folds.")
    generator = np.random.default_rng(seed)
    return generator.integers(min_shift, lengths - min_shift + 1, size=(n_permutations, len(folds)))


def _count_exceeding(correlations: list[torch.Tensor], shifts: torch.Tensor, null_scale: float) -> AnyArray:
    """How many rows of shifts, (n_permutations, n_folds), give a stretched sum of at least that at shift 0, (V,)."""
    observed = (torch.stack([fold[0] for fold in correlations]).sum(dim=0) - _TIE) / null_scale
    count = torch.zeros(observed.shape, dtype=torch.int64, device=observed.device)
    for rows in torch.split(shifts, ROWS_AT_A_TIME):
        null = correlations[0][rows[:, 0]]
        for fold, correlation in enumerate(correlations[1:], start=1):
            null += correlation[rows[:, fold]]
        count += (null >= observed).sum(dim=0)
    return count.cpu().numpy()
