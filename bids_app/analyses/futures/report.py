"""The sections on syntactic and semantic forecasts: both curves on the same axes, and their maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.forecast_files import (
    STATS,
    Forecast,
    gain,
    map_name,
    passing_at,
    peak_cell,
    read_forecast,
    share,
)
from bids_app.analyses.futures.outputs import SEMANTICS, SYNTAX
from bids_app.report import curve_charts, html
from bids_app.report.curves import Curve, contrast, networks, say
from bids_app.report.page import Page
from bids_app.report.panels import Panel
from bids_app.report.results import SIGNIFICANT, Maps, Results, values_at
from bids_app.report.scales import signed_scale

Array = npt.NDArray[Any]

PUBLISHED = {SYNTAX: 5, SEMANTICS: 8}  # peaks of Caucheteux et al. (2023)
_COLOURS = ("#b35806", "#1b5e9b")
_NAMES = {SYNTAX: "syntax", SEMANTICS: "meaning"}
_NOT_RUN = "No syntactic and semantic forecast scores: this recording has none (analysis futures)."


def futures_curves(page: Page, results: Results) -> str:
    """F_syn and F_sem over distance: whole brain, per network, regions with the largest gain."""
    forecasts = {_NAMES[score]: read_forecast(results, score.desc) for score in PUBLISHED}
    paired = _pairs(forecasts, lambda forecast: forecast.curves)
    everywhere = [pair for pair in paired if next(iter(pair.values())).region == "all"]
    if not everywhere:
        return html.missing(_NOT_RUN)
    blocks = [_whole(page, results, everywhere[0])]
    by_network = _pairs(forecasts, lambda forecast: networks(forecast.curves))
    if by_network:
        blocks.append(_multiples(page, results, by_network, "futuresnetworks", "The same for each network."))
    names = {(curve.atlas, curve.region) for forecast in forecasts.values() for curve in forecast.strongest[:4]}
    strongest = [pair for pair in paired if _place(next(iter(pair.values()))) in names]
    if strongest:
        lead = "Regions among the four with the largest gain from words ahead of either score."
        blocks.append(_multiples(page, results, strongest, "futuresregions", lead))
    return "\n".join([*blocks, _table(page, results, forecasts, paired)])


def _pairs(forecasts: Mapping[str, Forecast], curves: Any) -> list[dict[str, Curve]]:
    """The curves of both scores, region by region; regions that only one of them has are left out."""
    by_region = {name: {_place(curve): curve for curve in curves(forecast)} for name, forecast in forecasts.items()}
    first = next(iter(by_region.values()))
    places = [place for place in first if all(place in regions for regions in by_region.values())]
    return [{name: regions[place] for name, regions in by_region.items()} for place in places]


def _place(curve: Curve) -> tuple[str, str]:
    return curve.atlas, curve.region


def _whole(page: Page, results: Results, pair: Mapping[str, Curve]) -> str:
    figure = curve_charts.draw_pair(pair, _COLOURS, list(PUBLISHED.values()))
    summary = " ".join(_say(name, curve) for name, curve in pair.items())
    caption = (
        "Mean over all targets of what the syntactic and the semantic part of a window of words adds to the present "
        "word. Dashed: windows of random words of the same part; shaded: past words. Only what lies above both speaks "
        "for prediction. Dotted: the peaks published by Caucheteux et al. (2023), 5 for syntax (superior temporal, "
        "left frontal) and 8 for meaning (frontal, parietal)."
    )
    if any(curve.has_interval for curve in pair.values()):
        caption += " Bands and bars: 95 % bootstrap intervals over participants, of F and of d*."
    image = page.add(figure, results, "futurescurve", alt=f"{summary} {caption}", caption=caption, ending="svg")
    return f'<p class="takeaway">{html.escape(summary)}</p>\n{image}'


def _say(name: str, curve: Curve) -> str:
    """Peak and control of one curve in a sentence."""
    if not np.isfinite(curve.peak):
        return f"The part of {name} has no curve."
    highest, random = curve.at(curve.peak), curve.level[0]
    control = f"; random words reach {gain(random)}" if np.isfinite(random) else ""
    if curve.without_forecast:
        where = f" ({gain(highest)} at d = {say(curve.peak)}{control})"
        return f"No forecast of {name} is found: {curve.without_forecast}{where}."
    low, high = curve.peak_interval
    interval = f" (95 % interval {say(low)} to {say(high)})" if np.isfinite(low) else ""
    ratio = curve.share_of_base(highest)
    of_base = f", {share(ratio)} of R" if np.isfinite(ratio) else ""
    return f"F of {name} is highest at d* = {say(curve.peak)}{interval}: {gain(highest)}{of_base}{control}."


def _multiples(page: Page, results: Results, pairs: Sequence[dict[str, Curve]], desc: str, lead: str) -> str:
    figure = curve_charts.draw_pairs(pairs, _COLOURS, list(PUBLISHED.values()))
    caption = f"{lead} Dot: d*; dashed: random words; dotted: published peaks. A flat curve has its d* by chance."
    peaks = "; ".join(
        f"{next(iter(pair.values())).name} " + ", ".join(f"{name} {say(curve.peak)}" for name, curve in pair.items())
        for pair in pairs
    )
    return page.add(figure, results, desc, alt=f"{caption} d* in words: {peaks}.", caption=caption, ending="svg")


def _table(
    page: Page, results: Results, forecasts: Mapping[str, Forecast], pairs: Sequence[Mapping[str, Curve]]
) -> str:
    """A row per region with both peaks, and links to the whole tables."""
    rows = []
    for pair in pairs:
        row: dict[str, object] = {"region": next(iter(pair.values())).name}
        for name, curve in pair.items():
            forecast = forecasts[name]
            row |= {
                f"d* of {name}": curve.peak,
                f"F(d*) of {name}": gain(curve.at(curve.peak)),
                f"F({forecast.tested}) − F(0) of {name}": gain(contrast(curve, forecast.tested, forecast.distances)),
                f"random words of {name}": gain(curve.level[0]),
            }
        rows.append(row)
    paths = [path for score in PUBLISHED if (path := results.table_path(score.desc)) is not None]
    links = ", ".join(page.link(path, path.name) for path in paths)
    body = html.table(pd.DataFrame(rows), most_rows=200) + f"<p>{links}</p>"
    return html.details(f"Table: syntactic and semantic forecasts in {len(rows)} regions", body)


def futures_maps(page: Page, results: Results) -> str:
    """Maps of F_syn and F_sem at their tested distances."""
    panels: list[Panel] = []
    shown: Maps | None = None
    for score in PUBLISHED:
        forecast, maps = read_forecast(results, score.desc), results.maps(score.desc, STATS)
        if maps is None or forecast.tested is None:
            continue
        values = values_at(maps, (shown or maps).geometry)
        name = map_name(forecast.tested)
        if values is None or name not in maps.names:
            continue
        shown = shown or maps
        title = f"{score.title} at distance {forecast.tested}"
        panels.append(Panel(title, values[maps.names.index(name)], passing_at(results, shown, score.desc, name)))
    if shown is None:
        return html.missing(_NOT_RUN)
    scale = signed_scale([panel.values for panel in panels], curve_charts.GAIN, 0.0)
    caption = (
        "What the syntactic and the semantic part of a window of words ahead add to the score of the present word. "
    )
    return page.add_maps(panels, shown.geometry, scale, results, "futures", caption + _say_colours(panels, shown))


def _say_colours(panels: Sequence[Panel], maps: Maps) -> str:
    counts = [
        f"{np.count_nonzero(p.passing):,} in {p.title[0].lower()}{p.title[1:]}" for p in panels if p.passing is not None
    ]
    if not counts:
        return "Red: gains; blue: losses; without a test of significance."
    weak = "hollow" if maps.geometry.kind == "parcels" else "paler"
    total = int(np.isfinite(panels[0].values).sum())
    return (
        f"Full colour: q < {SIGNIFICANT:g} ({'; '.join(counts)}, of {total:,} {maps.unit}); others {weak}. Red: gains; "
        "blue: losses."
    )


def syntax_cell(results: Results) -> str:
    """d* of the syntactic curve over all targets."""
    return peak_cell(read_forecast(results, SYNTAX.desc).whole)


def semantics_cell(results: Results) -> str:
    """d* of the semantic curve over all targets."""
    return peak_cell(read_forecast(results, SEMANTICS.desc).whole)
