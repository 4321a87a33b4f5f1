"""Ridge regression with a penalty per target, by cross-validation, and on held-out volumes."""

from typing import TYPE_CHECKING

from bids_app.encoding.ridge._penalties import DEFAULT_ALPHAS, penalties

if TYPE_CHECKING:
    from bids_app.encoding.ridge._estimator import RidgeCV

__all__ = ["DEFAULT_ALPHAS", "RidgeCV", "penalties"]


def __getattr__(name: str) -> object:
    """Import the estimator on request, because scikit-learn takes a second."""
    if name == "RidgeCV":
        from bids_app.encoding.ridge._estimator import RidgeCV

        return RidgeCV
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
