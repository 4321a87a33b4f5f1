"""Scores of a model over the nuisance band: held-out fits of both together and of the band alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bids_app.analyses.evidence.options import EvidenceOptions
from bids_app.analyses.scoring import BrainScores, score_brain
from bids_app.encoding.ridge.banded import design_banded, predict_banded
from bids_app.encoding.ridge.held_out import HeldOutDesign, design_held_out
from bids_app.inputs.band import Band
from bids_app.inputs.designs import inner_of, lengths_of, pipeline_of
from bids_app.inputs.responses import Responses
from bids_app.machine.budget import memory_mb
from bids_app.stats.arrays import Floats
from bids_app.stats.correlation import r2

Integers = npt.NDArray[np.int64]

# Weights of the model and of the band. The first leaves the model out, so that a useless model costs nothing. Further
# weights change the mean R² of planted responses by less than 0.01 (`benchmarks.evidence`).
WEIGHTS = np.array([[0.0, 1.0], [0.9, 0.1]])
_JOINT, _BAND = tuple(range(len(WEIGHTS))), (0,)


@dataclass(frozen=True)
class OverBand:
    """What a model explains beyond the nuisance band, for each target (n_valid,).

    Attributes
    ----------
    gain : gain in held-out r of both over the band alone, with its p and q
    unique : loss of held-out R² without the model
    band : held-out r of the band alone
    halves : the gain on the odd and on the even folds, (2, n_valid)
    """

    gain: BrainScores
    unique: Floats
    band: Floats
    halves: Floats


def over_band(
    designs: Sequence[HeldOutDesign], responses: Responses, settings: EvidenceOptions, parcels: Integers | None
) -> OverBand:
    """Score both spaces together and the band alone; `designs` are those of `WEIGHTS`."""

    def predict(data: Floats) -> tuple[Floats, Floats]:
        both, band = predict_banded(
            designs,
            [_JOINT, _BAND],
            data,
            settings.alphas,
            device=settings.device,
            mem_mb=memory_mb(settings),
        )
        return both.predictions, band.predictions

    both, band = predict(responses.data)
    folds = designs[0].pairs
    gain = score_brain(predict, (both, band), responses, folds, settings, parcels)
    r_both, r_band = gain.of_folds
    halves = np.stack([(r_both - r_band)[start::2].mean(axis=0) for start in (0, 1)])
    unique = r2(both, responses.data) - r2(band, responses.data)
    return OverBand(gain, unique, r_band.mean(axis=0), halves)


def band_design(band: Band, responses: Responses, settings: EvidenceOptions) -> HeldOutDesign:
    """The design of the nuisance band alone, without reduction to components."""
    pipeline = replace(pipeline_of(responses.timings, band.stories, settings), n_components=None)
    lengths = lengths_of(responses.timings)
    return design_held_out(band.sums, lengths, pipeline, inner=inner_of(settings), device=settings.device)


def course_designs(
    courses: Floats, band: Band, responses: Responses, settings: EvidenceOptions
) -> tuple[HeldOutDesign, ...]:
    """Designs of time courses on the kept volumes (n_volumes, n_courses) beside the band, one for each of `WEIGHTS`.

    The time courses hold the haemodynamic response already, so that they have no delays. The band beside them is
    convolved in the same way: with delays, it would fit the response less closely than a time course that equals it.
    """
    pipeline = pipeline_of(responses.timings, band.stories, settings)
    convolved = np.concatenate([band.convolved(timing) for timing in responses.timings])
    content = None if pipeline.content is None else np.array(pipeline.content, dtype=np.int64)
    return design_banded(
        [lambda _: courses, lambda _: convolved],
        WEIGHTS,
        pipeline.folds(len(courses)),
        content,
        inner=inner_of(settings),
        device=settings.device,
    )
