"""Sparse dictionaries of the temporal responses of artificial neurons."""

from typing import TYPE_CHECKING

from bids_app.encoding.dictionary._families import REPRODUCIBLE, Families, find_families, reproducibility_in
from bids_app.encoding.dictionary._known_atoms import (
    courses_elsewhere,
    courses_of_blocks,
    reconstruction_r2,
    time_courses,
)

if TYPE_CHECKING:
    from bids_app.encoding.dictionary._estimator import DictionaryLearning
    from bids_app.encoding.dictionary._reproducible import ReproducibleDictionary

__all__ = [
    "REPRODUCIBLE",
    "DictionaryLearning",
    "Families",
    "ReproducibleDictionary",
    "courses_elsewhere",
    "courses_of_blocks",
    "find_families",
    "reconstruction_r2",
    "reproducibility_in",
    "time_courses",
]


def __getattr__(name: str) -> object:
    """The estimators, with scikit-learn, which takes a second to import, when they are asked for."""
    if name == "DictionaryLearning":
        from bids_app.encoding.dictionary._estimator import DictionaryLearning

        return DictionaryLearning
    if name == "ReproducibleDictionary":
        from bids_app.encoding.dictionary._reproducible import ReproducibleDictionary

        return ReproducibleDictionary
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
