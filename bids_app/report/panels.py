"""Panels: one map each, stacked in one figure with one key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Panel:
    """One map: title, values (n_targets,), and which of them pass a test (n_targets,) bool, or None without a test.

    `outline` (n_targets,) bool is a region whose border is drawn.
    """

    title: str
    values: Array
    passing: Array | None = None
    outline: Array | None = None


@dataclass(frozen=True)
class Picture:
    """One view of a map: its name, RGBA pixels (h, w, 4), and the share of each pixel in the outlined region (h, w)."""

    label: str
    pixels: Array
    region: Array | None = None
