"""The group level of forecast depth and unique variance, over participants."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bids_app.analyses.collection import Collection
from bids_app.analyses.comparison import Row, model_row, summarise
from bids_app.analyses.depth.options import DepthOptions
from bids_app.analyses.depth.outputs import GROUP_CURVES
from bids_app.analyses.region_tables import EVERYWHERE, PEAKS, Regions, interval_of, of_region, region_columns, too_few
from bids_app.analyses.significance import write_statistics
from bids_app.forecast.depth import best_layer, fraction_of_depth, group_layer

DESC = "forecastdepth"


def summarise_depth(scores: Collection, settings: DepthOptions) -> list[Row]:
    """Write the maps and tables of the forecast depth; returns the row of the model for the comparison of models."""
    out_dir, n_layers = settings.out_dir, len(scores.names)
    write_statistics(scores, out_dir, DESC, is_family_wise=False, **too_few(scores, settings))
    writer = scores.writer(out_dir)
    layers = scores.maps.of_curves(group_layer, scores.complete)
    fields = {**scores.shared_fields, "Participants": scores.participants}
    writer.maps(DESC, "k", layers, PEAKS, **fields)
    fractions = fraction_of_depth(layers, n_layers).astype(np.float32)
    writer.maps(DESC, "fraction", fractions, PEAKS, **fields)
    gains = scores.region_means(out_dir)
    writer.table(DESC, _layer_table(gains, n_layers))
    writer.table(f"{DESC}peak", _peak_table(gains, n_layers))
    own = fraction_of_depth(best_layer(gains[EVERYWHERE].T), n_layers)
    return [model_row(scores.entities, "k* / layers", own)]


def _layer_table(gains: Regions, n_layers: int) -> pd.DataFrame:
    layers = np.arange(1, n_layers + 1)
    fractions = fraction_of_depth(layers, n_layers).round(4)
    tables = [
        of_region(region, summarise(values).assign(layer=layers, fraction=fractions))
        for region, values in gains.items()
    ]
    return pd.concat(tables)[list(GROUP_CURVES.columns)]


def _peak_table(gains: Regions, n_layers: int) -> pd.DataFrame:
    group, participants_mean = group_layer(np.stack(list(gains.values()), axis=2))
    low, high = np.array([interval_of(values, best_layer) for values in gains.values()]).T
    return region_columns(gains).assign(
        group_curve=group,
        fraction=fraction_of_depth(group, n_layers).round(4),
        low=low,
        high=high,
        participants_mean=participants_mean,
        participants=[len(values) for values in gains.values()],
    )
