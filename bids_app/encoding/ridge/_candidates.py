"""Errors and predictions of the candidates of banded ridge, weightings of the spaces times penalties, in one fold."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial

import torch

from bids_app.encoding.ridge._forms import OfProjections, OfResponses
from bids_app.encoding.ridge._selection import penalty_errors
from bids_app.encoding.ridge._solver import Design, Factors
from bids_app.encoding.ridge._tuning import TUNING
from bids_app.encoding.ridge.held_out import FoldDesign
from bids_app.stats.arrays import Fold, Ints
from bids_app.stats.device import map_decompositions

Errors = Callable[[torch.Tensor], torch.Tensor]
_DOUBLE = 8  # bytes


def candidate_errors(
    designs: Sequence[FoldDesign],
    matrices: Sequence[Design],
    pairs: Sequence[Fold] | None,
    alphas: torch.Tensor,
    n_targets: int,
    content: Ints | None,
) -> Errors:
    """Mean squared errors on inner folds, or leave-one-out: responses (n_volumes, V) to (n_weightings, n_alphas, V).

    Each weighting is computed in the way that takes the fewest operations: one after the other as in `penalty_errors`,
    by forms of its projections, or by forms of the responses, which all weightings computed so share.

    Parameters
    ----------
    designs, matrices : one for each weighting
    pairs : (train, test) rows of the inner folds; None for leave-one-out
    alphas, n_targets, content : see `penalty_errors`
    """

    def alone(number: int) -> Errors:
        design = designs[number]
        whole = (design.fold[0], design.whole)
        return penalty_errors(matrices[number], whole, pairs, alphas, n_targets, design.inner, content)

    if pairs is None:
        return partial(_joined, [([number], alone(number)) for number in range(len(designs))])

    def factorise(number: int) -> list[Factors]:
        inner = zip(pairs, designs[number].inner, strict=True)
        return [matrices[number].factorise(*pair, eigen) for pair, eigen in inner]

    factors = list(map_decompositions(factorise, range(len(designs)), alphas.device))
    ways = [_cheapest(folds, len(alphas), n_targets) for folds in factors]
    parts: list[tuple[list[int], Errors]] = []
    for number, way in enumerate(ways):
        if way == "one by one":
            parts.append(([number], alone(number)))
        elif way == "projections":
            parts.append(([number], OfProjections(factors[number], alphas)))
    shared = [number for number, way in enumerate(ways) if way == "responses"]
    most = max(1, int(TUNING.form_bytes / (_DOUBLE * len(alphas) * _rows_of(factors[0]) ** 2)))
    for start in range(0, len(shared), most):
        numbers = shared[start : start + most]
        parts.append((numbers, OfResponses([factors[number] for number in numbers], alphas)))
    return partial(_joined, parts)


def _joined(parts: Sequence[tuple[list[int], Errors]], Y: torch.Tensor) -> torch.Tensor:
    """Errors of all weightings in their order."""
    found = [(numbers, errors(Y)) for numbers, errors in parts]
    n_weightings = sum(len(numbers) for numbers, _ in found)
    joined = found[0][1].new_empty(n_weightings, len(found[0][1]) // len(found[0][0]), Y.shape[1])
    for numbers, errors in found:
        joined[numbers] = errors.view(len(numbers), -1, Y.shape[1])
    return joined


def _rows_of(folds: Sequence[Factors]) -> int:
    return len(torch.unique(torch.cat([rows for fold in folds for rows in (fold.train, fold.test)])))


def _cheapest(folds: Sequence[Factors], n_alphas: int, n_targets: int) -> str:
    """The way that takes the fewest operations for one weighting, preparation included."""
    n_rows, n_kept = _rows_of(folds), TUNING.kept_forms * n_alphas
    sizes = [(len(fold.eigenvalues), len(fold.train), len(fold.test)) for fold in folds]
    double = 2  # an operation in float64
    costs = {
        "one by one": n_targets * sum(rank * (train + n_alphas * test) for rank, train, test in sizes),
        "projections": n_targets * sum(rank * (train + test + n_kept * rank / 2) for rank, train, test in sizes)
        + double * sum(rank**2 * (test + n_alphas**2) for rank, _, test in sizes),
        "responses": n_targets * n_kept * n_rows * (n_rows + TUNING.band) / 2
        + double * n_alphas * n_rows**2 * (n_alphas + sum(test for _, _, test in sizes)),
    }
    largest = TUNING.form_bytes / (_DOUBLE * n_alphas)
    if n_rows**2 > largest:
        del costs["responses"]
    if max(rank for rank, _, _ in sizes) ** 2 > largest:
        del costs["projections"]
    return min(costs, key=lambda way: costs[way])


class CandidatePredictor:
    """Centred predictions of the test rows by several models, each with a candidate for each target.

    Targets of one candidate are predicted together: by one matrix (n_train, n_test), made when it is first needed, or
    through the projections if that takes fewer operations. Models that choose the same candidate share its prediction.
    """

    def __init__(self, weightings: Sequence[Factors], alphas: torch.Tensor):
        """Prepare the factors of the whole training rows, one for each weighting."""
        self._weightings, self._alphas = weightings, alphas
        self._matrices: dict[int, tuple[torch.Tensor, ...]] = {}

    def __call__(self, candidates: torch.Tensor, responses: torch.Tensor) -> torch.Tensor:
        """Candidates (n_models, V), number of weighting times number of penalties plus number of penalty; responses of
        the training rows, (V, n_train); predictions (n_models, V, n_test).
        """
        n_targets = len(responses)
        pairs = candidates * n_targets + torch.arange(n_targets, device=candidates.device)
        distinct, position = torch.unique(pairs, return_inverse=True)  # sorted by candidate
        numbers, counts = torch.unique_consecutive(distinct // n_targets, return_counts=True)
        blocks = torch.split_with_sizes(responses[distinct % n_targets], counts.tolist())
        found = [self._predict(int(number), block) for number, block in zip(numbers, blocks, strict=True)]
        return torch.cat(found)[position]

    def _predict(self, candidate: int, responses: torch.Tensor) -> torch.Tensor:
        if candidate not in self._matrices:
            self._matrices[candidate] = self._made(candidate)
        predicted = responses
        for matrix in self._matrices[candidate]:
            predicted = predicted @ matrix
        return predicted

    def _made(self, candidate: int) -> tuple[torch.Tensor, ...]:
        """Matrices whose product takes responses to predictions."""
        number, penalty = divmod(candidate, len(self._alphas))
        factors = self._weightings[number]
        n_train, n_test, rank = len(factors.train), len(factors.basis), len(factors.project)
        filtered = (factors.basis * factors.filters(self._alphas[penalty : penalty + 1].double())[:, 0]).T
        if n_train * n_test < rank * (n_train + n_test):
            return ((factors.project[:, factors.train].T @ filtered).float(),)
        return self._projections[number], filtered.float()

    @cached_property
    def _projections(self) -> list[torch.Tensor]:
        return [factors.project[:, factors.train].T.float() for factors in self._weightings]
