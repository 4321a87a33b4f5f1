"""Options of forecast scores that depth and variance do not share."""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.options import Range, option


@dataclass(frozen=True, kw_only=True)
class ForecastOptions:
    """Options of forecast scores that depth and variance do not share."""

    distances: tuple[int, ...] = option(
        tuple(range(-10, 31)),
        "forecast",
        "Distances of the forecast window in words: the window at 8 ends 8 words ahead; distances below 0 are past "
        "words, a control (default: all from -10 to 30).",
        metavar="D",
        allowed=Range(-100_000, 100_000),
    )
