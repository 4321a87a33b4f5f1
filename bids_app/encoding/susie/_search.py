"""Where the iterations of a sum of single effects start: the most probable set of regressors that single moves find."""

from __future__ import annotations

import math

import torch

from bids_app.encoding.susie._tuning import TUNING


class Subsets:
    """For each of B regressions, the most probable set of at most L regressors.

    The coefficients of a regressor are normal, with one variance for each group of responses; the noise has variance 1;
    each regressor of a set costs log K, as an effect of `SingleEffects` does.

    Attributes
    ----------
    chosen : tensor of shape (B, L), numbers of regressors
    present : tensor of shape (B, L), whether the place is taken
    prior : tensor of shape (B, G), variance of the coefficients: the likeliest one
    """

    def __init__(
        self, gram: torch.Tensor, cross: torch.Tensor, member: torch.Tensor, variances: torch.Tensor, n_effects: int
    ) -> None:
        """gram (B, K, K), cross (B, K, m), member (B, G, m), variances to choose from (B, G, n); the sets are empty."""
        self._gram, self._cross, self._member, self._variances = gram, cross, member, variances
        self._counts = member.sum(dim=2)  # (B, G)
        self._cost = math.log(gram.shape[1])
        shape = (len(gram), n_effects)
        self.chosen = torch.zeros(shape, dtype=torch.int64, device=gram.device)
        self.present = torch.zeros(shape, dtype=torch.bool, device=gram.device)
        self.prior = self._first_priors()

    def search(self) -> None:
        """Add, remove or exchange one regressor, whichever gains the most, until nothing gains."""
        active = torch.arange(len(self._gram), device=self._gram.device)
        for _ in range(TUNING.most_moves):
            active = active[self._move(active)]
            if not len(active):
                break
            self._update_priors(active)

    def coefficients(self) -> torch.Tensor:
        """Posterior means of the coefficients of the chosen, (B, L, m); 0 for places that are not taken."""
        everywhere = torch.arange(len(self._gram), device=self._gram.device)
        inner, _, cross = self._parts(everywhere, self.present[:, None])
        total = torch.zeros_like(cross[:, 0])
        for group in range(self._member.shape[1]):
            variance = self.prior[:, group, None, None]
            solved = torch.linalg.solve(_eye(inner) + variance * inner[:, 0], cross[:, 0]) * variance
            total += solved * self._member[:, group, None]
        return total

    def _first_priors(self) -> torch.Tensor:
        """The variances under which the best single regressor is likeliest, (B, G)."""
        power = self._gram.diagonal(dim1=1, dim2=2)[..., None, None]  # (B, K, 1, 1)
        square = torch.bmm(self._cross.square(), self._member.transpose(1, 2))[..., None]  # (B, K, G, 1)
        variances, counts = self._variances[:, None], self._counts[:, None, :, None]
        spread = 1 + variances * power  # (B, K, G, n)
        gain = 0.5 * (square * variances / spread - counts * spread.log())
        best = gain.amax(dim=3).sum(dim=2).argmax(dim=1)  # (B,), a regressor
        rows = torch.arange(len(best), device=best.device)
        return self._variances.gather(2, gain[rows, best].argmax(dim=2, keepdim=True))[..., 0]

    def _update_priors(self, rows: torch.Tensor) -> None:
        """The likeliest variances for the sets as they are; as before where a set is empty."""
        kept = self.present[rows][:, None]
        several = self._variances[rows]
        heights = torch.stack(
            [self._log_bayes(rows, kept, several[:, :, place])[:, 0] for place in range(several.shape[2])], dim=2
        )  # (B, G, n)
        best = several.gather(2, heights.argmax(dim=2, keepdim=True))[..., 0]
        self.prior[rows] = torch.where(self.present[rows].any(dim=1)[:, None], best, self.prior[rows])

    def _move(self, rows: torch.Tensor) -> torch.Tensor:
        """Make the best single move of each problem; whether one was made."""
        present = self.present[rows]
        n_effects = present.shape[1]
        places = torch.arange(n_effects, device=rows.device)
        # (B, L + 1, L): the set without its l-th regressor for each l, and last the whole set
        kept = present[:, None].repeat(1, n_effects + 1, 1)
        kept[:, places, places] = False
        height = self._log_bayes(rows, kept, self.prior[rows]).sum(dim=2) - self._cost * kept.sum(dim=2)
        now = height[:, -1:]
        without = torch.where(present, height[:, :-1] - now, -torch.inf)
        other = height[..., None] + self._gain_of_each(rows, kept) - now[..., None]  # (B, L + 1, K)
        other[:, :-1][~present] = -torch.inf
        other[present.all(dim=1), -1] = -torch.inf
        best_other, place = other.flatten(1).max(dim=1)
        best_without, dropped = without.max(dim=1)
        moves = torch.maximum(best_without, best_other) > TUNING.least_gain
        removing = moves & (best_without >= best_other)
        placing = moves & ~removing
        slot, regressor = place // other.shape[2], place % other.shape[2]
        slot = torch.where(slot == n_effects, (~present).to(torch.int64).argmax(dim=1), slot)
        self.present[rows[removing], dropped[removing]] = False
        self.present[rows[placing], slot[placing]] = True
        self.chosen[rows[placing], slot[placing]] = regressor[placing]
        return moves

    def _parts(self, rows: torch.Tensor, kept: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Moments of sets kept (B, S, L): XᵀX (B, S, L, L), of all regressors with them (B, S, K, L), XᵀY (B, S, L, m).

        0 for what is not kept.
        """
        chosen, gram, weight = self.chosen[rows], self._gram[rows], kept.to(self._gram.dtype)
        columns = gram.gather(2, chosen[:, None].expand(-1, gram.shape[1], -1))  # (B, K, L)
        inner = columns.gather(1, chosen[..., None].expand(-1, -1, chosen.shape[1]))  # (B, L, L)
        cross = self._cross[rows].gather(1, chosen[..., None].expand(-1, -1, self._cross.shape[2]))  # (B, L, m)
        return (
            inner[:, None] * weight[..., None] * weight[..., None, :],
            columns[:, None] * weight[:, :, None],
            cross[:, None] * weight[..., None],
        )

    def _log_bayes(self, rows: torch.Tensor, kept: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
        """Log Bayes factors of sets against the empty one, by group of responses, (B, S, G)."""
        inner, _, cross = self._parts(rows, kept)
        result = []
        for group in range(prior.shape[1]):
            variance = prior[:, group, None, None, None]
            factor = torch.linalg.cholesky(_eye(inner) + variance * inner)
            spread = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
            mine = cross * self._member[rows, group][:, None, None]
            explained = torch.linalg.solve_triangular(factor, mine, upper=False).square().sum(dim=(2, 3))
            result.append(0.5 * (explained * variance[..., 0, 0] - self._counts[rows, group, None] * spread))
        return torch.stack(result, dim=2)

    def _gain_of_each(self, rows: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        """What each further regressor adds to the log posterior of sets, (B, S, K); -inf for those of the set."""
        inner, columns, cross = self._parts(rows, kept)
        power = self._gram[rows].diagonal(dim1=1, dim2=2)
        total = torch.full(columns.shape[:3], -self._cost, dtype=inner.dtype, device=inner.device)
        for group in range(self._member.shape[1]):
            variance = self.prior[rows, group, None, None]
            inverse = torch.linalg.inv(_eye(inner) + variance[..., None] * inner) * variance[..., None]
            share = columns @ inverse  # (B, S, K, L)
            left = power[:, None] - (share * columns).sum(dim=3)
            mine = self._member[rows, group][:, None, None]
            square = ((self._cross[rows][:, None] - share @ cross).square() * mine).sum(dim=3)
            spread = 1 + variance * left.clamp(min=0)
            total += 0.5 * (square * variance / spread - self._counts[rows, group, None, None] * spread.log())
        marks = torch.zeros(total.shape, dtype=torch.int64, device=total.device)
        index = self.chosen[rows][:, None].expand(-1, kept.shape[1], -1)
        taken = marks.scatter_add(2, index, kept.to(torch.int64)) > 0
        return torch.where(taken, -torch.inf, total)


def _eye(inner: torch.Tensor) -> torch.Tensor:
    return torch.eye(inner.shape[-1], dtype=inner.dtype, device=inner.device)
