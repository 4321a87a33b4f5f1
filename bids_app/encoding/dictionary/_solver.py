"""Alternating minimisation for sparse dictionaries, on batches of neurons."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import normalize, softshrink

from bids_app.encoding.dictionary._coding import Coder, Neurons, half_squares_of
from bids_app.encoding.dictionary._tuning import TUNING
from bids_app.stats.arrays import Doubles, Floats
from bids_app.stats.device import column_batches, side_by_side, to_device


@dataclass
class Coded:
    """Contribution of some neurons X with loadings A to the objective: A [Aᵀ Xᵀ], and the sums of |A| and ½X²."""

    moments: Doubles  # (n_atoms, n_atoms + n_volumes)
    absolute: float = 0.0
    half_squares: float = 0.0


class Learner:
    """State of the minimisation: atoms, loadings and the running sums that atoms are updated from.

    The surrogate of Mairal et al. (2010), with the contribution of every unit of neurons replaced when it is seen
    again: after a pass, the sums are those of the current loadings. Before the first pass, they are those of a sample
    of neurons. Contributions are kept per unit, not per batch: with many volumes, each is large.
    """

    def __init__(
        self,
        neurons: Neurons,
        atoms: Doubles,
        penalty: float,
        expected: Doubles | None = None,
        *,
        mem_mb: float | None = None,
        unit: int = TUNING.unit,
    ):
        """Start with atoms of shape (n_atoms, n_volumes), which are changed in place, and loadings of zero.

        `expected` is the mean contribution of a neuron to the moments, from an earlier learner.
        """
        n_atoms = atoms.shape[0]
        self.neurons, self.penalty = neurons, penalty
        self.atoms = atoms  # (n_atoms, n_volumes)
        self.loadings = torch.zeros(n_atoms, neurons.n_neurons, device=neurons.device)
        shared_out = max(TUNING.smallest_cpu_batch, -(-unit // TUNING.cpu_batches_per_unit))
        preferred = shared_out if neurons.device.type == "cpu" else unit
        size = neurons.batch_size(n_atoms, mem_mb, preferred)
        # Atoms are fixed while the batches of a unit are coded concurrently.
        self.units = [
            [
                slice(unit_.start + batch.start, unit_.start + batch.stop)
                for batch in column_batches(_width(unit_), size)
            ]
            for unit_ in column_batches(neurons.n_neurons, unit)
        ]
        self.moments = np.zeros((n_atoms, n_atoms + neurons.n_volumes))
        self._expected = self.moments.copy() if expected is None else expected.copy()
        self._coded: dict[int, Coded] = {}  # units that were seen, by their first neuron
        for batches in self.units:
            self.moments += self._before(batches).moments

    def _before(self, unit: list[slice]) -> Coded:
        """The contribution of a unit when it was seen last, or what is expected of it."""
        if (seen := self._coded.get(unit[0].start)) is not None:
            return seen
        unseen = Coded(np.zeros_like(self.moments))
        for batch in unit:
            unseen.moments += (self._expected * _width(batch)).astype(np.float32)
        return unseen

    @property
    def loading_gram(self) -> Doubles:
        """A Aᵀ."""
        return self.moments[:, : len(self.atoms)]

    @property
    def mean_moments(self) -> Doubles:
        """Mean contribution of a neuron to the moments."""
        return self.moments / self.neurons.n_neurons

    def objective(self) -> float:
        """Mean over neurons of ½|x − Da|² + λ|a|₁ at the present atoms and loadings."""
        n_atoms = len(self.atoms)
        fit = 0.5 * np.vdot(self.atoms @ self.atoms.T, self.moments[:, :n_atoms])
        fit -= np.vdot(self.atoms, self.moments[:, n_atoms:])
        rest = sum(coded.half_squares + self.penalty * coded.absolute for coded in self._coded.values())
        return float(rest + fit) / self.neurons.n_neurons

    def code(self, unit: list[slice], apply: Callable[..., Iterable[Any]]) -> None:
        """Update loadings and sums for the batches of a unit; `apply` maps over the batches."""
        coder = Coder(self.atoms, self.penalty, self.neurons.device)
        seen = self._coded.get(unit[0].start)

        def code(batch: slice) -> tuple[Floats, float, float]:
            block = self.neurons[batch]
            loadings, _ = coder(block, self.loadings[:, batch], TUNING.coding_tolerance, TUNING.coding_iterations)
            self.loadings[:, batch] = loadings
            moments = torch.cat([loadings @ loadings.T, loadings @ block.T], dim=1).cpu().numpy()
            half_squares = 0.0 if seen else half_squares_of(block)  # the same in every pass
            return moments, float(loadings.abs().sum(dtype=torch.float64)), half_squares

        found = Coded(np.zeros_like(self.moments), half_squares=seen.half_squares if seen else 0.0)
        for moments, absolute, half_squares in apply(code, unit):
            found.moments += moments
            found.absolute += absolute
            found.half_squares += half_squares
        self.moments += found.moments
        self.moments -= self._before(unit).moments
        self._coded[unit[0].start] = found

    def update_atoms(self) -> float:
        """One sweep of block coordinate descent over the atoms that are used, each within the unit ball.

        Returns the decrease of the objective, summed over neurons.
        """
        from bids_app.encoding.dictionary._atom_sweep import sweep  # with numba, which takes a while to import

        gram, cross = self.loading_gram, self.moments[:, len(self.atoms) :]
        return sweep(self.atoms, gram, cross, TUNING.unused * np.trace(gram) / len(gram))

    def run(self, max_iter: int, tolerance: float, *, exchange: bool = False) -> tuple[int, float]:
        """Pass over all neurons until better atoms lower the objective by less than `tolerance`, as a share.

        With `exchange`, atoms are exchanged between passes as long as this helps. Returns the number of passes, and the
        relative decrease of the objective in the last one.
        """
        share, best = 0.0, np.inf
        with side_by_side(self.neurons.device) as apply:
            for iteration in range(1, max_iter + 1):
                gain = sum(self._improve(unit, apply) for unit in self.units)
                objective = self.objective()
                share = gain / max(objective * self.neurons.n_neurons, 1e-30)
                if exchange and iteration % TUNING.exchange_every == 0:
                    exchange, best = self._has_exchanged(objective, best), objective
                if share <= tolerance and not exchange:
                    break
        return iteration, share

    def run_with_momentum(self, max_iter: int, tolerance: float, *, exchange: bool = False) -> int:
        """`run` with momentum; returns the number of passes.

        Alternating minimisation is slow where atoms and loadings must change together. So the atoms move on by a share
        of their last change before the neurons are coded (inertial block minimisation, Pock & Sabach 2016), unless that
        raised the objective the last time (O'Donoghue & Candès 2015). They are updated once per pass: sums of neurons
        that were coded on earlier atoms would pull them back.
        """
        last, objective, best = self.atoms.copy(), np.inf, np.inf
        with side_by_side(self.neurons.device) as apply:
            for iteration in range(1, max_iter + 1):
                for unit in self.units:
                    self.code(unit, apply)
                before, objective = objective, self.objective()
                share = self.update_atoms() / max(objective * self.neurons.n_neurons, 1e-30)
                is_new = False
                if exchange and iteration % TUNING.exchange_every == 0:
                    exchange = iteration < min(max_iter, TUNING.sample_passes) and self._has_exchanged(objective, best)
                    is_new, best = exchange, objective
                if (share <= tolerance and not exchange) or iteration == max_iter:
                    break
                change = self.atoms - last
                last[:] = self.atoms
                if objective <= before and not is_new:  # exchanged atoms have no last change
                    self.atoms += TUNING.momentum * change
                    self.atoms /= np.maximum(np.linalg.norm(self.atoms, axis=1, keepdims=True), 1)
        return iteration

    def _improve(self, unit: list[slice], apply: Callable[..., Iterable[Any]]) -> float:
        """Code a unit, then update the atoms; returns the latter's decrease of the objective, summed over neurons."""
        self.code(unit, apply)
        return self.update_atoms()

    def _has_exchanged(self, objective: float, best: float) -> bool:
        """Exchange atoms, unless the last exchange gained little, as with noise; returns whether any were exchanged."""
        return objective < (1 - TUNING.exchanges_worth) * best and self.exchange() > 0

    def exchange(self) -> int:
        """Replace atoms that contribute less than directions that the residuals share; returns how many.

        Small updates do not leave a local minimum in which two atoms share the neurons of one, and another is missing.
        With all other loadings fixed, a new atom c lowers the objective by Σ ½ max(|cᵀr| − λ, 0)² over the residuals r.
        Removing an atom d costs about ½ Σ a² (1 − ρ²), if the most similar atom, with correlation ρ, replaces it.
        """
        found, gains = self._shared_directions()
        norms = np.maximum(np.linalg.norm(self.atoms, axis=1), 1e-30)
        directions = self.atoms / norms[:, None]
        power = np.diag(self.loading_gram) * norms**2
        exchanged: list[int] = []
        for candidate in np.argsort(-gains, kind="stable"):
            if np.abs(directions[exchanged] @ found[candidate]).max(initial=0) > TUNING.alike:
                continue
            likeness = np.abs(directions @ directions.T)
            np.fill_diagonal(likeness, 0)
            losses = 0.5 * power * np.maximum(1 - likeness.max(axis=0) ** 2, 0)
            losses[exchanged] = np.inf
            worst = int(losses.argmin())
            if gains[candidate] <= losses[worst]:
                break
            directions[worst] = found[candidate]
            exchanged.append(worst)
        self._replace(exchanged, directions[exchanged])
        return len(exchanged)

    def _shared_directions(self) -> tuple[Doubles, Doubles]:
        """Directions of norm 1 that many residuals share, (n_atoms, n_volumes), and the gain of each."""
        # The residuals X − Da occur only in products, so they are never stored.
        atoms = to_device(self.atoms.T, self.neurons.device)
        X, loadings = self.neurons[slice(0, self.neurons.n_neurons)], self.loadings

        def along(directions: torch.Tensor, step: int = 1) -> torch.Tensor:
            """Products of directions with all residuals, or with one in `step`, (n_neurons / step, n_directions)."""
            explained = loadings[:, step - 1 :: step].T @ (atoms.T @ directions)
            return explained.addmm_(X[:, step - 1 :: step].T, directions, beta=-1)

        every = -(-self.neurons.n_neurons // TUNING.candidates)
        candidates = normalize(torch.addmm(X[:, ::every], atoms, loadings[:, ::every], alpha=-1), dim=0)
        gains = _gains(along(candidates, 4), self.penalty)  # mostly on other neurons than the candidates
        found = candidates[:, gains.topk(min(TUNING.refined, len(gains))).indices]
        for _ in range(TUNING.refinements):
            weights = softshrink(along(found), self.penalty)
            found = normalize(torch.addmm(X @ weights, atoms, loadings @ weights, alpha=-1), dim=0)
        gains = _gains(along(found), self.penalty)
        return found.T.cpu().numpy().astype(np.float64), gains.cpu().numpy().astype(np.float64)

    def _replace(self, which: list[int], atoms: Doubles) -> None:
        """Replace atoms; no neuron loads on the new ones yet."""
        self.atoms[which] = atoms
        self.loadings[which] = 0
        for moments in (self.moments, self._expected, *(coded.moments for coded in self._coded.values())):
            moments[which] = 0
            moments[:, which] = 0


def _gains(products: torch.Tensor, penalty: float) -> torch.Tensor:
    """Decrease of the objective, summed over residuals, by each new atom of norm 1, from its products with them."""
    return 0.5 * softshrink(products, penalty).square_().sum(dim=0)


def _width(batch: slice) -> int:
    return int(batch.stop - batch.start)
