"""The lasso for many targets, with each target's penalty chosen by cross-validation."""

from typing import TYPE_CHECKING

from bids_app.encoding.lasso._cross_validation import DEFAULT_RATIOS, lasso

if TYPE_CHECKING:
    from bids_app.encoding.lasso._estimator import LassoCV

__all__ = ["DEFAULT_RATIOS", "LassoCV", "lasso"]


def __getattr__(name: str) -> object:
    """The estimator, with scikit-learn, which takes a second to import, when it is asked for."""
    if name == "LassoCV":
        from bids_app.encoding.lasso._estimator import LassoCV

        return LassoCV
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
