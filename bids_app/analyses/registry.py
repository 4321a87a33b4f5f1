"""All analyses, in the order of computation and of the methods section.

A new analysis needs a folder here, whose `analysis.py` has a record `ANALYSIS`, and its name in `NAMES`.
"""

from __future__ import annotations

from importlib import import_module

from bids_app.analyses.record import Analysis

NAMES = (
    "networks",
    "brainscore",
    "forecast",
    "futures",
    "depth",
    "variance",
    "evidence",
    "gain",
    "lesion",
)
ANALYSES: tuple[Analysis, ...] = tuple(import_module(f"bids_app.analyses.{name}.analysis").ANALYSIS for name in NAMES)
