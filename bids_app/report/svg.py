"""Small pictures inside the page, in its own colours: a time course with words at its peaks, counts per layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.report import html

Array = npt.NDArray[Any]

_WIDTH, _HEIGHT = 900, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 34, 30
_LETTER = 6.6  # width of a letter in pixels
_STEPS = (10, 20, 30, 60, 120, 300, 600, 1200)  # seconds between marks


def draw_course(times: Array, values: Array, peaks: Sequence[tuple[float, float, str]], unit: str, alt: str) -> str:
    """A time course: `times` (n,) in s, `values` (n,); `peaks` are (time, value, word), the highest first.

    Words that would cover one already written are left out.
    """
    first, last = float(times[0]), float(times[-1])
    low, high = float(min(values.min(), 0)), float(max(values.max(), 1e-9))

    def x(time: float) -> float:
        return _LEFT + (time - first) / max(last - first, 1e-9) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    path = " ".join(f"{x(time):.1f},{y(value):.1f}" for time, value in zip(times, values, strict=True))
    marks = _marks(first, last, x)
    scale = "".join(
        f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.1f}</text>' for value in (low, high)
    )
    zero = f'<line class="zero" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(0):.1f}" y2="{y(0):.1f}"/>'
    words = _words(peaks, x, y)
    label = f'<text class="unit" x="{_LEFT}" y="12">{html.escape(unit)}</text>'
    drawn = _svg(_WIDTH, _HEIGHT, f'{zero}<polyline points="{path}"/>{marks}{scale}{words}{label}', alt, "course")
    return f'<div class="scroll" tabindex="0">{drawn}</div>'


def _marks(first: float, last: float, x: Callable[[float], float]) -> str:
    step = next((step for step in _STEPS if (last - first) / step <= 8), _STEPS[-1])
    ticks = np.arange(np.ceil(first / step) * step, last + 0.1, step)
    drawn = [
        f'<text x="{x(tick):.1f}" y="{_HEIGHT - 12}" text-anchor="middle">{tick:.0f} s</text>'
        for tick in ticks.tolist()
    ]
    return "".join(drawn)


Axis = Callable[[float], float]


def _words(peaks: Sequence[tuple[float, float, str]], x: Axis, y: Axis) -> str:
    taken: list[tuple[float, float]] = []
    drawn = []
    for time, value, word in peaks:
        half = _LETTER * len(word) / 2 + 3
        middle = float(np.clip(x(time), _LEFT + half, _WIDTH - _RIGHT - half))
        if any(abs(middle - other) < half + width for other, width in taken):
            continue
        taken.append((middle, half))
        drawn.append(
            f'<circle cx="{x(time):.1f}" cy="{y(value):.1f}" r="3"/><text class="word" x="{middle:.1f}" '
            f'y="{y(value) - 7:.1f}" text-anchor="middle">{html.escape(word)}</text>'
        )
    return "".join(drawn)


def draw_layers(counts: Mapping[int, int], n_layers: int, alt: str) -> str:
    """Bars: how many neurons lie in each layer, from 1."""
    width, high = 320, max(counts.values(), default=1)
    step = (width - 50) / max(n_layers, 1)
    bars = []
    for layer in range(1, n_layers + 1):
        tall = 60 * counts.get(layer, 0) / high
        place = f'x="{40 + step * (layer - 1):.1f}" y="{70 - tall:.1f}"'
        bars.append(f'<rect {place} width="{0.8 * step:.1f}" height="{tall:.1f}"/>')
        if n_layers <= 12 or layer % 4 == 0 or layer == 1:
            bars.append(f'<text x="{40 + step * (layer - 0.6):.1f}" y="84" text-anchor="middle">{layer}</text>')
    bars.append(f'<text x="34" y="18" text-anchor="end">{high}</text><text x="34" y="72" text-anchor="end">0</text>')
    bars.append('<text x="40" y="99">layer (bars: neurons)</text>')
    return _svg(width, 104, "".join(bars), alt, "layers")


def _svg(width: int, height: int, body: str, alt: str, kind: str) -> str:
    return f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(alt)}">{body}</svg>'
