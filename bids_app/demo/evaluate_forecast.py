"""Compare forecast scores, distances and depths with the regions that were planted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bids_app.bids.alignment import placed
from bids_app.bids.geometry_base import Geometry
from bids_app.bids.outputs import OutputMap, find_maps
from bids_app.demo.truth import ForecastTruth
from bids_app.forecast.depth import best_layer
from bids_app.forecast.distance import best_distance
from bids_app.networks.atlas import Atlas, load_atlas

Array = NDArray[np.float32]

_LEVEL = 0.05


@dataclass(frozen=True)
class _Scores:
    """Forecast scores of one participant, or their mean over participants, at the targets of `geometry`.

    gains: (n_distances, n_targets). p: (n_targets,), of the tested distance; a row per participant for the group.
    depth: (n_layers, n_targets), None where it was not computed.
    """

    who: str
    entities: dict[str, str]
    geometry: Geometry
    distances: tuple[int, ...]
    tested: int
    gains: Array
    p: Array
    depth: Array | None


def evaluate_forecast(truth: ForecastTruth, demo_dir: Path, out_dir: Path) -> pd.DataFrame:
    """Compare the forecast scores of all participants, and of their mean, with what was planted where.

    One row per participant (or "group", the mean of all), task, space and region:

    planted, ahead, planted_layer : what drives the region
    d : median over the region's targets of the distance with the largest forecast score; of a region that nothing
        drives it is that of noise
    d_curve : the same of the region's mean curve
    gain, spread : forecast score at the tested distance, mean and standard deviation over the region's targets
    significant : share of the targets with p < 0.05; mean over participants for the group
    k : median over targets of the layer with the largest forecast score; NaN without the depth analysis

    Raises FileNotFoundError when OUT_DIR holds no forecast scores of the planted model.
    """
    label = truth.options["model_label"]
    found = find_maps(out_dir, "forecast", "r", model=label)
    if not found:
        raise FileNotFoundError(
            f"{out_dir} holds no forecast scores (…_model-{label}_stat-r_desc-forecast_statmap); run the analysis "
            "with --analysis forecast depth."
        )
    scores = [_read(output, out_dir) for output in found]
    return pd.DataFrame(
        [row for one in [*scores, *_group(scores)] for row in _rows(one, truth, demo_dir / "derivatives" / "atlas")]
    )


def _read(output: OutputMap, out_dir: Path) -> _Scores:
    gains, geometry = output.load()
    others = {key: value for key, value in output.entities.items() if key not in ("desc", "stat")}

    def values(what: str, stat: str) -> Array | None:
        for other in find_maps(out_dir, what, stat, **others):
            if other.entities.keys() == output.entities.keys():
                return _at(other, geometry)
        return None

    p = values("forecast", "p")
    if p is None:
        raise FileNotFoundError(f"{out_dir} holds no p of the forecast scores in {output.paths[0].name}; run it again.")
    distances, tested = output.sidecar["Distances"], output.sidecar["TestedDistance"]
    assert isinstance(distances, list)
    assert isinstance(tested, int)
    depth = values("forecastdepth", "r")
    return _Scores(output.entities["sub"], others, geometry, tuple(distances), tested, gains, p, depth)


def _at(output: OutputMap, geometry: Geometry) -> Array:
    """Values (n_maps, n_targets) at the targets of a geometry; the mask of a volume is where its file has values."""
    values, own = output.load()
    found = placed(values, own, geometry)
    if found is None:
        raise ValueError(f"{output.paths[0].name} lies on another grid than the forecast scores; make both again.")
    return found


def _group(scores: Sequence[_Scores]) -> Iterator[_Scores]:
    """Mean over participants wherever several have scores of the same task and space at the same targets."""
    kinds: dict[tuple[tuple[str, str], ...], list[_Scores]] = {}
    for one in scores:
        kinds.setdefault(tuple((key, value) for key, value in one.entities.items() if key != "sub"), []).append(one)
    for kind, members in kinds.items():
        first = members[0]
        if len(members) < 2 or not all(one.geometry.same_targets(first.geometry) for one in members):
            continue
        depths = [one.depth for one in members if one.depth is not None]
        yield _Scores(
            "group",
            dict(kind),
            first.geometry,
            first.distances,
            first.tested,
            np.mean([one.gains for one in members], axis=0),
            np.concatenate([one.p for one in members]),
            np.mean(depths, axis=0) if len(depths) == len(members) else None,
        )


def _rows(scores: _Scores, truth: ForecastTruth, atlas_dir: Path) -> Iterator[dict[str, object]]:
    atlas = _atlas(scores.geometry, atlas_dir)
    distance = best_distance(scores.gains, scores.distances)
    layer = None if scores.depth is None else best_layer(scores.depth)
    gain = scores.gains[scores.distances.index(scores.tested)]
    known = np.isfinite(scores.gains).all(axis=0)
    for region in truth.regions.itertuples():
        inside = known & (atlas.labels == 1 + atlas.network_names.index(str(region.region)))
        curve = scores.gains[:, inside].mean(axis=1, dtype=np.float64)
        yield {
            "participant": scores.who,
            "task": scores.entities.get("task", "all"),
            "space": scores.entities.get("space", ""),
            "region": region.region,
            "planted": region.planted,
            "ahead": region.ahead,
            "d": float(np.nanmedian(distance[inside])),
            "d_curve": float(best_distance(curve[:, None], scores.distances)[0]),
            "gain": float(gain[inside].mean()),
            "spread": float(gain[inside].std()),
            "significant": float((scores.p[:, inside] < _LEVEL).mean()),
            "k": np.nan if layer is None else float(np.nanmedian(layer[inside])),
            "planted_layer": region.layer,
        }


def _atlas(geometry: Geometry, folder: Path) -> Atlas:
    """The demo's own atlas at the targets."""
    return load_atlas(str(folder), geometry.kind, geometry.space_name, **geometry.where())
