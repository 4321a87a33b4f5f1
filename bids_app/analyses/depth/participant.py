"""Forecast depth of one fit: the layer whose words ahead add most."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bids_app.analyses.curves import depth_table
from bids_app.analyses.depth.options import DepthOptions
from bids_app.analyses.writer import Writer
from bids_app.bids.targets import fill
from bids_app.forecast.depth import best_layer, fraction_of_depth
from bids_app.forecast.scores import forecast_scores
from bids_app.inputs.designs import Designs
from bids_app.inputs.responses import Responses
from bids_app.machine.budget import memory_mb, step

Floats = npt.NDArray[np.float32]
DESC = "forecastdepth"


def depth(responses: Responses, designs: Designs, settings: DepthOptions, writer: Writer) -> None:
    """Score the tested distance with present words and window of each layer; write scores and best layers."""
    designs.check([settings.tested_distance])
    layers = list(range(1, designs.n_layers + 1))
    gains = np.stack([_gain(responses, designs, layer, settings) for layer in layers])
    fractions = fraction_of_depth(np.array(layers), designs.n_layers).astype(np.float32)
    fields = {
        "Layers": layers,
        "Fractions": fractions.round(4).tolist(),
        "TestedDistance": settings.tested_distance,
        "Window": settings.window,
    }
    best = best_layer(gains)
    share = fraction_of_depth(best, designs.n_layers).astype(np.float32)
    writer.table(DESC, depth_table(gains, layers, fractions, responses, settings))
    writer.maps(DESC, "k", fill(best, responses.valid), ["layer"], **fields)
    writer.maps(DESC, "fraction", fill(share, responses.valid), ["fraction"], **fields)
    names = [f"layer-{layer:02d}" for layer in layers]
    writer.maps(DESC, "r", fill(gains, responses.valid), names, **fields)


def _gain(responses: Responses, designs: Designs, layer: int, settings: DepthOptions) -> Floats:
    with step(f"{designs.model.label}: forecast from layer {layer}", settings):
        scores = forecast_scores(
            designs.present(layer),
            [designs.with_window(layer, settings.tested_distance)],
            responses.data,
            settings.alphas,
            device=settings.device,
            mem_mb=memory_mb(settings),
        )
    gain: Floats = scores.gains[0]
    return gain
