"""The lasso for many targets, with each target's penalty chosen by cross-validation."""

from bids_app.encoding.lasso._estimator import DEFAULT_RATIOS, LassoCV, lasso

__all__ = ["DEFAULT_RATIOS", "LassoCV", "lasso"]
