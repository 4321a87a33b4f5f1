"""Forecast scores of one fit over distances: gains from windows of words over the present word, with controls."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_app.analyses.curves import curve_table
from bids_app.analyses.distance_outputs import DistanceScore
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
from bids_app.shared_options.scores import DistanceOptions

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]


def distances_of(settings: DistanceOptions, *tested: int) -> list[int]:
    """Distances to compute: the requested ones, and always the tested ones, 0, and one in the past as a control."""
    distances = {*settings.distances, 0, *tested}
    if min(distances) >= 0:
        distances.add(-max(1, *(abs(distance) for distance in tested)))
    return sorted(distances)


def checked_distances(designs: Designs, settings: DistanceOptions, *tested: int) -> list[int]:
    """`distances_of`, with a message on those that were not asked for.

    Raises ValueError if the stories are too short for them.
    """
    distances = distances_of(settings, *tested)
    designs.check(distances)
    added = sorted(set(distances) - set(settings.distances))
    if added:
        notice(
            logging.INFO,
            f"distances {' '.join(map(str, added))} are computed beside those of --distances: the tested one, 0, or a "
            "control in the past",
        )
    return distances


@dataclass(frozen=True)
class DistanceScoring:
    """The computation of one forecast score of a fit.

    Attributes
    ----------
    score : its names
    distances : in words, ascending
    tested : the distance that is tested, one of them
    """

    score: DistanceScore
    responses: Responses
    designs: Designs
    settings: DistanceOptions
    distances: list[int]
    tested: int

    def write(self, writer: Writer, *, with_base: bool = True) -> None:
        """Score every distance and the controls, test one distance, and write maps, distances and curves."""
        title = f"{self.designs.model.label}: {self.score.desc} from layer {self._layer}"
        with step(f"{title}, {len(self.distances)} distances and {N_RANDOM} controls", self.settings):
            base, gains, random = self._scores()
        with step(f"{title}, test of distance {self.tested}", self.settings):
            test = self._test()
        names, desc, fields = [name_of(distance) for distance in self.distances], self.score.desc, self._fields

        def write(desc: str, stat: str, values: Floats, names: list[str], **extra: object) -> None:
            writer.maps(desc, stat, fill(values, self.responses.valid), names, **fields, **extra)

        if with_base:
            write(self.score.base, "r", base, ["present"])
        write(f"{desc}random", "r", random, [f"random-{n + 1}" for n in range(N_RANDOM)])
        write(f"{desc}distance", "d", best_distance(gains, self.distances), ["distance"], Distances=self.distances)
        extra = {"TestedDistance": self.tested}
        write_tests(writer, desc, [test], self.responses.valid, [name_of(self.tested)], **fields, **extra)
        writer.table(desc, curve_table(self.distances, gains, random, base, self.responses, self.settings))
        write(desc, "r", gains, names, Distances=self.distances, **extra)

    @property
    def _layer(self) -> int:
        return self.settings.layers.single(self.designs.n_layers)

    @property
    def _fields(self) -> dict[str, object]:
        return {
            "Layer": self._layer,
            "Layers": self.designs.n_layers,
            "Fraction": round(self._layer / self.designs.n_layers, 4),
            "Window": self.settings.window,
            "WordsPerVolume": round(self.designs.words_per_volume, 3),
        }

    def _scores(self) -> tuple[Floats, Floats, Floats]:
        """R of the present word (n_targets,), F of each distance, F of each draw of random words (n, n_targets)."""

        def windows() -> Iterator[HeldOutDesign]:
            for distance in self.distances:
                log.debug("%s at distance %d", self.score.desc, distance)
                yield self.designs.with_window(self._layer, distance)
            for draw in range(N_RANDOM):
                yield self.designs.with_random(self._layer, draw, self.tested)

        scores = forecast_scores(
            self.designs.present(self._layer),
            windows(),
            self.responses.data,
            self.settings.alphas,
            device=self.settings.device,
            mem_mb=memory_mb(self.settings),
        )
        n_distances = len(self.distances)
        return scores.base, scores.gains[:n_distances], scores.gains[n_distances:]

    def _test(self) -> BrainScores:
        """The gain at the tested distance, and its test."""
        pair = (self.designs.with_window(self._layer, self.tested), self.designs.present(self._layer))

        def both(data: Floats) -> tuple[Floats, Floats]:
            window, present = (predict(design, data, self.settings).predictions for design in pair)
            return window, present

        parcels = find_parcels(self.responses, self.settings)
        return score_brain(both, both(self.responses.data), self.responses, pair[0].pairs, self.settings, parcels)


def name_of(distance: int) -> str:
    """Name of the map of a distance.

    >>> name_of(8), name_of(-3)
    ('distance+8', 'distance-3')
    """
    return f"distance{distance:+d}"
