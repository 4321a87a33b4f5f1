"""The section on unique variance of the present word, words ahead and past words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bids_app.analyses.forecast_files import gain
from bids_app.report import html
from bids_app.report.curves import WHOLE, charted_atlas
from bids_app.report.dots import Dots, draw_rows
from bids_app.report.figures import WIDTH_INCHES
from bids_app.report.page import Page
from bids_app.report.panels import Panel
from bids_app.report.regions import network_regions
from bids_app.report.results import SIGNIFICANT, Maps, Results, mean_of
from bids_app.report.scales import signed_scale

Array = npt.NDArray[Any]

_STATS = ("r2", "mean")
_TOTAL, _PRESENT = "total", "present"
_MARKS = {"past": ("#7a7f87", "<"), "present": ("#1b5e9b", "o"), "future": ("#d55e00", ">")}
_OTHER = ("#009e73", "s")
_NOT_RUN = "No unique variance: this recording has no map of it (analysis variance)."
UNIQUE = "unique held-out R²"


def unique_variance(page: Page, results: Results) -> str:
    """Maps of the variance of all windows together and of each separately, and a chart per network."""
    maps = results.maps("variance", _STATS)
    if maps is None:
        return html.missing(_NOT_RUN)
    blocks = [_total(page, results, maps), _unique(page, results, maps)]
    rows = region_rows(page, results, maps)
    blocks.append(_chart(page, results, rows))
    path = results.table_path("variance")
    if path is not None:
        body = html.table(rows, most_rows=200) + page.file(path)
        blocks.append(html.details("Table: unique variance", body))
    return "\n".join(block for block in blocks if block)


def _titles(results: Results) -> dict[str, str]:
    """Title of each space, with its distance if the sidecar has it."""
    future, past = (results.noted(["variance"], key) for key in ("FutureDistance", "PastDistance"))
    ahead = "" if future is None else f" (distance {future})"
    behind = "" if past is None else f" (distance {past})".replace("-", "−")
    return {
        _TOTAL: "All words together",
        "present": "Unique to the present word",
        "future": f"Unique to words ahead{ahead}",
        "past": f"Unique to words past{behind}",
    }


def _total(page: Page, results: Results, maps: Maps) -> str:
    """All spaces together and the present word, on one scale; signed, because half of the noise is below zero."""
    panels = _panels(results, maps, [name for name in maps.names if name in (_TOTAL, _PRESENT)])
    panels = [
        replace(each, passing=None if each.passing is None else each.passing & (each.values > 0)) for each in panels
    ]
    if not panels:
        return ""
    caption = (
        "Held-out R² of present, future and past words in one banded ridge, and what the present word adds to the "
        "others. " + ", ".join(f"{panel.title}: mean {gain(mean_of(panel.values))}" for panel in panels) + "."
    )
    caption += _say_passing(panels, maps)
    caption += " Red: explained; blue: below 0, worse than the mean of the response."
    scale = signed_scale([panel.values for panel in panels], "held-out R²", 0.0)
    return page.add_maps(panels, maps.geometry, scale, results, "variancetotal", caption)


def _unique(page: Page, results: Results, maps: Maps) -> str:
    """Words ahead against words past, on one scale."""
    panels = _panels(results, maps, [name for name in maps.names if name not in (_TOTAL, _PRESENT)])
    if not panels:
        return ""
    caption = (
        "Unique variance: R² of all minus R² of the others. What two kinds of words share, as neighbours do, counts "
        "for neither. Words past are the control: their unique variance is no prediction. Below 0: words that explain "
        "nothing cost a little. "
    )
    caption += ", ".join(f"{panel.title}: mean {gain(mean_of(panel.values))}" for panel in panels) + "."
    caption += _say_passing(panels, maps)
    scale = signed_scale([panel.values for panel in panels], UNIQUE, 0.0)
    return page.add_maps(panels, maps.geometry, scale, results, "varianceunique", caption)


def _panels(results: Results, maps: Maps, names: Sequence[str]) -> list[Panel]:
    titles, indices = _titles(results), [maps.names.index(name) for name in names]
    return [
        Panel(titles.get(name, f"Unique to {name}"), maps.values[index], _passing(results, maps, name))
        for name, index in zip(names, indices, strict=True)
    ]


def _say_passing(panels: Sequence[Panel], maps: Maps) -> str:
    """Number of significant targets in each panel, "" without a test."""
    counts = [np.count_nonzero(panel.passing) for panel in panels if panel.passing is not None]
    if not counts:
        return ""
    passing = " and ".join(f"{count:,}" for count in counts)
    return f" Full colour: q < {SIGNIFICANT:g}, in {passing} of {maps.geometry.n_targets:,} {maps.unit}."


def _passing(results: Results, maps: Maps, name: str) -> Array | None:
    q = results.like(maps, "variance", "q")
    return None if q is None or len(q) != len(maps.values) else np.asarray(q[maps.names.index(name)] < SIGNIFICANT)


def region_rows(page: Page, results: Results, maps: Maps) -> pd.DataFrame:
    """Rows with atlas, region, space, mean (low, high, p): the group's table, or means of a participant's maps."""
    table = results.table("variance")
    if table is not None:
        return table
    everywhere = np.ones(maps.geometry.n_targets, bool)
    named = {(WHOLE, WHOLE): everywhere}
    indices = np.arange(maps.geometry.n_targets)
    named |= {("parcels", name): indices == index for index, name in enumerate(maps.geometry.target_names)}
    named |= {("networks", name): where for name, where in network_regions(page.out_dir, maps.geometry).items()}
    return pd.DataFrame(
        [
            {"atlas": atlas, "region": region, "space": space, "mean": mean_of(values[where])}
            for (atlas, region), where in named.items()
            for space, values in zip(maps.names, maps.values, strict=True)
        ]
    )


def _chart(page: Page, results: Results, rows: pd.DataFrame) -> str:
    """A chart of the unique variance per network."""
    rows = rows[rows["space"] != _TOTAL]
    atlas = charted_atlas(rows.drop_duplicates(["atlas", "region"])["atlas"].tolist())
    rows = rows[rows["atlas"].isin([WHOLE, atlas])]
    if rows.empty:
        return ""
    figure = draw_variance(rows)
    caption = f"Mean unique variance per {atlas.removesuffix('s')}."
    if "low" in rows:
        caption += (
            f" Bars: 95 % bootstrap intervals over participants; filled: two-sided p < {SIGNIFICANT:g}, not corrected."
        )
    values = "; ".join(
        f"{'everywhere' if region == WHOLE else str(region)}: "
        + ", ".join(f"{space} {mean:.4f}" for space, mean in zip(means["space"], means["mean"], strict=True))
        for region, means in rows.groupby("region", sort=False)
    )
    alt = f"Dots of unique variance. {values}. {caption}"
    return page.add(figure, results, "variance", alt=alt, caption=caption, ending="svg")


def draw_variance(rows: pd.DataFrame) -> Figure:
    """A row per region: on the left the present word, on the right past and future, with the same or a finer scale."""
    regions = list(dict.fromkeys(rows["region"].astype(str)))
    spaces = sorted(dict.fromkeys(rows["space"].astype(str)), key=lambda space: [*_MARKS, space].index(space))
    sides = [side for side in ([s for s in spaces if s == _PRESENT], [s for s in spaces if s != _PRESENT]) if side]
    figure = Figure(figsize=(WIDTH_INCHES * 0.9, 1.1 + 0.36 * len(regions)), layout="constrained")
    charts = figure.subplots(1, len(sides), sharey=True, squeeze=False)[0]
    names = ["everywhere" if region == WHOLE else region for region in regions]
    for axes, side in zip(charts, sides, strict=True):
        axes.axvline(0, color="0.6", linewidth=0.8)
        offsets = 0.3 * (np.arange(len(side)) - (len(side) - 1) / 2)
        draw_rows(axes, [_dots(rows, regions, *series) for series in zip(side, offsets, strict=True)], names, UNIQUE)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(side), frameon=False, borderaxespad=0)
    _widen(charts)
    return figure


def _widen(charts: Sequence[Axes]) -> None:
    """Extend the first chart to the range of the others, so that a tiny effect does not look large."""
    limits = np.array([axes.get_xlim() for axes in charts])
    charts[0].set_xlim(limits[:, 0].min(), limits[:, 1].max())


def _dots(rows: pd.DataFrame, regions: list[str], space: str, offset: float) -> Dots:
    space_rows = rows[rows["space"] == space].drop_duplicates("region").set_index("region").reindex(regions)
    colour, marker = _MARKS.get(space, _OTHER)
    low, high, p = (
        space_rows[name].to_numpy(dtype=float) if name in space_rows else None for name in ("low", "high", "p")
    )
    filled = None if p is None else np.asarray(p < SIGNIFICANT)
    middle = space_rows["mean"].to_numpy(dtype=float)
    return Dots(space, [colour] * len(regions), middle, low, high, filled, marker, offset=offset)
