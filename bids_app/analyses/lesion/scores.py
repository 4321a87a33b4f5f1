"""Held-out scores of networks with the features of a lesioned model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bids_app.analyses.lesion.readings import LesionJob, Readings
from bids_app.encoding.design.pipeline import FeaturePipeline
from bids_app.encoding.ridge.held_out import HeldOutDesign, design_held_out, score_held_out
from bids_app.inputs.designs import inner_of, lengths_of, pipeline_of
from bids_app.inputs.pieces import network_pieces
from bids_app.inputs.responses import Responses
from bids_app.machine.budget import memory_mb
from bids_app.networks.atlas import Atlas
from bids_app.networks.conditional import NetworkSeries, network_series
from bids_app.settings import Settings

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
EVERYWHERE = "all"


@dataclass(frozen=True)
class NetworkScores:
    """Scores of networks under each lesion.

    Attributes
    ----------
    names : networks with data, and `all`
    r : (n_lesions, n_names) mean over the pieces of a network of the held-out r of each
    """

    names: tuple[str, ...]
    r: Doubles

    @property
    def drops(self) -> Doubles:
        """What each lesion costs, (n_lesions, n_names): r of the intact model minus r."""
        return np.asarray(self.r[0] - self.r)

    def column(self, name: str) -> int | None:
        """The column of a network; None if it has no data."""
        return self.names.index(name) if name in self.names else None


@dataclass(frozen=True)
class Scorer:
    """Scores the features that a run's volumes get under each lesion.

    Attributes
    ----------
    pieces : responses of the pieces of networks
    """

    responses: Responses
    pieces: NetworkSeries
    network_names: tuple[str, ...]
    job: LesionJob

    @classmethod
    def make(cls, responses: Responses, atlas: Atlas, job: LesionJob) -> Scorer:
        """Average the responses of the pieces of networks."""
        labels = np.where(responses.valid, atlas.labels, 0)
        pieces = network_pieces(responses.geometry, atlas.labels, job.settings)
        series = network_series(
            responses.data, labels[responses.valid], pieces.of_targets[responses.valid], len(atlas.network_names)
        )
        return cls(responses, series, tuple(atlas.network_names), job)

    def states(self, readings: Sequence[Readings], row: int) -> HeldOutDesign:
        """The design of the brain score under one lesion."""
        responses, settings = self.responses, self.job.settings
        pipeline = pipeline_of(responses.timings, self.job.stories, settings)
        X = np.concatenate([np.asarray(reading.sums[self.job.plan.reading_of[row]]) for reading in readings])
        return _design(X, lengths_of(responses.timings), pipeline, settings)

    def courses(self, readings: Sequence[Readings], row: int) -> HeldOutDesign:
        """The design of the atoms' or families' time courses under one lesion."""
        responses, settings = self.responses, self.job.settings
        pipeline = pipeline_of(responses.timings, self.job.stories, settings)
        X = np.concatenate([np.asarray(reading.courses[self.job.plan.reading_of[row]]) for reading in readings])
        plain = replace(pipeline, n_components=None, delays=(0,), kept=None)
        return _design(X, responses.run_lengths, plain, settings)

    def networks(self, design_of: Callable[[int], HeldOutDesign]) -> NetworkScores:
        """Score each network under each lesion."""
        data = self.pieces.series.astype(np.float32)
        plan = self.job.plan
        of_sets = np.stack([score(design_of(row), data, self.job.settings) for row in plan.different])
        r = of_sets[plan.reading_of]
        present = self.pieces.present
        means = [r[:, self.pieces.of(network)].mean(axis=1, dtype=np.float64) for network in present]
        names = (*(self.network_names[network] for network in present), EVERYWHERE)
        return NetworkScores(names, np.stack([*means, r.mean(axis=1, dtype=np.float64)], axis=1))


def score(design: HeldOutDesign, data: Floats, settings: Settings) -> Floats:
    """Held-out r of each column of `data`, (n_columns,)."""
    r, _ = score_held_out(design, data, settings.alphas, device=settings.device, mem_mb=memory_mb(settings))
    return r


def _design(X: Floats, lengths: Sequence[int], pipeline: FeaturePipeline, settings: Settings) -> HeldOutDesign:
    return design_held_out(X, lengths, pipeline, inner=inner_of(settings), device=settings.device)
