"""A forecast score over participants: gains from windows ahead and their best distance."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.analyses.collection import Collection, Doubles, Floats
from bids_app.analyses.comparison import Row, model_row
from bids_app.analyses.distance_outputs import DistanceScore
from bids_app.analyses.distance_tables import curve_table, distance_table
from bids_app.analyses.region_tables import EVERYWHERE, PEAKS, Regions, too_few
from bids_app.analyses.significance import write_few_participants, write_statistics
from bids_app.forecast.distance import group_distance
from bids_app.shared_options.scores import GroupOptions

log = logging.getLogger("neurons2networks")


def summarise_distances(score: DistanceScore, scores: Collection, settings: GroupOptions) -> list[Row]:
    """Write the maps and tables of a forecast score; returns the rows of the model for the comparison of models."""
    out_dir, distances = settings.out_dir, distances_of(scores)
    note = too_few(scores, settings)
    write_statistics(scores, out_dir, score.desc, is_family_wise=False, **note)
    write_few_participants(scores, out_dir, score.desc)
    base, random = (_beside(scores, desc, out_dir) for desc in (score.base, f"{score.desc}random"))
    for collection in (base, random):
        if collection is not None:
            extra = {"Participants": collection.participants, **collection.shared_fields}
            desc = collection.entities["desc"]
            collection.writer(out_dir).maps(desc, "mean", collection.mean(), collection.names, **extra)
    tested = _tested(scores)
    if tested is not None:
        _write_distance(score, scores, _write_contrast(score, scores, tested, settings, note), settings, note)
    gains = scores.region_means(out_dir)
    present, draws = ({} if each is None else each.region_means(out_dir) for each in (base, random))
    writer = scores.writer(out_dir)
    writer.table(score.desc, curve_table(distances, gains, draws, present))
    seed = int(scores.result_settings["random_seed"])
    writer.table(f"{score.desc}distance", distance_table(distances, tested, gains, seed))
    return [] if tested is None else _rows(score, scores, tested, gains, base, present)


def distances_of(scores: Collection) -> list[int]:
    """The distances of the maps, in their order."""
    return [int(distance) for distance in scores.sidecar["Distances"]]


def _tested(scores: Collection) -> int | None:
    """The tested distance; None, with a message, if it cannot be compared with distance 0."""
    tested, distances = int(scores.sidecar["TestedDistance"]), distances_of(scores)
    if tested != 0 and {0, tested} <= set(distances):
        return tested
    log.warning(
        "%s: no contrast of distance %d with 0, and no maps of the forecast distance: the distances are %s",
        scores.title,
        tested,
        ", ".join(map(str, distances)),
    )
    return None


def _beside(scores: Collection, desc: str, out_dir: Path) -> Collection | None:
    """Other maps of the same recordings and model; None without any."""
    try:
        return scores.beside(out_dir, desc=desc)
    except FileNotFoundError:
        return None


def _write_contrast(
    score: DistanceScore, scores: Collection, tested: int, settings: GroupOptions, note: dict[str, Any]
) -> Floats | None:
    """Write the statistics of F(tested) − F(0); returns q (1, n_targets), None for one participant."""
    distances = distances_of(scores)
    ahead, present = distances.index(tested), distances.index(0)
    difference = scores.maps.changed(lambda maps: maps[[ahead]] - maps[[present]], 1)
    contrast = replace(scores, held=difference, names=["contrast"])
    formula = f"{score.symbol}({tested}) - {score.symbol}(0)"
    extra = {**note, "TestedDistance": tested, "Contrast": formula}
    return write_statistics(contrast, settings.out_dir, f"{score.desc}contrast", **extra)


def _write_distance(
    score: DistanceScore, scores: Collection, q: Floats | None, settings: GroupOptions, note: dict[str, Any]
) -> None:
    """Write the distance of the highest score at targets with a significant contrast."""
    n_targets = scores.maps.shape[2]
    shown = np.zeros(n_targets, dtype=bool) if q is None else q[0] < settings.significance
    log.info("%s: forecast distance shown in %d of %d targets", scores.title, shown.sum(), scores.complete.sum())
    distances = distances_of(scores)
    peaks = scores.maps.of_curves(lambda curves: group_distance(curves, distances), shown)
    fields = {
        **scores.shared_fields,
        "Significance": settings.significance,
        "Participants": scores.participants,
        **note,
    }
    scores.writer(settings.out_dir).maps(f"{score.desc}distance", "d", peaks, PEAKS, **fields)


def _rows(
    score: DistanceScore,
    scores: Collection,
    tested: int,
    gains: Regions,
    base: Collection | None,
    present: Regions,
) -> list[Row]:
    """F at the tested distance, and its ratio to R of the present word if R is above zero."""
    symbol = score.symbol
    gain = gains[EVERYWHERE][:, distances_of(scores).index(tested)]
    rows = [model_row(scores.entities, f"{symbol} (distance{tested:+d})", gain)]
    if base is not None:
        base_of = dict(zip(base.participants, present[EVERYWHERE][:, 0], strict=True))
        ratio = _ratio(gain, np.array([base_of.get(label, np.nan) for label in scores.participants]))
        rows.append(model_row(scores.entities, f"{symbol} / R (distance{tested:+d})", ratio))
    return rows


def _ratio(gain: Doubles, base: Doubles) -> Doubles:
    return np.asarray(np.divide(gain, base, out=np.full(len(gain), np.nan), where=base > 0))
