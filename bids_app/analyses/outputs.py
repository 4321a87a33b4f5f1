"""The outputs of all analyses, from their records."""

from __future__ import annotations

from functools import cache

from bids_app.bids.catalogue import ATLASES, Output
from bids_app.bids.catalogue import find_output as _find_among


@cache
def all_outputs() -> tuple[Output, ...]:
    """Every output of every analysis, and the stored atlases."""
    from bids_app.analyses.registry import ANALYSES  # the records import the writers

    return tuple(output for analysis in ANALYSES for output in analysis.outputs) + ATLASES


def find_output(desc: str, suffix: str, level: str) -> Output:
    """The output with these entities at a level. Raises CatalogueError if no analysis lists it."""
    return _find_among(all_outputs(), desc, suffix, level)
