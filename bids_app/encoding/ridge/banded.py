"""Banded ridge on held-out volumes: feature spaces with separate penalties, decomposed once for all participants.

A separate penalty for each space (Nunez-Elizalde et al. 2019) is a weighting of the spaces and one penalty for all of
them: ridge on features that are multiplied by the square root of their space's weight is kernel ridge on the weighted
sum of the spaces' kernels (Dupré la Tour et al. 2022). Each weighting is one `HeldOutDesign`.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from bids_app.encoding.design.folds import inner_folds
from bids_app.encoding.ridge import DEFAULT_ALPHAS, penalties
from bids_app.encoding.ridge._selection import penalty_errors
from bids_app.encoding.ridge._solver import Design, Predictor, ridge_batches
from bids_app.encoding.ridge.held_out import FoldDesign, HeldOut, HeldOutDesign, Inner, checked, decompose_fold
from bids_app.stats.arrays import AnyArray, Doubles, Floats, Fold, Ints
from bids_app.stats.device import centred, map_batches, resolve_device, run_batches

Space = Callable[[Ints], Floats]


def design_banded(
    spaces: Sequence[Space],
    weights: npt.ArrayLike,
    folds: Sequence[Fold],
    content: Ints | None = None,
    *,
    inner: Inner = "contiguous",
    device: str = "auto",
) -> tuple[HeldOutDesign, ...]:
    """One design for each weighting of the spaces.

    Parameters
    ----------
    spaces : functions from the training rows of a fold to the features of all volumes, (n_volumes, n_features), fitted
        on these rows
    weights : array of shape (n_weightings, n_spaces), not negative; a space with weight 0 is left out
    folds : (train, test) rows, as `FeaturePipeline.folds` gives them
    content, inner : see `design_held_out`
    """
    weights = np.asarray(weights, dtype=np.float64)
    if weights.ndim != 2 or weights.shape[1] != len(spaces) or (weights < 0).any() or not weights.any(axis=1).all():
        raise ValueError(
            f"weights has shape {weights.shape} for {len(spaces)} spaces; each row needs one weight per space, none "
            "negative and at least one above 0."
        )
    where = resolve_device(device)

    def designs_of(fold: Fold) -> list[FoldDesign]:
        features = [space(fold[0]) for space in spaces]
        return [decompose_fold(_weighted(features, row), fold, folds, inner, where) for row in weights]

    by_fold = list(map_batches(designs_of, list(folds), where))
    return tuple(HeldOutDesign(of_weighting, content) for of_weighting in zip(*by_fold, strict=True))


def _weighted(features: Sequence[Floats], weights: Doubles) -> Floats:
    chosen = [
        np.asarray(np.sqrt(weight) * X, dtype=np.float32) for X, weight in zip(features, weights, strict=True) if weight
    ]
    return np.concatenate(chosen, axis=1)


def predict_banded(
    designs: Sequence[HeldOutDesign],
    models: Sequence[Sequence[int]],
    Y: npt.ArrayLike,
    alphas: npt.ArrayLike = DEFAULT_ALPHAS,
    *,
    device: str = "auto",
    mem_mb: float | None = None,
) -> list[HeldOut]:
    """Held-out predictions of several models, each free to choose among some of the weightings.

    Each target takes the weighting and penalty with the smallest error in the inner folds; of equal ones the first.
    The errors of a weighting are computed once for all models that may choose it.

    Parameters
    ----------
    designs : the weightings, of the same folds
    models : for each model, the indices of its weightings
    Y, alphas, device, mem_mb : see `predict_held_out`
    """
    Y = checked(designs[0], Y)
    if not all(models) or not all(0 <= index < len(designs) for model in models for index in model):
        raise ValueError(f"models={models!r}; each needs at least one index of the {len(designs)} designs.")
    where = resolve_device(device)
    grid = penalties(alphas, where)
    if len(grid) == 1 and len(designs) > 1:
        grid = grid.repeat(2)  # a single penalty has no errors, but the weightings need theirs
    predictions = [np.empty(Y.shape, dtype=np.float32) for _ in models]
    log_alpha = np.zeros((len(models), Y.shape[1]))
    for number in range(len(designs[0].folds)):
        search = _FoldSearch([design.folds[number] for design in designs], designs[0], grid, Y, mem_mb)
        choices = search.choices(models)
        log_alpha += np.log(grid.cpu().numpy()[choices % len(grid)]) / len(designs[0].folds)
        for choice, predicted in zip(choices, predictions, strict=True):
            search.predict(choice, predicted)
    folds = designs[0].pairs
    return [
        HeldOut(predicted, np.exp(logs).astype(np.float32), folds)
        for predicted, logs in zip(predictions, log_alpha, strict=True)
    ]


class _FoldSearch:
    """One outer fold of all weightings."""

    def __init__(
        self,
        designs: Sequence[FoldDesign],
        whole: HeldOutDesign,
        grid: torch.Tensor,
        Y: AnyArray,
        mem_mb: float | None,
    ):
        self.designs, self.grid, self.Y = designs, grid, Y
        self.fold, self.content = designs[0].fold, whole.content
        self.pairs = inner_folds(self.fold, whole.pairs) if designs[0].inner else None
        self.matrices = [Design(design.features, grid.device) for design in designs]
        self.mem_mb = mem_mb

    def _batches(self, n_targets: int) -> list[slice]:
        rank = max(len(design.whole.values) for design in self.designs)
        return ridge_batches(len(self.Y), rank, n_targets, self.grid.device, self.mem_mb)

    def choices(self, models: Sequence[Sequence[int]]) -> Ints:
        """Number of weighting times number of penalties, plus number of penalty, (n_models, n_targets)."""
        n_targets = self.Y.shape[1]
        lowest = np.full((len(models), n_targets), np.inf)
        chosen = np.zeros((len(models), n_targets), dtype=np.int64)
        for number, (design, matrix) in enumerate(zip(self.designs, self.matrices, strict=True)):
            concerned = [row for row, model in enumerate(models) if number in model]
            if not concerned or n_targets == 0:
                continue
            errors = penalty_errors(
                matrix, (self.fold[0], design.whole), self.pairs, self.grid, n_targets, design.inner, self.content
            )

            def compare(columns: slice, errors=errors, number=number, concerned=concerned) -> None:  # type: ignore[no-untyped-def]
                batch, _ = centred(self.Y[:, columns], self.grid.device)
                least, index = (array.cpu().numpy() for array in errors(batch).min(dim=0))
                for row in concerned:
                    better = least < lowest[row, columns]
                    lowest[row, columns][better] = least[better]
                    chosen[row, columns][better] = number * len(self.grid) + index[better]

            run_batches(compare, self._batches(n_targets), self.grid.device)
        return chosen

    def predict(self, choice: Ints, predictions: Floats) -> None:
        """Fill in the test rows of the predictions."""
        weighting, penalty = np.divmod(choice, len(self.grid))
        for number in np.unique(weighting):
            columns = np.flatnonzero(weighting == number)
            factors = self.matrices[number].factorise(*self.fold, self.designs[number].whole)
            predictor = Predictor(factors, self.grid, len(columns))

            def fill(batch: slice, columns=columns, predictor=predictor) -> None:  # type: ignore[no-untyped-def]
                targets = columns[batch]
                responses, mean = centred(self.Y[:, targets], self.grid.device)
                alpha = self.grid[torch.as_tensor(penalty[targets], device=self.grid.device)]
                predictions[np.ix_(self.fold[1], targets)] = predictor(alpha, responses).cpu().numpy() + mean

            run_batches(fill, self._batches(len(columns)), self.grid.device)
