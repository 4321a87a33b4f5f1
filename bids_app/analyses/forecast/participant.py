"""Forecast scores of one fit: gains from windows of words ahead over the present word, with controls."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from bids_app.analyses.curves import curve_table
from bids_app.analyses.scoring import BrainScores, predict, score_brain, write_tests
from bids_app.analyses.writer import Writer
from bids_app.bids.targets import fill
from bids_app.encoding.ridge.held_out import HeldOutDesign
from bids_app.forecast.distance import best_distance
from bids_app.forecast.scores import forecast_scores
from bids_app.inputs.designs import N_RANDOM, Designs
from bids_app.inputs.parcels import find_parcels
from bids_app.inputs.responses import Responses
from bids_app.machine.budget import memory_mb, step
from bids_app.machine.notices import notice
from bids_app.settings import Settings

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]
DESC = "forecast"


def distances_of(settings: Settings) -> list[int]:
    """Distances to compute: the requested ones, and always the tested one, 0, and one in the past as a control."""
    distances = {*settings.distances, 0, settings.tested_distance}
    if min(distances) >= 0:
        distances.add(-max(1, abs(settings.tested_distance)))
    return sorted(distances)


def forecast(responses: Responses, designs: Designs, settings: Settings, writer: Writer) -> None:
    """Score every distance and the controls, test one distance, and write maps, distances and curves."""
    distances = distances_of(settings)
    designs.check(distances)
    added = sorted(set(distances) - set(settings.distances))
    if added:
        notice(
            logging.INFO,
            f"distances {' '.join(map(str, added))} are computed beside those of --distances: the tested one, 0, or a "
            "control in the past",
        )
    layer = settings.layers.single(designs.n_layers)
    fields = {
        "Layer": layer,
        "Layers": designs.n_layers,
        "Fraction": round(layer / designs.n_layers, 4),
        "Window": settings.window,
        "WordsPerVolume": round(designs.words_per_volume, 3),
    }
    title = f"{designs.model.label}: forecast from layer {layer}"
    with step(f"{title}, {len(distances)} distances and {N_RANDOM} controls", settings):
        base, gains, random = _scores(responses, designs, layer, distances, settings)
    with step(f"{title}, test of distance {settings.tested_distance}", settings):
        test = _test(responses, designs, layer, settings)
    tested, names = [name_of(settings.tested_distance)], [name_of(distance) for distance in distances]

    def write(desc: str, stat: str, values: Floats, names: list[str], **extra: object) -> None:
        writer.maps(desc, stat, fill(values, responses.valid), names, **fields, **extra)

    write(f"{DESC}base", "r", base, ["present"])
    write(f"{DESC}random", "r", random, [f"random-{n + 1}" for n in range(N_RANDOM)])
    write(f"{DESC}distance", "d", best_distance(gains, distances), ["distance"], Distances=distances)
    extra = {"TestedDistance": settings.tested_distance}
    write_tests(writer, DESC, [test], responses.valid, tested, **fields, **extra)
    writer.table(DESC, curve_table(distances, gains, random, base, responses, settings))
    write(DESC, "r", gains, names, Distances=distances, **extra)


def name_of(distance: int) -> str:
    """Name of the map of a distance.

    >>> name_of(8), name_of(-3)
    ('distance+8', 'distance-3')
    """
    return f"distance{distance:+d}"


def _scores(
    responses: Responses, designs: Designs, layer: int, distances: list[int], settings: Settings
) -> tuple[Floats, Floats, Floats]:
    """R of the present word (n_targets,), F of each distance, F of each draw of random words (n, n_targets)."""

    def windows() -> Iterator[HeldOutDesign]:
        for distance in distances:
            log.debug("forecast at distance %d", distance)
            yield designs.with_window(layer, distance)
        for draw in range(N_RANDOM):
            yield designs.with_random(layer, draw)

    scores = forecast_scores(
        designs.present(layer),
        windows(),
        responses.data,
        settings.alphas,
        device=settings.device,
        mem_mb=memory_mb(settings),
    )
    return scores.base, scores.gains[: len(distances)], scores.gains[len(distances) :]


def _test(responses: Responses, designs: Designs, layer: int, settings: Settings) -> BrainScores:
    """The gain at the tested distance, and its test."""
    pair = (designs.with_window(layer, settings.tested_distance), designs.present(layer))

    def both(data: Floats) -> tuple[Floats, Floats]:
        window, present = (predict(design, data, settings).predictions for design in pair)
        return window, present

    parcels = find_parcels(responses, settings)
    return score_brain(both, both(responses.data), responses, pair[0].pairs, settings, parcels)
