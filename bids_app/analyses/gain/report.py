"""The section on fine-tuned models: maps of the gain, its curves over α, and scores beside perplexity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.forecast_files import gain, passing_at
from bids_app.analyses.gain.charts import draw_gains, draw_perplexity
from bids_app.report import html
from bids_app.report.curves import WHOLE, charted_atlas, column
from bids_app.report.page import Page
from bids_app.report.panels import Panel
from bids_app.report.results import SIGNIFICANT, Results, mean_of
from bids_app.report.scales import signed_scale

Array = npt.NDArray[Any]

_STATS = ("r", "mean")
_LABEL = "gain in held-out r"


def gain_map(page: Page, results: Results) -> str:
    """Map of the gain of one training over the model of words alone."""
    maps = results.maps("gain", _STATS)
    title = training_title(results)
    if maps is None:
        if title is None:
            return html.missing("No gain: this model was not made by n2n finetune (analysis gain).")
        return html.missing(f"{title}: the model trained on words alone, which the others are compared with.")
    test = passing_at(results, maps, "gain", "gain")
    panel = Panel(f"R(α) − R(0): {title}", maps.values[0], test)
    caption = f"{title}. Brain score minus that of the model trained as long on words alone (α = 0), mean over "
    caption += f"checkpoints. Mean everywhere: {gain(mean_of(maps.values[0]))}."
    if test is not None:
        caption += f" Full colour: q < {SIGNIFICANT:g}, in {np.count_nonzero(test):,} of {maps.geometry.n_targets:,} "
        caption += f"{maps.unit}."
    caption += " Red: gains; blue: losses."
    scale = signed_scale([maps.values[0]], _LABEL, 0.0)
    note = results.noted(["gain"], "Note")
    image = page.add_maps([panel], maps.geometry, scale, results, "gain", caption)
    return image + (html.missing(str(note)) if note else "")


def training_title(results: Results) -> str | None:
    """How a model was trained, in words; None for a model that was not fine-tuned."""
    alpha = results.noted(["finetuned"], "Alpha")
    if alpha is None:
        return None
    control = results.noted(["finetuned"], "Control")
    return f"α = {float(alpha):g}" + (f", control {control}" if control else "")


def gain_models(page: Page, all_results: Sequence[Results]) -> str:
    """Curves of the gain over α with the controls, and the brain score of each checkpoint beside its perplexity."""
    blocks = [_curves(page, all_results), _perplexity(page, all_results)]
    return "\n".join(block for block in blocks if block) or html.missing("No tables of fine-tuned models.")


def gathered(all_results: Sequence[Results], desc: str) -> pd.DataFrame:
    """The tables of all models, below each other, with the score as `y`; empty without any."""
    tables = [table for results in all_results if (table := results.table(desc)) is not None]
    if not tables:
        return pd.DataFrame()
    return pd.concat([table.assign(**{name: column(table, name) for name in ("y", "low", "high")}) for table in tables])


def _curves(page: Page, all_results: Sequence[Results]) -> str:
    table = gathered(all_results, "gain")
    if table.empty:
        return html.missing("No gain: there is no model of α above 0 beside that of α = 0.")
    atlas = charted_atlas(table.drop_duplicates(["atlas", "region"])["atlas"].tolist())
    table = table[table["atlas"].isin([WHOLE, atlas])]
    caption = "Gain in brain score over the model trained as long on words alone, over the share α of the loss of high "
    caption += (
        "level. Controls: targets 1 token ahead (near), embeddings (low), of another document (shuffled): a gain "
    )
    caption += "that a control has too is no effect of forecasting states of this layer at this distance."
    if np.isfinite(table["low"]).any():
        caption += " Bands: 95 % bootstrap intervals over participants."
    own = table[(table["region"] == WHOLE)]
    said = "; ".join(f"{_named(row.alpha, row.control)}: {gain(float(str(row.y)))}" for row in own.itertuples())
    figure = draw_gains(table)
    alt = f"{caption} Everywhere: {said}."
    image = page.add(figure, _of_all(all_results), "gains", alt=alt, caption=caption, ending="svg")
    return f'<p class="takeaway">{html.escape(say_gains(table))}</p>\n{image}'


def say_gains(table: pd.DataFrame) -> str:
    """The mean gain at the highest α and with each control, and the region that gains most, in a sentence or two."""
    own = table[table["region"] == WHOLE].sort_values("alpha").groupby("control", sort=False).tail(1)
    phrases = [_say_gain(row) for row in own.sort_values("control", key=lambda names: names != "none").itertuples()]
    words = f"The mean brain score changes by {'; by '.join(phrases)}."
    regions = table[(table["region"] != WHOLE) & (table["control"] == "none")]
    regions = regions[regions["alpha"] == regions["alpha"].max()].dropna(subset="y")
    if regions.empty:
        return words
    best = regions.loc[regions["y"].idxmax()]
    return f"{words} The highest gain is that of {best['region']}: {gain(float(best['y']))}."


def _say_gain(row: Any) -> str:
    interval = f", 95 % interval {gain(row.low)} to {gain(row.high)}" if np.isfinite(row.low) else ""
    kind = "with training to forecast" if row.control == "none" else f"with the control {row.control}"
    return f"{gain(float(row.y))} {kind} (α = {row.alpha:g}{interval})"


def _named(alpha: object, control: object) -> str:
    return f"α {float(str(alpha)):g}" + ("" if control == "none" else f" {control}")


def _perplexity(page: Page, all_results: Sequence[Results]) -> str:
    table = gathered(all_results, "finetuned")
    if table.empty:
        return ""
    table = table[(table["region"] == WHOLE) & table["step"].notna()]
    caption = "Brain score, mean over all targets, beside perplexity on held-out text; a line for each training, a dot "
    caption += (
        "for each checkpoint, the last one large. A model that reads words worse may score worse for that reason."
    )
    last = table.sort_values("step").groupby(["alpha", "control"], sort=True).tail(1)
    said = "; ".join(
        f"{_named(row.alpha, row.control)}: perplexity {row.perplexity:.1f}, R {row.y:.4f}" for row in last.itertuples()
    )
    figure = draw_perplexity(table)
    image = page.add(
        figure, _of_all(all_results), "perplexity", alt=f"{caption} {said}.", caption=caption, ending="svg"
    )
    shown = table[["alpha", "control", "step", "perplexity", "y"]].rename(columns={"y": "brain score"})
    return image + html.details("Table: perplexity beside brain score", html.table(shown, most_rows=200))


def _of_all(all_results: Sequence[Results]) -> Results:
    """Results without an output of a single model, for figures of several models."""
    first = all_results[0]
    return Results({key: value for key, value in first.entities.items() if key != "model"}, ())


def gain_cell(results: Results) -> str:
    """The mean gain over all targets."""
    maps = results.maps("gain", _STATS)
    return "" if maps is None else html.cell(gain(mean_of(maps.values[0])), training_title(results) or "")
