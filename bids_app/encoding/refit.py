"""The null of a cross-validated score, from whole fits to responses at the wrong time."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from bids_app.encoding.arrays import AnyArray, Doubles
from bids_app.encoding.circular import fold_batches, fold_correlations, paired
from bids_app.encoding.device import resolve_device
from bids_app.encoding.folds import Fold


def refit_test(
    predict: Callable[[AnyArray], npt.ArrayLike],
    predictions: npt.ArrayLike,
    Y: npt.ArrayLike,
    folds: Sequence[Fold],
    *,
    n_scores: int = 4000,
    n_refits: int = 20,
    seed: int = 0,
    device: str = "auto",
    mem_mb: float | None = None,
) -> Doubles:
    """One-sided p per target, (n_targets,), where a few refits give the null for all targets.

    Exact about what `shift_test` corrects by a factor: that folds learn from each other, that choosing a penalty and
    few regressors skews chance scores, and that a mean taken off in training lowers them. Each score, the mean over
    folds of Pearson r, is divided by the target's own standard deviation over all circular shifts inside the folds,
    which holds its autocorrelation; the same of fits to moved responses are then a common null of n scores, and
    p = (b + 1) / (n + 1).

    Parameters
    ----------
    predict : takes responses (n_volumes, some targets), gives their held-out predictions with these folds
    predictions, Y : arrays of shape (n_volumes, n_targets), finite
    n_refits : so many times, `predict` gets a random choice of targets of Y, moved circularly over all volumes by at
        least the length of a fold, another distance each time
    n_scores : scores in the null, over all refits
    """
    predictions, Y = paired(predictions, Y)
    if n_scores < 1 or n_refits < 1:
        raise ValueError(f"n_scores={n_scores}, n_refits={n_refits}; both must be at least 1.")
    generator = np.random.default_rng(seed)
    longest = max(len(test) for _, test in folds)
    distances = np.arange(longest, len(Y) - longest + 1)
    if distances.size == 0:
        raise ValueError(f"{len(folds)} folds of {len(Y)} volumes leave no room to move responses; use more folds.")
    where = resolve_device(device)
    n_columns = min(Y.shape[1], -(-n_scores // n_refits))
    null: list[Doubles] = []
    for distance in generator.choice(distances, n_refits, replace=n_refits > distances.size):
        columns = np.sort(generator.choice(Y.shape[1], n_columns, replace=False))
        moved = np.roll(Y[:, columns], int(distance), axis=0)
        null.append(standardised_scores(np.asarray(predict(moved)), moved, folds, where, mem_mb))
    ordered = np.sort(np.concatenate(null))
    observed = standardised_scores(predictions, Y, folds, where, mem_mb)
    exceeding = ordered.size - np.searchsorted(ordered, observed, side="left")
    return np.asarray((exceeding + 1) / (ordered.size + 1))


def standardised_scores(
    predictions: AnyArray, Y: AnyArray, folds: Sequence[Fold], device: torch.device, mem_mb: float | None
) -> Doubles:
    """Mean over folds of r in units of its spread over shifts, (n_targets,); 0 where a prediction is constant."""
    scores = np.zeros(Y.shape[1])
    for batch in fold_batches(folds, Y.shape[1], device, mem_mb):
        correlations = fold_correlations(predictions[:, batch], Y[:, batch], folds, device)
        score = torch.stack([fold[0] for fold in correlations]).sum(dim=0).double()
        variance = torch.stack([fold[1:].square().mean(dim=0) for fold in correlations]).sum(dim=0).double()
        scores[batch] = torch.where(variance > 0, score / variance.sqrt(), 0).cpu().numpy()
    return scores
