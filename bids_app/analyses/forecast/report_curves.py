"""The section on distance curves: F over distance with controls, whole brain, per network and region."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bids_app.analyses.forecast_files import Forecast, gain, read_forecast, share
from bids_app.report import curve_charts, html
from bids_app.report.curves import Curve, contrast, networks, say
from bids_app.report.page import Page
from bids_app.report.results import Results

_NO_CURVES = "No curves of F over distance: this recording has no table of them (analysis forecast)."


def forecast_curves(page: Page, results: Results) -> str:
    """F over distance: whole brain, per network, regions with the largest gain; with past and random words."""
    forecast = read_forecast(results)
    if not forecast.curves:
        return html.missing(_NO_CURVES)
    blocks = [_whole_figure(page, results, forecast)]
    named = networks(forecast.curves)
    if named:
        colours = page.network_colours(results, [curve.region for curve in named])
        curve_colours = [colours[curve.region] for curve in named]
        blocks.append(_multiples(page, results, named, curve_colours, "forecastnetworks", "The same for each network."))
    best = forecast.strongest
    if best:
        of_all = sum(curve.atlas == best[0].atlas for curve in forecast.curves)
        gained = f"F({forecast.tested}) − F(0)"
        lead = f"All {of_all} {best[0].atlas}, largest {gained} first."
        if of_all > len(best):
            lead = f"The {len(best)} of {of_all} {best[0].atlas} with the largest {gained}, largest first: they were "
            lead += "chosen for it, so their curves rise."
        one_colour = [curve_charts.WHOLE_COLOUR] * len(best)
        blocks.append(_multiples(page, results, best, one_colour, "forecastregions", lead))
    return "\n".join([*blocks, _table(page, results, forecast)])


def _whole_figure(page: Page, results: Results, forecast: Forecast) -> str:
    curve = forecast.whole
    if curve is None or np.isnan(curve.peak):
        return html.missing("No curve over all targets.")
    figure = curve_charts.draw_forecast(curve, forecast.tested, forecast.window)
    caption = (
        "Mean F over all targets. Compare it with random words (dashed) and the past (shaded), not with 0: features "
        "that explain nothing cost a little, so random words lie below 0, and the past gains because neighbouring "
        "words are alike. Only what lies above both speaks for prediction."
        + (f" Open dot: the tested distance, {forecast.tested}." if forecast.tested is not None else "")
        + (" Band and bar: 95 % bootstrap intervals over participants, of F and of d*." if curve.has_interval else "")
    )
    summary = say_curve(curve, forecast.tested)
    alt = f"Curve of F over distance. {summary} {caption}"
    image = page.add(figure, results, "forecastcurve", alt=alt, caption=caption, ending="svg")
    return f'<p class="takeaway">{html.escape(summary)}</p>\n{image}'


def say_curve(curve: Curve, tested: int | None) -> str:
    """The curve and its controls in two sentences."""
    low, high = curve.peak_interval
    highest = curve.at(curve.peak)
    relative = curve.share_of_base(highest)
    sentence = "No forecast is found: " * bool(curve.without_forecast)
    sentence += f"F is highest at d* = {say(curve.peak)}" + ", in the past" * bool(curve.peak < 0)
    sentence += f" (95 % interval {say(low)} to {say(high)})" if np.isfinite(low) else ""
    sentence += f": {gain(highest)}" + (f", {share(relative)} of R." if np.isfinite(relative) else ".")
    controls = "; ".join(_say_controls(curve, highest, tested))
    return sentence + (f" {controls[0].upper()}{controls[1:]}." if controls else "")


def _say_controls(curve: Curve, highest: float, tested: int | None) -> list[str]:
    """The values of random words and of the past, compared with the maximum."""
    phrases = []
    random, (past, where) = curve.level[0], curve.best_below(0)
    if np.isfinite(random):
        more = "as much or more: " if random >= highest else ""
        phrases.append(f"random words reach {more}{gain(random)}")
    if curve.peak < 0:
        phrases.append(f"words ahead add less: {gain(curve.at(tested))} at the tested distance, {tested}")
    elif np.isfinite(past):
        phrases.append(f"the best past window (d = {say(where)}) reaches {gain(past)}")
    return phrases


def _multiples(
    page: Page, results: Results, curves: Sequence[Curve], colours: Sequence[str], desc: str, lead: str
) -> str:
    caption = f"{lead} Shaded: past words; dashed: random words; dot: d*"
    caption += ", bar: its 95 % interval." if any(np.isfinite(c.peak_interval[0]) for c in curves) else "."
    caption += " A flat curve has its d* by chance."
    peaks = ", ".join(f"{curve.name} {say(curve.peak)}" for curve in curves)
    figure = curve_charts.draw_forecasts(curves, colours)
    return page.add(figure, results, desc, alt=f"{caption} d* in words: {peaks}.", caption=caption, ending="svg")


def _table(page: Page, results: Results, forecast: Forecast) -> str:
    """A row per region with the values of its curve, and a link to the whole table."""
    path = results.table_path("forecast")
    assert path is not None
    rows = [_row(curve, forecast) for curve in forecast.curves]
    body = html.table(pd.DataFrame(rows), most_rows=200) + page.file(path)
    return html.details(f"Table: F in {len(rows)} regions", body)


def _row(curve: Curve, forecast: Forecast) -> dict[str, object]:
    tested = {} if forecast.tested is None else {f"F({forecast.tested})": gain(curve.at(forecast.tested))}
    return {
        "region": curve.name,
        "d*": curve.peak,
        "F(d*)": gain(curve.at(curve.peak)),
        **tested,
        "F(0)": gain(curve.at(0)),
        f"F({forecast.tested}) − F(0)": gain(contrast(curve, forecast.tested, forecast.distances)),
        "best of the past": gain(curve.best_below(0)[0]),
        "random words": gain(curve.level[0]),
        "R": curve.base,
    }
