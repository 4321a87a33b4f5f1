"""Ridge regression with a penalty per target, by cross-validation, and on held-out volumes."""

from bids_app.encoding.ridge._estimator import DEFAULT_ALPHAS, RidgeCV, penalties

__all__ = ["DEFAULT_ALPHAS", "RidgeCV", "penalties"]
