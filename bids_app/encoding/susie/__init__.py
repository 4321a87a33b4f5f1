"""Sums of single effects: which of many correlated regressors carry a response, with probabilities."""

from bids_app.encoding.susie._solver import SingleEffects, single_effects

__all__ = ["SingleEffects", "single_effects"]
