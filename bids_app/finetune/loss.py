"""The loss of high level: tell the state to come apart from other states.

Caucheteux, Gramfort, King (2023), Nature Human Behaviour 7, 430-441, Methods.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from bids_app.finetune.recipe import RULES


def forecast_loss(
    predictions: Tensor, targets: Tensor, negatives: Tensor, temperature: float, rule: str = "mended"
) -> Tensor:
    """Sum over predictions of −log( exp(S(p, y)/τ) / (exp(S(p, y)/τ) + Σ exp(S(p, y_neg)/τ)) ), S the cosine.

    With the rule `as-printed`, the denominator lacks the first term, as in the publication; the loss can then be
    negative.

    Parameters
    ----------
    predictions, targets : (n, width), row by row
    negatives : (n_negatives, width), the same for all predictions
    temperature : τ

    Raises
    ------
    ValueError for an unknown rule, or without negatives
    """
    if rule not in RULES:
        raise ValueError(f"Unknown rule of the loss {rule!r}: choose one of {', '.join(RULES)}.")
    if not len(negatives):
        raise ValueError("The loss of high level needs at least one negative.")
    unit = functional.normalize(predictions, dim=-1)
    positive = (unit * functional.normalize(targets, dim=-1)).sum(dim=-1, keepdim=True) / temperature
    others = unit @ functional.normalize(negatives, dim=-1).T / temperature  # (n, n_negatives)
    among = others if rule == "as-printed" else torch.cat([positive, others], dim=1)
    return (torch.logsumexp(among, dim=1) - positive[:, 0]).sum()
