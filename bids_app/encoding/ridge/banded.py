"""Banded ridge on held-out volumes: feature spaces with separate penalties, decomposed once for all participants.

A separate penalty for each space (Nunez-Elizalde et al. 2019) is a weighting of the spaces and one penalty for all of
them: ridge on features that are multiplied by the square root of their space's weight is kernel ridge on the weighted
sum of the spaces' kernels (Dupré la Tour et al. 2022). Each weighting is one `HeldOutDesign`.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from bids_app.encoding.design.folds import inner_folds
from bids_app.encoding.ridge import DEFAULT_ALPHAS, penalties
from bids_app.encoding.ridge._candidates import CandidatePredictor, candidate_errors
from bids_app.encoding.ridge._solver import Design, ridge_batches
from bids_app.encoding.ridge.held_out import FoldDesign, HeldOut, HeldOutDesign, Inner, checked, decompose_fold
from bids_app.stats.arrays import Doubles, Floats, Fold, Ints
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
    sorted_models = [sorted(model) for model in models]
    predictions = [np.empty(Y.shape, dtype=np.float32) for _ in models]
    log_alpha = np.zeros((len(models), Y.shape[1]))
    for number in range(len(designs[0].folds)):
        search = _FoldSearch([design.folds[number] for design in designs], designs[0], grid, Y.shape[1])

        def fit(columns: slice, search: _FoldSearch = search) -> None:
            responses, mean = centred(Y[:, columns], where)
            for row, (alpha, predicted) in enumerate(search.fit(responses, sorted_models)):
                log_alpha[row, columns] += np.log(alpha.cpu().numpy()) / len(designs[0].folds)
                predictions[row][search.fold[1], columns] = predicted.cpu().numpy() + mean

        run_batches(fit, ridge_batches(len(Y), search.rank, Y.shape[1], where, mem_mb), where)
    folds = designs[0].pairs
    return [
        HeldOut(predicted, np.exp(logs).astype(np.float32), folds)
        for predicted, logs in zip(predictions, log_alpha, strict=True)
    ]


class _FoldSearch:
    """One outer fold of all weightings."""

    def __init__(self, designs: Sequence[FoldDesign], whole: HeldOutDesign, grid: torch.Tensor, n_targets: int):
        self.fold, self.grid = designs[0].fold, grid
        self.rank = max(len(design.whole.values) for design in designs)
        pairs = inner_folds(self.fold, whole.pairs) if designs[0].inner else None
        matrices = [Design(design.features, grid.device) for design in designs]
        self._errors = candidate_errors(designs, matrices, pairs, grid, n_targets, whole.content)
        factors = [matrix.factorise(*self.fold, design.whole) for matrix, design in zip(matrices, designs, strict=True)]
        self._train = factors[0].trained
        self._predict = CandidatePredictor(factors, grid)

    def fit(self, Y: torch.Tensor, models: Sequence[Sequence[int]]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The penalty (V,) and the centred predictions of the test rows (n_test, V) of each model."""
        errors, n_alphas = self._errors(Y), len(self.grid)
        trained = Y[self._train].T.contiguous()
        chosen = []
        for model in models:
            best = errors[model].flatten(0, 1).argmin(dim=0)
            weighting = torch.as_tensor(model, device=Y.device)[best // n_alphas]
            chosen.append(weighting * n_alphas + best % n_alphas)
        candidates = torch.stack(chosen)
        for candidate, predicted in zip(candidates, self._predict(candidates, trained), strict=True):
            yield self.grid[candidate % n_alphas], predicted.T
