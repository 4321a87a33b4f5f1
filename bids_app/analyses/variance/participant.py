"""Unique variance of present, future and past words for one fit."""

from __future__ import annotations

import numpy as np

from bids_app.analyses.variance.options import VarianceOptions
from bids_app.analyses.writer import Writer
from bids_app.bids.targets import fill
from bids_app.forecast.variance import variance_of, weightings
from bids_app.inputs.designs import Designs
from bids_app.inputs.responses import Responses
from bids_app.machine.budget import memory_mb, step

DESC = "variance"


def variance(responses: Responses, designs: Designs, settings: VarianceOptions, writer: Writer) -> None:
    """Fit the three spaces jointly by banded ridge, leave out each in turn, and write the differences."""
    ahead = abs(settings.tested_distance)
    designs.check([ahead, -ahead])
    layer = settings.layers.single(designs.n_layers)
    spaces = ["present", "future", "past"]
    with step(f"{designs.model.label}: unique variance of layer {layer}", settings):
        weights, models = weightings(len(spaces), settings.banded_candidates, settings.random_seed)
        result = variance_of(
            designs.around(layer, ahead, weights),
            models,
            spaces,
            responses.data,
            settings.alphas,
            device=settings.device,
            mem_mb=memory_mb(settings),
        )
    maps = np.stack([result.total, *(result.unique[name] for name in spaces)])
    fields = {"Layer": layer, "Spaces": spaces, "FutureDistance": ahead, "PastDistance": -ahead}
    names = ["total", *spaces]
    writer.maps(DESC, "r2", fill(maps, responses.valid), names, Window=settings.window, **fields)
