"""Cells of the summary table for a forecast."""

from __future__ import annotations

import numpy as np

from bids_app.analyses.forecast_files import gain, map_name, peak_cell, read_forecast, share
from bids_app.report import html
from bids_app.report.results import SIGNIFICANT, Results


def score_cell(results: Results) -> str:
    """F at the tested distance."""
    forecast = read_forecast(results)
    curve = forecast.whole
    if curve is None or forecast.tested is None or not np.isfinite(curve.at(forecast.tested)):
        return ""
    score = curve.at(forecast.tested)
    ratio = curve.share_of_base(score)
    small = f"at distance {forecast.tested}" + (f", {share(ratio)} of R" if np.isfinite(ratio) else "")
    return html.cell(gain(score), small + _significant(results, map_name(forecast.tested)))


def distance_cell(results: Results) -> str:
    """d* of the curve over all targets."""
    return peak_cell(read_forecast(results).whole)


def _significant(results: Results, name: str) -> str:
    """Number of targets with a significant F, "" without a test."""
    test = results.maps("forecast", ["q"])
    q = None if test is None else test.named(name)
    if test is None or q is None:
        return ""
    return f"; q < {SIGNIFICANT:g} in {np.count_nonzero(q < SIGNIFICANT):,} of {np.isfinite(q).sum():,} {test.unit}"
