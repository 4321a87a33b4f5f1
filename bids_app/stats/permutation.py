"""Are held-out predictions better than predictions at the wrong time?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from bids_app.stats.arrays import AnyArray, Doubles, Fold, Ints, require_matrix
from bids_app.stats.circular import SharedShifts, Shifts, fold_batches, paired, shifts_inside, unit_norm
from bids_app.stats.copies import Copies
from bids_app.stats.device import resolve_device, run_batches, to_device
from bids_app.stats.pareto import tail_p

Pair = tuple[AnyArray, AnyArray]


def permutation_test(
    predict: Callable[[AnyArray], AnyArray | Pair],
    predictions: npt.ArrayLike | Pair,
    Y: npt.ArrayLike,
    folds: Sequence[Fold],
    *,
    content: Ints | None = None,
    n_scores: int = 4000,
    seed: int = 0,
    device: str = "auto",
    mem_mb: float | None = None,
) -> Doubles:
    """One-sided p per target of held-out predictions, (n_targets,), from whole fits to responses at the wrong time.

    Shifting finished predictions is not enough: folds learn from each other, so every pair of folds adds the same
    chance product to two folds' scores, and on noise p < 0.05 fires in 12 % of targets. So the fit itself, its choice
    of a penalty included, is made again with the regressors shifted circularly against the responses. Each score, the
    mean over folds of Pearson r, is divided by the target's own standard deviation over all circular shifts inside the
    folds, which holds its autocorrelation; in these units refits of a random choice of targets are a null for all of
    them, and p = (b + 1) / (n + 1), b the number of n null scores that reach the target's. Where none reaches it, p
    comes from the tail of the null, see `stats.pareto.tail_p`. p is never 0.

    Volumes that heard the same are moved together along what was heard, inside the folds too: a response to a story
    comes back whenever the story does, by chance at the right time or not.

    Parameters
    ----------
    predict : takes responses (n_volumes, some targets), gives their held-out predictions with these folds; or a pair,
        the predictions and those of a baseline: the score is then the gain of r over the baseline's
    predictions : array of shape (n_volumes, n_targets), or a pair of them as `predict` gives it
    Y : array of shape (n_volumes, n_targets), finite
    content : (n_volumes,) integers, the same for volumes that heard the same, in the order of `folds`; None where each
        heard something new
    n_scores : scores in the null; as many pairs of a target and a distance are drawn at random, or all pairs where
        there are fewer, and the target's responses moved circularly over all that was heard by that distance, which is
        at least the length of a fold
    """
    paired(_as_tuple(predictions)[0], Y)
    null = PermutationNull.draw(
        predict, Y, folds, content=content, n_scores=n_scores, seed=seed, device=device, mem_mb=mem_mb
    )
    return null.test(predictions, Y)


@dataclass(frozen=True)
class PermutationNull:
    """Scores of fits to responses at the wrong time, (n,) in units that all targets share; see `permutation_test`."""

    scores: Doubles
    _tests: Sequence[tuple[Fold, Shifts | SharedShifts]]
    _device: torch.device
    _mem_mb: float | None

    @classmethod
    def draw(
        cls,
        predict: Callable[[AnyArray], AnyArray | Pair],
        Y: npt.ArrayLike,
        folds: Sequence[Fold],
        *,
        content: Ints | None = None,
        n_scores: int = 4000,
        seed: int = 0,
        device: str = "auto",
        mem_mb: float | None = None,
    ) -> "PermutationNull":
        """The null of these responses; parameters as in `permutation_test`."""
        Y = require_matrix("Y", Y)
        if n_scores < 1:
            raise ValueError(f"n_scores={n_scores}; at least 1 is needed.")
        copies = Copies(np.arange(len(Y)) if content is None else content)
        longest = max(len(np.unique(copies.position[test])) for _, test in folds)
        distances = np.arange(longest, copies.length - longest + 1)
        if distances.size == 0:
            raise ValueError(
                f"{len(folds)} folds of {copies.length} different volumes leave no room to move responses; "
                "use more folds."
            )
        where = resolve_device(device)
        n_pairs = Y.shape[1] * distances.size
        pairs = np.random.default_rng(seed).choice(n_pairs, min(n_scores, n_pairs), replace=False)
        target, distance = np.divmod(pairs, distances.size)
        moved = np.take_along_axis(Y[:, target], copies.moved(distances[distance]), axis=0)  # (n_volumes, n_scores)
        tests = list(zip(folds, shifts_inside(folds, content, where), strict=True))
        scores = _standardised_scores(_as_tuple(predict(moved)), moved, tests, where, mem_mb)
        return cls(scores, tests, where, mem_mb)

    def test(self, predictions: npt.ArrayLike | Pair, Y: npt.ArrayLike) -> Doubles:
        """One-sided p of held-out predictions of responses (n_volumes, n_targets), (n_targets,).

        These may be others than those of the null, means of them for instance: in the units of the null they are alike.
        """
        parts = _as_tuple(predictions)
        _, Y = paired(parts[0], Y)
        return tail_p(_standardised_scores(parts, Y, self._tests, self._device, self._mem_mb), self.scores)


def _as_tuple(predictions: npt.ArrayLike | Pair) -> tuple[AnyArray, ...]:
    parts = predictions if isinstance(predictions, tuple) else (predictions,)
    return tuple(np.asarray(part) for part in parts)


def _standardised_scores(
    predictions: tuple[AnyArray, ...],
    Y: AnyArray,
    tests: Sequence[tuple[Fold, Shifts | SharedShifts]],
    device: torch.device,
    mem_mb: float | None,
) -> Doubles:
    """Sum over folds of r (less the baseline's) in units of its spread over shifts, (n_targets,); 0 if constant."""
    scores = np.zeros(Y.shape[1])

    def score(batch: slice) -> None:
        sums = []
        for (_, test), shifts in tests:
            actual, predicted, *baseline = (
                unit_norm(to_device(part[test, batch], device)) for part in (Y, *predictions)
            )
            for one in baseline:
                predicted -= one
            sums.append(torch.stack(shifts(predicted, actual)))
        r, variance = torch.stack(sums).sum(dim=0)
        scores[batch] = torch.where(variance > 0, r / variance.sqrt(), 0).cpu().numpy()

    run_batches(score, fold_batches([fold for fold, _ in tests], Y.shape[1], device, mem_mb), device)
    return scores
