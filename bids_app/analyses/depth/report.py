"""The section on depth: F by layer, comparison of models, and the best layer of each target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.forecast_files import GREY, map_name, passing_at, say_interval, say_shown, tested_distance
from bids_app.report import curve_charts, html
from bids_app.report.curves import WHOLE, Curve, charted_atlas, depth_curves, whole
from bids_app.report.page import Page
from bids_app.report.panels import Panel
from bids_app.report.results import SIGNIFICANT, Maps, Results, median_of
from bids_app.report.scales import network_colours, position_scale

Array = npt.NDArray[Any]

_NO_CURVES = "No curves of F over depth: this recording has no table of them (analysis depth)."
_NO_MAP = "No map of the best layer: this recording has none (analysis depth)."


def read_depth(results: Results) -> list[Curve]:
    """The curves of F over depth of one model; empty without their table."""
    table = results.table("forecastdepth")
    if table is None:
        return []
    return depth_curves(table, results.table("forecastdepthpeak"), results.entities.get("model", ""))


def depth_models(page: Page, all_results: Sequence[Results]) -> str:
    """F over depth of all models of the same data, for the whole brain and per network."""
    curves = [curve for results in all_results for curve in read_depth(results)]
    atlas = charted_atlas([atlas for atlas, _ in dict.fromkeys((curve.atlas, curve.region) for curve in curves)])
    curves = [curve for curve in curves if curve.atlas in (WHOLE, atlas)]
    if not curves:
        return html.missing(_NO_CURVES)
    regions = dict.fromkeys((curve.atlas, curve.region) for curve in curves)
    curves_of_regions = [[curve for curve in curves if (curve.atlas, curve.region) == region] for region in regions]
    names = [region for of_atlas, region in regions if of_atlas == "networks"]
    palette = page.network_colours(all_results[0], names)
    models = model_colours([curve.model for curve in curves])
    colours = [palette.get(region_curves[0].region, GREY) for region_curves in curves_of_regions]
    figure = curve_charts.draw_depths(curves_of_regions, colours, models)
    caption = _say_curves(all_results[0], curves, models)
    peaks = "; ".join(f"{c.name}{f', {c.model}' * (len(models) > 1)}: {100 * c.peak:.0f} %" for c in curves)
    holder = all_results[0] if len(models) == 1 else without_model(all_results[0])
    alt = f"{caption} k* as a share of the depth: {peaks}."
    return page.add(figure, holder, "depth", alt=alt, caption=caption, ending="svg")


def _say_curves(results: Results, curves: Sequence[Curve], models: dict[str, str]) -> str:
    tested = tested_distance(results, "forecast")
    caption = (
        f"F{'' if tested is None else f'({tested})'} with the present word and the window both from one layer, over "
        "the layer's place in the model (100 %: the last layer). Dot: the best layer, k*"
    )
    caption += ", bar: its 95 % interval; band: 95 % bootstrap interval over participants." * curves[0].has_interval
    caption += "." * (not curves[0].has_interval)
    caption += " A flat curve has its k* by chance."
    return caption + " As shares of depth, models of different size compare." * (len(models) > 1)


def model_colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for each model."""
    models = list(dict.fromkeys(names))
    return dict(zip(models, network_colours([""] * len(models)), strict=True))


def without_model(results: Results) -> Results:
    """Results without an output of a single model, for figures of several models."""
    return Results({key: value for key, value in results.entities.items() if key != "model"}, ())


def depth_map(page: Page, results: Results) -> str:
    """Map of the best layer k* as a fraction of depth, and the folded table."""
    maps = results.maps("forecastdepth", ["fraction"])
    if maps is None or not np.isfinite(maps.values).any():
        return html.missing(_NO_MAP)
    row = maps.names.index("group-curve") if "group-curve" in maps.names else 0
    values = maps.values[row]
    test = passing(results, maps)
    of_group = " of the group's mean curve" if len(maps.values) > 1 else ""
    panel = Panel(f"k*{of_group}: the best layer, as a fraction of depth", values, test)
    shown = values if test is None or not test.any() else values[test]
    caption = "Depth of the layer that forecasts each location best."
    caption += "" if test is None else say_shown(test, maps, "F")
    if (test is None or test.any()) and np.isfinite(median := median_of(shown)):
        caption += f" Median{'' if test is None else ' there'}: {100 * median:.0f} % of the depth."
    scale = position_scale([values], "fraction of depth", 0.0, 1.0)
    image = page.add_maps([panel], maps.geometry, scale, results, "depthmap", caption)
    return image + _table(page, results)


def passing(results: Results, maps: Maps) -> Array | None:
    """Targets (n_targets,) with q < 0.05 in the test of any layer, or else in the test of F; None without a test."""
    q = results.like(maps, "forecastdepth", "q")
    if q is not None:
        return np.asarray((q < SIGNIFICANT).any(axis=0))
    tested = tested_distance(results, "forecast")
    return None if tested is None else passing_at(results, maps, "forecast", map_name(tested))


def _table(page: Page, results: Results) -> str:
    """Best layers per region: the group's table, or one made from the curves."""
    table, desc = results.table("forecastdepthpeak"), "forecastdepthpeak"
    if table is None:
        desc, curves = "forecastdepth", read_depth(results)
        table = pd.DataFrame([{"region": curve.name, "k* / layers": curve.peak} for curve in curves])
    path = results.table_path(desc)
    if path is None or table.empty:
        return ""
    body = html.table(table, most_rows=200) + page.file(path)
    return html.details(f"Table: best layers of {len(table)} regions", body)


def depth_cell(results: Results) -> str:
    """k* of the curve over all targets."""
    depth = whole(read_depth(results))
    if depth is None or not np.isfinite(depth.peak):
        return ""
    return html.cell(f"{100 * depth.peak:.0f} %", say_interval(depth, "of the depth", 100))
