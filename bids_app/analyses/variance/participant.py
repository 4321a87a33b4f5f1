"""Unique variance of present, future and past words for one fit."""

from __future__ import annotations

import numpy as np

from bids_app.analyses.writer import Writer
from bids_app.bids.targets import fill
from bids_app.inputs.designs import Designs
from bids_app.inputs.responses import Responses
from bids_app.machine.budget import memory_mb, step
from bids_app.settings import Settings

DESC = "variance"


def variance(responses: Responses, designs: Designs, settings: Settings, writer: Writer) -> None:
    """Fit the three spaces jointly by banded ridge, leave out each in turn, and write the differences."""
    from bids_app.forecast.variance import unique_variance

    ahead = abs(settings.tested_distance)
    designs.check([ahead, -ahead])
    layer = settings.layers.single(designs.n_layers)
    spaces = {
        "present": designs.present_sums(layer),
        "future": designs.window_sums(layer, ahead),
        "past": designs.window_sums(layer, -ahead),
    }
    with step(f"{designs.model.label}: unique variance of layer {layer}", settings):
        result = unique_variance(
            spaces,
            responses.data,
            designs.run_lengths,
            designs.pipeline,
            alphas=settings.alphas,
            n_candidates=settings.banded_candidates,
            seed=settings.random_seed,
            device=settings.device,
            mem_mb=memory_mb(settings),
        )
    maps = np.stack([result.total, *(result.unique[name] for name in spaces)])
    fields = {"Layer": layer, "Spaces": list(spaces), "FutureDistance": ahead, "PastDistance": -ahead}
    names = ["total", *spaces]
    writer.maps(DESC, "r2", fill(maps, responses.valid), names, Window=settings.window, **fields)
