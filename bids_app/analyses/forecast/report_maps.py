"""The section with maps of the forecast score F."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.analyses.forecast_files import STATS, Forecast, gain, map_name, passing_at, read_forecast, share
from bids_app.report import curve_charts, html
from bids_app.report.curves import say
from bids_app.report.page import Page
from bids_app.report.panels import Panel
from bids_app.report.results import SIGNIFICANT, Maps, Results, mean_of, values_at
from bids_app.report.scales import signed_scale

Array = npt.NDArray[Any]

_NOT_RUN = "No forecast score: this recording has no map of it (analysis forecast)."


def forecast_maps(page: Page, results: Results) -> str:
    """Maps of F at the tested distance and at the peak of the curve; for the group also F(tested) − F(0)."""
    maps = results.maps("forecast", STATS)
    if maps is None:
        return html.missing(_NOT_RUN)
    forecast = read_forecast(results)
    panels = _panels(results, maps, forecast)
    if not panels:
        return html.missing("No map of F at the tested distance or at the peak of the curve.")
    scale = signed_scale([panel.values for panel in panels], curve_charts.GAIN, 0.0)
    caption = " ".join([_say_gain(results, maps, forecast), _say_colours(panels, maps)])
    note = results.noted(["forecast"], "Note")
    image = page.add_maps(panels, maps.geometry, scale, results, "forecast", caption)
    return image + (html.missing(str(note)) if note else "")


def _panels(results: Results, maps: Maps, forecast: Forecast) -> list[Panel]:
    tested = forecast.tested
    shown, test = None if tested is None else maps.named(map_name(tested)), None
    panels = []
    if tested is not None and shown is not None:
        test = passing_at(results, maps, "forecast", map_name(tested))
        panels.append(Panel(f"F at distance {tested}, the one that is tested", shown, test))
    peak = forecast.whole.peak if forecast.whole else np.nan
    at_peak = None if np.isnan(peak) or peak == tested else maps.named(map_name(peak))
    if at_peak is not None:
        passing = passing_at(results, maps, "forecast", map_name(peak))
        note = "" if passing is not None or test is None else " (not tested)"
        # Full colour means significant; a map without a test uses the test of the other map.
        title = f"F at distance {say(peak)}, the peak of the curve{note}"
        panels.append(Panel(title, at_peak, test if passing is None else passing))
    contrasts = results.maps("forecastcontrast", ["mean"])
    ahead = None if contrasts is None else values_at(contrasts, maps.geometry)
    if contrasts is not None and ahead is not None:
        passing = passing_at(results, maps, "forecastcontrast", contrasts.names[0])
        panels.append(Panel(f"F({tested}) − F(0): gained by looking ahead", ahead[0], passing))
    return panels


def _say_gain(results: Results, maps: Maps, forecast: Forecast) -> str:
    """Definition of F, and its size compared with R."""
    words = f"{forecast.window} words" if forecast.window else "words"
    caption = f"What a window of {words}, ending d words ahead, adds to the present word's score R."
    curve = forecast.whole
    if forecast.tested is None or curve is None or np.isnan(curve.at(forecast.tested)):
        return caption
    mean = curve.at(forecast.tested)
    relative = curve.share_of_base(mean)
    of_base = f", {share(relative)} of R = {curve.base:.3f}" if np.isfinite(relative) else f" (R = {curve.base:.3f})"
    caption += f" Mean F({forecast.tested}) everywhere: {gain(mean)}{of_base}"
    return caption + f"{_say_significant(results, maps, forecast.tested)}."


def _say_significant(results: Results, maps: Maps, tested: int) -> str:
    """F and its share of R where F is significant."""
    name = map_name(tested)
    values, test = maps.named(name), passing_at(results, maps, "forecast", name)
    if values is None or test is None or not test.any():
        return ""
    mean = mean_of(values[test])
    base = results.like(maps, "forecastbase", maps.stat)
    below = np.nan if base is None else mean_of(base[0][test])
    of_base = f" ({share(mean / below)} of R = {below:.3f} there)" if below > 0 else ""
    return f"; where it is significant: {gain(mean)}{of_base}"


def _say_colours(panels: Sequence[Panel], maps: Maps) -> str:
    """Meaning of the colours, with the number of significant targets in each panel."""
    weak = "hollow" if maps.geometry.kind == "parcels" else "paler"
    first = panels[0]
    if first.passing is None:
        return "Red: gains; blue: losses; without a test of significance."
    counts = ", ".join(
        f"{np.count_nonzero(panel.passing):,} in {panel.title.partition(',')[0].partition(':')[0]}"
        for panel in panels
        if panel.passing is not None and not panel.title.endswith("(not tested)")
    )
    caption = f"Full colour: q < {SIGNIFICANT:g} ({counts}, of {int(np.isfinite(first.values).sum()):,} {maps.unit})"
    caption += f"; others {weak}. Red: gains; blue: losses."
    if any(panel.title.endswith("(not tested)") for panel in panels):
        caption += " The map at the peak has no test of its own and is in full colour where the tested one is."
    return caption
