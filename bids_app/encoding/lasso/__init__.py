"""The lasso for many targets, with a cross-validated penalty for each."""

from typing import TYPE_CHECKING

from bids_app.encoding.lasso._cross_validation import DEFAULT_RATIOS, lasso

if TYPE_CHECKING:
    from bids_app.encoding.lasso._estimator import LassoCV

__all__ = ["DEFAULT_RATIOS", "LassoCV", "lasso"]


def __getattr__(name: str) -> object:
    """Import the estimator on request, because scikit-learn takes a second."""
    if name == "LassoCV":
        from bids_app.encoding.lasso._estimator import LassoCV

        return LassoCV
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
