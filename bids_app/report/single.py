"""One figure for a paper: a map or a curve of OUT_DIR, chosen by the entities of its file (`n2n figure`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from bids_app.bids.catalogue import STATISTICS
from bids_app.bids.entities import build_name
from bids_app.bids.geometry import SurfaceGeometry
from bids_app.bids.geometry_base import Geometry
from bids_app.report import scores, surfaces
from bids_app.report.curve_charts import WHOLE_COLOUR, draw_depths, draw_forecast
from bids_app.report.curves import Curve, depth_curves, distance_curves
from bids_app.report.figures import draw_maps, draw_rows, note_of, style, why_not_drawn
from bids_app.report.panels import Panel, Picture
from bids_app.report.results import Maps, Results, common, describe, find_results, titles
from bids_app.report.scales import Scale, position_scale, score_scale, signed_scale
from bids_app.wording import listed

Array = npt.NDArray[Any]
_SIGNED = ("beta", "marginal", "z", "t", "w")
_POSITIONS = ("layer", "d", "k", "fraction")
_TESTS = ("p", "q", "pfwe", "qmajority")  # drawn as −log10, or the small ones could not be told apart
_LOG = ("alpha",)  # spans many orders of magnitude
_GAINS = ("over", "contrast", "forecast", "gain", "variance")  # in a desc: scores that may be losses


@dataclass(frozen=True)
class Request:
    """What to draw.

    Attributes
    ----------
    out_dir : OUT_DIR
    participant : a label without `sub-`, or None for the group
    desc, stat : of the map or table; `stat` "" for the first one that there is
    maps : names of maps; empty for all of them, at most `MOST`
    entities : further entities of the file, such as task, space and model
    curve, region : draw a curve of the table instead of a map; of this region, "all" for everywhere
    views : sides of the cortex; empty for lateral and medial
    threshold : smallest |value| that is drawn, of p and q the largest; None for all
    maximum : end of the colour scale, of p and q that of −log10; None by the data
    significant : draw only where q < 0.05
    """

    out_dir: Path
    participant: str | None
    desc: str
    stat: str = ""
    maps: tuple[str, ...] = ()
    entities: Mapping[str, str] = field(default_factory=dict)
    curve: bool = False
    region: str = "all"
    views: tuple[str, ...] = ()
    threshold: float | None = None
    maximum: float | None = None
    significant: bool = False


MOST = 12


def draw_single(request: Request) -> tuple[Figure, str, str]:
    """The figure, a name for its file without ending, and its caption. Raises ValueError where it cannot be drawn."""
    results = _results(request)
    with style():
        figure, caption, stat = (_curve if request.curve else _maps)(request, results)
    subject = {} if request.participant is None else {"sub": request.participant}
    entities = {**subject, **results.entities, "desc": request.desc} | ({"stat": stat} if stat else {})
    who = "Group" if request.participant is None else f"Participant {request.participant}"
    where = describe(common([results]))
    return figure, build_name(entities, "figure"), f"{caption} {who}, {where}."


def contents(out_dir: Path, participant: str | None) -> list[str]:
    """What can be drawn: one line for each desc and statistic, with the names of its maps."""
    lines: dict[str, None] = {}
    for results in find_results(out_dir, participant):
        for output in results.outputs:
            desc, stat = output.entities.get("desc", ""), output.entities.get("stat")
            if stat:
                names = output.sidecar.get("Maps")
                told = listed(names, most=4) if isinstance(names, list) else "one map"
                lines[f"--desc {desc} --stat {stat}: {told}"] = None
            elif _is_curve(results, desc):
                lines[f"--desc {desc} --curve"] = None
    return sorted(lines)


def _results(request: Request) -> Results:
    """The only results with the entities and the desc of the request."""
    if not request.out_dir.is_dir():
        raise ValueError(f"OUT_DIR {request.out_dir} is no folder; give the folder with the results")
    everything = find_results(request.out_dir, request.participant)
    whose = "the group" if request.participant is None else f"participant {request.participant}"
    if not everything:
        raise ValueError(f"{request.out_dir} holds no results of {whose}; run that level first, or check the label")
    fitting = [one for one in everything if dict(request.entities).items() <= one.entities.items()]
    fitting = [one for one in fitting if _has(one, request)]
    if not fitting:
        there = sorted({desc for one in everything for desc in _descs(one) if _has(one, replace(request, desc=desc))})
        asked = describe(list(request.entities.items()))
        known = f"there are {listed(there, most=40)}" if there else "there is none"
        raise ValueError(
            f"{whose} has no {'curve' if request.curve else 'map'} with desc {request.desc!r}"
            f"{f' and {asked}' if asked else ''}; {known}: "
            f"n2n figure {request.out_dir} lists what can be drawn"
        )
    if len(fitting) > 1:
        options = "; ".join(titles(fitting))
        raise ValueError(f"{request.desc} is there for {options}: choose with --task-id, --space or --model")
    return fitting[0]


def _has(results: Results, request: Request) -> bool:
    if request.curve:
        return _is_curve(results, request.desc)
    return any(o.suffix == "statmap" and o.entities.get("desc") == request.desc for o in results.outputs)


def _descs(results: Results) -> set[str]:
    return {output.entities.get("desc", "") for output in results.outputs}


def _maps(request: Request, results: Results) -> tuple[Figure, str, str]:
    maps = _asked_maps(request, results)
    names = [found for name in request.maps if (found := _find(name, maps))] or list(maps.names[:MOST])
    panels = [_panel(request, results, maps, name) for name in names]
    label = _label(results, request.desc, maps.stat)
    scale = _scale(request, maps, label, [panel.values for panel in panels])
    reason = why_not_drawn(maps.geometry, scale)
    if reason:
        raise ValueError(reason)
    caption = _caption(request, maps, label, names)
    if any(panel.passing is not None for panel in panels):
        is_dotted = maps.geometry.kind == "parcels"
        caption += " Filled: q < 0.05." if is_dotted else " Full colour: q < 0.05; elsewhere paler."
    return _draw(request, panels, maps.geometry, scale), caption, maps.stat


def _find(asked: str, maps: Maps) -> str | None:
    """The name of a map that was asked for by its name, or by the number in it; None if there is none."""
    if asked in maps.names:
        return asked
    pattern = re.compile(rf".*-0*{asked}") if asked.isdecimal() else None
    numbered = [name for name in maps.names if pattern and pattern.fullmatch(name)]
    return numbered[0] if len(numbered) == 1 else None


def _asked_maps(request: Request, results: Results) -> Maps:
    of_desc = [output.entities for output in results.outputs if output.entities.get("desc") == request.desc]
    stats = [entities["stat"] for entities in of_desc if "stat" in entities]
    wanted = [request.stat] if request.stat else sorted(stats, key=_place)
    found = (results.maps(request.desc, [stat]) for stat in wanted)
    available = [maps for maps in found if maps is not None]
    maps = next((one for one in available if all(_find(name, one) for name in request.maps)), None)
    if maps is None and available:
        asked = next(name for name in request.maps if not all(_find(name, one) for one in available))
        names = dict.fromkeys(name for one in available for name in one.names)
        raise ValueError(f"there is no map {asked!r}; {request.desc} has {listed(list(names), most=80)}")
    if maps is None:
        raise ValueError(f"{request.desc} has no statistic {request.stat!r}; it has {listed(sorted(set(stats)))}")
    return maps


def _place(stat: str) -> int:
    """Scores before maps of families, and these before p and q."""
    order = ("r", "mean", "z", "beta", *STATISTICS)
    return order.index(stat) if stat in order else len(order)


def _panel(request: Request, results: Results, maps: Maps, name: str) -> Panel:
    values = np.array(maps.values[maps.names.index(name)], dtype=float)
    is_test = maps.stat in _TESTS
    passing = (
        None
        if is_test and not request.significant
        else scores.passing(results, maps, request.desc, maps.names.index(name))
    )
    if request.significant:
        if passing is None:
            raise ValueError(f"{request.desc} was not tested, so --significant cannot be used; use --threshold")
        values[~passing] = np.nan
        passing = None
    if request.threshold is not None:
        values[values > request.threshold if is_test else np.abs(values) < request.threshold] = np.nan
    if is_test or maps.stat in _LOG:
        positive = np.where(values > 0, values, np.nan)
        values = -np.log10(positive) if is_test else np.log10(positive)
    return Panel(name, values, passing)


def _label(results: Results, desc: str, stat: str) -> str:
    """What the colours are: the statistic; for a mean over participants, the unit of what was averaged."""
    means = (o for o in results.outputs if (o.entities.get("desc"), o.entities.get("stat")) == (desc, stat))
    units = next((one.sidecar.get("Units") for one in means), None)
    label = f"mean {units}" if stat == "mean" and isinstance(units, str) else STATISTICS[stat].label
    return f"−log10 of {label}" if stat in _TESTS else f"log10 of {label}" if stat in _LOG else label


def _scale(request: Request, maps: Maps, label: str, values: Sequence[Array]) -> Scale:
    if maps.stat in _POSITIONS or maps.stat in _LOG:
        scale: Scale = position_scale(values, label, high=request.maximum)
    elif maps.stat not in _TESTS and (maps.stat in _SIGNED or any(word in request.desc for word in _GAINS)):
        scale = signed_scale(values, label, 0.0)
        scale = scale if request.maximum is None else replace(scale, low=-request.maximum, high=request.maximum)
    else:
        scale = score_scale(values, label)
        scale = scale if request.maximum is None else replace(scale, high=request.maximum)
    return scale


def _draw(request: Request, panels: Sequence[Panel], geometry: Geometry, scale: Scale) -> Figure:
    if not request.views:
        return draw_maps(panels, geometry, scale)
    if not isinstance(geometry, SurfaceGeometry):
        raise ValueError(f"--view is for surfaces; these data are {geometry.kind}, drawn from all sides at once")
    views = [(side, view) for view in request.views for side in _hemispheres(view)]
    mesh = surfaces.mesh_of(geometry.space, geometry.n_vertices_left) or ""
    rows = []
    for panel in panels:
        pixels = surfaces.paint(panel.values, geometry.n_vertices_left, scale, panel.passing, mesh, views)
        rows.append([Picture(f"{side} {view}", one) for (side, view), one in zip(views, pixels, strict=True)])
    return draw_rows(panels, rows, scale)


def _hemispheres(view: str) -> tuple[str, str]:
    """The hemispheres from left to right: from below, the right one is on the left."""
    return ("right", "left") if view == "ventral" else ("left", "right")


def _caption(request: Request, maps: Maps, label: str, names: Sequence[str]) -> str:
    """What is shown, in sentences that can be quoted."""
    parts = [f"Map of {request.desc}, {label}: {listed(names, most=MOST)}."]
    if request.significant:
        parts.append("Only places with q < 0.05 are shown.")
    if request.threshold is not None:
        parts.append(
            f"Values above {request.threshold:g} are not shown."
            if maps.stat in _TESTS
            else f"Values between −{request.threshold:g} and {request.threshold:g} are not shown."
        )
    if len(request.maps or maps.names) > len(names):
        parts.append(f"{len(names)} of {len(maps.names)} maps; choose others with --map.")
    return " ".join([*parts, note_of(maps.geometry)]).strip()


def _is_curve(results: Results, desc: str) -> bool:
    path = results.table_path(desc)
    if path is None:
        return False
    head = path.read_text(encoding="utf-8").partition("\n")[0].split("\t")
    return {"atlas", "region"} <= set(head) and ({"window", "distance"} <= set(head) or "fraction" in head)


def _curve(request: Request, results: Results) -> tuple[Figure, str, str]:
    table, peaks = results.table(request.desc), results.table(f"{request.desc}distance")
    assert table is not None
    is_depth = "fraction" in table
    curves = depth_curves(table, results.table(f"{request.desc}peak")) if is_depth else distance_curves(table, peaks)
    curve = _of_region(request, curves)
    interval = " Band: 95 % bootstrap interval over participants." if curve.has_interval else ""
    if is_depth:
        caption = f"Forecast score F by depth of the layer, {curve.name}.{interval}"
        return draw_depths([[curve]], [WHOLE_COLOUR], {curve.model: WHOLE_COLOUR}), caption, ""
    tested = results.noted((request.desc,), "TestedDistance", "tested_distance")
    window = results.noted((request.desc,), "Window", "window")
    figure = draw_forecast(curve, None if tested is None else int(tested), None if window is None else int(window))
    caption = (
        f"Forecast score F over the distance of the window, {curve.name}; dashed: windows of random words; shaded: "
        f"past words.{interval}"
    )
    return figure, caption, ""


def _of_region(request: Request, curves: Sequence[Curve]) -> Curve:
    found = [curve for curve in curves if curve.region == request.region]
    if not found:
        names = list(dict.fromkeys(curve.region for curve in curves))
        raise ValueError(f"there is no curve of region {request.region!r}; {request.desc} has {listed(names, most=80)}")
    return found[0]
