"""The group level of fine-tuned models: scores and gains over participants."""

from __future__ import annotations

import pandas as pd

from bids_app.analyses.collection import Collection
from bids_app.analyses.comparison import Row, model_row, summarise
from bids_app.analyses.gain.curves import training_columns, with_steps
from bids_app.analyses.gain.options import GainOptions
from bids_app.analyses.region_tables import EVERYWHERE, of_region, too_few
from bids_app.analyses.significance import write_statistics
from bids_app.wording import listed


def summarise_scores(scores: Collection, settings: GainOptions) -> list[Row]:
    """Write the maps and the table of the brain scores of one training, beside its perplexity."""
    out_dir, sidecar = settings.out_dir, scores.sidecar
    write_statistics(scores, out_dir, "finetuned", **too_few(scores, settings))
    names = ["mean", *(f"step-{number}" for number in sidecar["Steps"])]
    if scores.names != names:
        raise ValueError(f"{scores.title}: the maps are {listed(scores.names)}, but its sidecar lists {listed(names)}")
    steps = with_steps(sidecar["Steps"], sidecar["Perplexity"])
    regions = scores.region_means(out_dir)
    tables = [of_region(region, summarise(values).join(steps)) for region, values in regions.items()]
    columns = training_columns(sidecar["Alpha"], sidecar["Control"])
    scores.writer(out_dir).table("finetuned", pd.concat(tables).assign(**columns))
    return [model_row(scores.entities, "R (mean over checkpoints)", regions[EVERYWHERE][:, 0])]


def summarise_gain(gains: Collection, settings: GainOptions) -> list[Row]:
    """Write the maps and the table of the gain of one training; returns its row for the comparison of models."""
    out_dir, sidecar = settings.out_dir, gains.sidecar
    write_statistics(gains, out_dir, "gain", **too_few(gains, settings))
    regions = gains.region_means(out_dir)
    tables = [of_region(region, summarise(values)) for region, values in regions.items()]
    columns = training_columns(sidecar["Alpha"], sidecar["Control"])
    gains.writer(out_dir).table("gain", pd.concat(tables).assign(**columns))
    return [model_row(gains.entities, "R(α) - R(0)", regions[EVERYWHERE][:, 0])]
