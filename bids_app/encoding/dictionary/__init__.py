"""Sparse dictionaries of the temporal responses of artificial neurons."""

from bids_app.encoding.dictionary._estimator import DictionaryLearning, reconstruction_r2, time_courses

__all__ = ["DictionaryLearning", "reconstruction_r2", "time_courses"]
