"""Curves of one participant per region: the forecast score over distances and over layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.bids.targets import fill
from bids_app.inputs.regions import region_targets
from bids_app.inputs.responses import Responses
from bids_app.shared_options.run import Places

Floats = npt.NDArray[np.float32]


def curve_table(
    distances: Sequence[int], gains: Floats, random: Floats, base: Floats, responses: Responses, settings: Places
) -> pd.DataFrame:
    """Mean over each region of gains (n_distances, n_valid), random (n_draws, n_valid) and base (n_valid,)."""
    rows = []
    everything = np.concatenate([base[None], random.mean(axis=0)[None], gains])
    for atlas, region, (present, control, *curve) in region_means(everything, responses, settings):
        shared = {"atlas": atlas, "region": region, "base": present}
        rows += [shared | {"window": "distance", "distance": d, "r": r} for d, r in zip(distances, curve, strict=True)]
        rows.append(shared | {"window": "random", "distance": None, "r": control})
    return pd.DataFrame(rows).astype({"distance": "Int64"})


def depth_table(
    gains: Floats, layers: Sequence[int], fractions: Floats, responses: Responses, settings: Places
) -> pd.DataFrame:
    """Mean over each region of gains (n_layers, n_valid)."""
    rows = [
        {"atlas": atlas, "region": region, "layer": layer, "fraction": round(float(fraction), 4), "r": r}
        for atlas, region, means in region_means(gains, responses, settings)
        for layer, fraction, r in zip(layers, fractions, means, strict=True)
    ]
    return pd.DataFrame(rows)


def region_means(values: Floats, responses: Responses, settings: Places) -> Iterator[tuple[str, str, list[float]]]:
    """Atlas, region, and the mean over its targets of each map, (n_maps, n_valid)."""
    everything = fill(values, responses.valid)
    for atlas, region, targets in region_targets(responses.geometry, settings.out_dir):
        yield atlas, region, _means(everything, targets)


def _means(maps: Floats, targets: npt.NDArray[np.int64]) -> list[float]:
    """Mean of each map over the targets with a value, NaN without any."""
    inside = maps[:, targets].astype(np.float64)
    count = np.isfinite(inside).sum(axis=1)
    total = np.nansum(inside, axis=1)
    means: list[float] = np.divide(total, count, out=np.full(len(maps), np.nan), where=count > 0).tolist()
    return means
