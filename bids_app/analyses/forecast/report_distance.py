"""The section on the forecast distance d*: its map, and its value and reliability per network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from bids_app.analyses.forecast_files import GREY, Forecast, map_name, passing_at, read_forecast, say_shown
from bids_app.report import html
from bids_app.report.curve_charts import WHOLE_COLOUR
from bids_app.report.curves import WHOLE, say
from bids_app.report.dots import Dots, draw_rows
from bids_app.report.figures import WIDTH_INCHES
from bids_app.report.page import Page
from bids_app.report.panels import Panel
from bids_app.report.results import SIGNIFICANT, Maps, Results, median_of
from bids_app.report.scales import PositionScale, position_scale

Array = npt.NDArray[Any]

_QUIET = "0.55"
_NOT_RUN = "No forecast distances: this recording has no map or table of them (analysis forecast)."
_TITLES = {
    "distance": "d*: the distance with the highest F",
    "group-curve": "d* of the group's mean curve",
    "participants-mean": "Mean of the participants' own d*: pulled to the middle of the range",
}


def forecast_distance(page: Page, results: Results) -> str:
    """The map of d*, and d* per network and region with its reliability."""
    maps, forecast = results.maps("forecastdistance", ["d"]), read_forecast(results)
    if maps is None and forecast.distances is None:
        return html.missing(_NOT_RUN)
    blocks = [html.missing("No map of d*.") if maps is None else _map(page, results, maps, forecast)]
    if forecast.distances is not None and not forecast.distances.empty:
        blocks.append(_chart(page, results, forecast, forecast.distances))
        blocks.append(_table(page, results, forecast.distances))
    return "\n".join(blocks)


def _map(page: Page, results: Results, maps: Maps, forecast: Forecast) -> str:
    level = results.noted(["forecastdistance"], "Significance", "significance")
    tested = forecast.tested
    if not np.isfinite(maps.values).any():
        at = f" (q < {level:g})" if level else ""
        note = results.noted(["forecastdistance"], "Note")
        return html.missing(f"No map of d*: nowhere is F({tested}) − F(0) significant{at}. {note or ''}".strip())
    in_group = "group-curve" in maps.names
    test = None if in_group or tested is None else passing_at(results, maps, "forecast", map_name(tested))
    panels = [
        Panel(_TITLES.get(name, name), values, test) for name, values in zip(maps.names, maps.values, strict=True)
    ]
    shown = maps.values if test is None or not test.any() else maps.values[:, test]
    scale = distance_scale(list(shown), tested)
    n_valid = int(np.isfinite(maps.values[0]).sum())
    caption = "How many words ahead the window with the highest F ends."
    if in_group:
        at = f" (q < {level:g})" if level else ""
        caption += f" Only where F({tested}) − F(0) is significant{at}: {n_valid:,} {maps.unit}."
    elif test is not None:
        caption += say_shown(test, maps, f"F({tested})")
    if (test is None or test.any()) and np.isfinite(median := median_of(shown[0])):
        caption += f" Median{'' if test is None else ' there'}: {say(median)} words."
    return page.add_maps(panels, maps.geometry, scale, results, "forecastdistance", caption)


def distance_scale(maps: Sequence[Array], tested: int | None) -> PositionScale:
    """Scale of d* that covers nearly all values, and always the range from 0 to twice the tested distance."""
    scale = position_scale(maps, "d* (words)")
    return replace(scale, low=min(0.0, scale.low), high=max(2.0 * (tested or 0), scale.high))


def _chart(page: Page, results: Results, forecast: Forecast, table: pd.DataFrame) -> str:
    """d* per network and for the regions with the largest gain, beside the split-half results."""
    rows = chart_rows(table, [curve.region for curve in forecast.strongest])
    names = ["everywhere" if region == WHOLE else str(region) for region in rows["region"]]
    halves = bool(np.isfinite(rows["split_half"].to_numpy(dtype=float)).any())
    ends = _range(results, forecast)
    colours = row_colours(page, results, rows)
    figure = draw_distances(rows, names, colours, None if ends is None else ends[:2], halves)
    caption = (
        f"Filled or open dot with bar: d* of the group's mean curve with its 95 % bootstrap interval, filled where "
        f"F({forecast.tested}) − F(0) has q < {SIGNIFICANT:g}. Diamond: mean of the participants' own d*; "
        "dashed: the middle of the range, to which noise pulls it."
    )
    if halves:
        caption += (
            " Right: how far d* of two random halves of the participants lie apart, beside the same for curves shifted "
            f"at random (tick); filled where they agree better than that (p < {SIGNIFICANT:g})."
        )
    else:
        caption += " Split halves need at least four participants."
    values = ", ".join(f"{name} {say(value)}" for name, value in zip(names, rows["group_curve"], strict=True))
    return page.add(
        figure, results, "distances", alt=f"d* in words: {values}. {caption}", caption=caption, ending="svg"
    )


def chart_rows(table: pd.DataFrame, regions: list[str]) -> pd.DataFrame:
    """The rows of the whole brain and the networks, then those of selected regions or parcels."""
    first = table[table["atlas"].isin([WHOLE, "networks"])]
    rest = table[table["atlas"].isin(["regions", "parcels"])].drop_duplicates("region").set_index("region", drop=False)
    return pd.concat([first, rest.loc[[region for region in regions if region in rest.index]]], ignore_index=True)


def draw_distances(
    rows: pd.DataFrame, names: list[str], colours: list[str], ends: tuple[float, float] | None, halves: bool
) -> Figure:
    """d* of each row with its interval and the mean of individuals; with `halves`, split halves on the right."""
    figure = Figure(figsize=(WIDTH_INCHES * (0.95 if halves else 0.7), 1.1 + 0.26 * len(rows)), layout="constrained")
    charts = figure.subplots(1, 1 + halves, sharey=True, squeeze=False, width_ratios=[1.7, 1][: 1 + halves])[0]
    quiet = [_QUIET] * len(rows)
    values = {name: rows[name].to_numpy(dtype=float) for name in rows if name not in ("atlas", "region")}
    significant = values["contrast_q"] < SIGNIFICANT
    if ends is not None:
        style = {"color": _QUIET, "linewidth": 1, "linestyle": (0, (4, 3))}
        charts[0].axvline(sum(ends) / 2, label="middle of the range", **style)
        charts[0].set_xlim(ends[0] - 0.5, ends[1] + 0.5)
    draw_rows(
        charts[0],
        [
            Dots("mean of individuals", quiet, values["participants_mean"], marker="D", size=20, offset=0.2),
            Dots("group curve", colours, values["group_curve"], values["low"], values["high"], significant),
        ],
        names,
        "d* (words ahead)",
    )
    charts[0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, borderaxespad=0)
    if halves:
        agree = values["split_half_p"] < SIGNIFICANT
        draw_rows(
            charts[1],
            [
                Dots("by chance", quiet, values["split_half_null"], marker="|", size=70),
                Dots("halves", colours, values["split_half"], filled=agree),
            ],
            names,
            "d* of the halves apart by (words)",
        )
        charts[1].set_xlim(left=0)
        charts[1].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0)
    n_first = int(rows["atlas"].isin([WHOLE, "networks"]).sum())
    for axes in charts:
        if 0 < n_first < len(rows):
            axes.axhline(n_first - 0.5, color="0.6", linewidth=0.8)
    return figure


def row_colours(page: Page, results: Results, rows: pd.DataFrame) -> list[str]:
    """Grey for the whole brain, the atlas colour for a network, one colour for all regions."""
    regions = rows.loc[rows["atlas"] == "networks", "region"].astype(str).tolist()
    region_colours = page.network_colours(results, regions)
    return [
        GREY
        if atlas == WHOLE
        else region_colours.get(str(region), WHOLE_COLOUR)
        if atlas == "networks"
        else WHOLE_COLOUR
        for atlas, region in zip(rows["atlas"], rows["region"], strict=True)
    ]


def _range(results: Results, forecast: Forecast) -> tuple[float, float, int] | None:
    """The lowest and highest distance and their number; None if no file has them."""
    curve = forecast.whole
    distances = results.noted(["forecast"], "Distances", "distances") if curve is None else list(curve.x)
    return (float(min(distances)), float(max(distances)), len(distances)) if distances else None


def distance_notes(page: Page, all_results: Sequence[Results]) -> str:
    """How to read d*, once for all models."""
    results = next((candidate for candidate in all_results if candidate.has(["forecast"])), all_results[0])
    forecast = read_forecast(results)
    texts = (_say_bias(page, results, forecast), _say_width(results, forecast))
    return "\n".join(html.paragraph(text) for text in texts if text)


def _say_bias(page: Page, results: Results, forecast: Forecast) -> str:
    """Why the mean of individual d* is biased."""
    ends = _range(results, forecast)
    if ends is None:
        return ""
    low, high, n_distances = ends
    caption = (
        f"A single d* is the position of the highest of {n_distances} noisy values: where noise decides, it falls "
        f"anywhere from {say(low)} to {say(high)}, so that a mean of many comes out near the middle of that range, "
        f"{say((low + high) / 2)}, whatever the brain does. "
    )
    if page.participant is not None:
        return caption + "Read a distance from the curve of a network or of the group, not from single locations."
    return caption + (
        "Read the distance from the group's mean curve, in which noise is averaged out before the highest value is "
        "taken; the mean of individual d* stands beside it to show that pull, not as a distance."
    )


def _say_width(results: Results, forecast: Forecast) -> str:
    """Why curves are broad."""
    words = results.noted(["forecast"], "WordsPerVolume")
    window = f"{forecast.window} words" if forecast.window else "several words"
    volume = f"about {float(words):.2g}" if words else "several"
    return (
        f"Curves are broad: a window spans {window} and one volume of the scanner sums {volume}, so neighbouring "
        "distances share most of their words, and differences in d* of a few words mean little."
    )


def _table(page: Page, results: Results, table: pd.DataFrame) -> str:
    path = results.table_path("forecastdistance")
    assert path is not None
    body = html.table(table, most_rows=200) + page.file(path)
    return html.details(f"Table: forecast distances of {len(table)} regions", body)
