"""Sums of single effects: which of many correlated regressors carry a response, with probabilities."""

from bids_app.encoding.susie._effects import SingleEffects
from bids_app.encoding.susie._solver import single_effects

__all__ = ["SingleEffects", "single_effects"]
