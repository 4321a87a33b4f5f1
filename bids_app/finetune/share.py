"""The weight of the loss of high level, set anew from running means so that the loss holds the share asked for."""

from __future__ import annotations

import math

from bids_app.finetune.recipe import RULES


def weight_for(alpha: float, lm: float, high: float, rule: str = "mended") -> float:
    """α′ of L = α′ L_high + (1 − α′) L_LM at mean losses `lm` and `high`.

    `mended`: α′ = α L_LM / ((1 − α) L_high + α L_LM), with which L_high holds the share α of L. `as-printed` lacks the
    factor (1 − α), so that the share is α / (1 + α): a third at α = 0.5.

    NaN where the losses leave no weight between 0 and 1, as a loss below 0 (`as-printed`) can.

    >>> weight_for(0.5, 3.0, 6.0), round(weight_for(0.5, 3.0, 6.0, "as-printed"), 3), weight_for(0.5, 3.0, -6.0)
    (0.3333333333333333, 0.2, nan)
    """
    if rule not in RULES:
        raise ValueError(f"Unknown rule of the share {rule!r}: choose one of {', '.join(RULES)}.")
    if alpha == 0:
        return 0.0
    if alpha == 1 and rule == "mended":
        return 1.0
    of_high = high if rule == "as-printed" else (1 - alpha) * high
    total = of_high + alpha * lm
    return alpha * lm / total if of_high > 0 and lm > 0 else math.nan


def share_of(weight: float, lm: float, high: float) -> float:
    """Share of the loss of high level in the sum; NaN where the sum is 0.

    >>> round(share_of(1 / 3, 3.0, 6.0), 6)
    0.5
    """
    total = weight * high + (1 - weight) * lm
    return weight * high / total if total else math.nan


class ShareRule:
    """The weight α′ of one training, and the means of both losses since it was set.

    Attributes
    ----------
    weight : α′; α before it is set for the first time
    lm, high : sums of the losses of the steps since
    n : number of these steps
    """

    def __init__(self, alpha: float, rule: str) -> None:
        """A rule before the first step."""
        self.alpha, self.rule = alpha, rule
        self.weight = float(alpha)
        self.lm = self.high = 0.0
        self.n = 0

    def observe(self, lm: float, high: float) -> None:
        """Add the losses of a step to the running means."""
        self.lm += lm
        self.high += high
        self.n += 1

    @property
    def means(self) -> tuple[float, float]:
        """Mean losses (words, high level) of the steps since the weight was set."""
        return self.lm / self.n, self.high / self.n

    def reset(self) -> bool:
        """Set the weight from the means and forget these; False if they allow none, and the weight stays."""
        weight = weight_for(self.alpha, *self.means, self.rule)
        self.lm = self.high = 0.0
        self.n = 0
        if math.isnan(weight):
            return False
        self.weight = weight
        return True
