"""The outputs of all analyses: each folder of an analysis lists its own in `outputs.py`."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path

from bids_app.bids.catalogue import ATLASES, Output
from bids_app.bids.catalogue import find_output as _find_among


@cache
def all_outputs() -> tuple[Output, ...]:
    """Every output of every analysis, and the atlases that are kept beside them."""
    folders = [one.name for one in pkgutil.iter_modules([str(Path(__file__).parent)]) if one.ispkg]
    modules = [import_module(f"{__package__}.{name}.outputs") for name in folders]
    return tuple(output for module in modules for output in module.OUTPUTS) + ATLASES


def find_output(desc: str, suffix: str, level: str) -> Output:
    """The output with these entities at a level. Raises CatalogueError where no analysis lists it."""
    return _find_among(all_outputs(), desc, suffix, level)
