"""Sparse dictionaries of the temporal responses of artificial neurons."""

from typing import TYPE_CHECKING

from bids_app.encoding.dictionary._known_atoms import reconstruction_r2, time_courses

if TYPE_CHECKING:
    from bids_app.encoding.dictionary._estimator import DictionaryLearning

__all__ = ["DictionaryLearning", "reconstruction_r2", "time_courses"]


def __getattr__(name: str) -> object:
    """The estimator, with scikit-learn, which takes a second to import, when it is asked for."""
    if name == "DictionaryLearning":
        from bids_app.encoding.dictionary._estimator import DictionaryLearning

        return DictionaryLearning
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
