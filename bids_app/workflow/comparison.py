"""Tables of the group level: scores per network with intervals, and models side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import wilcoxon

from bids_app.bids.derivatives import output_path, read_table, write_sidecar, write_table
from bids_app.bids.geometry import ParcelGeometry
from bids_app.bids.outputs import OutputMap, find_outputs
from bids_app.networks.organisation import bootstrap_interval
from bids_app.workflow.atlases import read_atlas

if TYPE_CHECKING:
    from bids_app.workflow.group import Collection

SCORE_COLUMNS = {
    "map": "Map that was averaged: a layer, or the whole fit.",
    "region": "Network, parcel, or `all` for every target.",
    "mean": "Mean over participants of the mean r over the region's targets.",
    "low": "Lower end of the 95 % bootstrap interval over participants.",
    "high": "Upper end of the 95 % bootstrap interval over participants.",
    "p": "Two-sided p of the signed-rank test over participants.",
    "participants": "Number of participants.",
}
MEASURES = ("involvement_entropy", "atom_diversity", "compactness", "active", "deactive")


def write_scores(collection: Collection, out_dir: Path, what: str) -> None:
    """Write the mean score of each network (or parcel) and map, with a bootstrap interval over participants."""
    rows = []
    for region, targets in _regions(collection, out_dir):
        values = np.nanmean(collection.maps[:, :, targets].astype(np.float64), axis=2)  # (n_participants, n_maps)
        for name, column in zip(collection.names, values.T, strict=True):
            rows.append({"map": name, "region": region, **_summary(column)})
    entities = {key: value for key, value in collection.entities.items() if key not in ("desc", "stat")}
    path = output_path(out_dir, {**entities, "desc": what}, "networks", ".tsv")
    write_table(path, pd.DataFrame(rows)[list(SCORE_COLUMNS)])
    write_sidecar(path, [], collection.numbers, columns=SCORE_COLUMNS)


def _regions(collection: Collection, out_dir: Path) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """Names and targets: everything, then each network, then each parcel."""
    everyone = collection.complete
    yield "all", np.flatnonzero(everyone)
    atlas = read_atlas(collection.geometry, out_dir)
    if atlas is not None:
        for number, network in enumerate(atlas.network_names, start=1):
            targets = np.flatnonzero(everyone & (atlas.labels == number))
            if len(targets):
                yield network, targets
    if isinstance(collection.geometry, ParcelGeometry):
        for number, name in enumerate(collection.geometry.names):
            if everyone[number]:
                yield name, np.array([number])


def _summary(values: npt.NDArray[np.float64]) -> dict[str, float | int]:
    """Mean, interval and signed-rank p of one number per participant."""
    finite = values[np.isfinite(values)]
    low, high = bootstrap_interval(finite)
    tested = len(finite) > 1 and bool(np.any(finite != 0))
    p = float(wilcoxon(finite, zero_method="zsplit").pvalue) if tested else float("nan")
    mean = float(finite.mean()) if len(finite) else float("nan")
    return {"mean": mean, "low": low, "high": high, "p": p, "participants": len(finite)}


def write_model_comparison(out_dir: Path) -> None:
    """Write group/model-comparison.tsv: one row per data, model and measure, with intervals over participants.

    Long format: `data` (task and space), `model`, `analysis`, `measure`, then mean, low, high, participants.
    """
    rows = [*_score_rows(out_dir), *_organisation_rows(out_dir)]
    if not rows:
        return
    columns = {
        "data": "Task, and space or segmentation.",
        "model": "Language model.",
        "analysis": "Entity desc of the files behind the row.",
        "measure": "What is compared.",
        "mean": "Mean over participants.",
        "low": "Lower end of the 95 % bootstrap interval over participants.",
        "high": "Upper end of the 95 % bootstrap interval over participants.",
        "participants": "Number of participants.",
    }
    path = out_dir / "group" / "model-comparison.tsv"
    table = pd.DataFrame(rows)[list(columns)].sort_values(["data", "analysis", "measure", "model"], kind="stable")
    write_table(path, table)
    write_sidecar(path, [], {}, columns=columns)


def _score_rows(out_dir: Path) -> Iterator[dict[str, Any]]:
    """Whole-brain scores of each model, the best layer's where there are several."""
    for output in find_outputs(out_dir, "networks", level="group"):
        table = read_table(output.paths[0])
        if "region" not in table:
            continue
        whole = table[table["region"] == "all"]
        best = whole.iloc[int(whole["mean"].to_numpy().argmax())]
        measure = f"r ({best['map']})" if len(whole) > 1 else "r"
        yield {**_identity(output), "measure": measure, **best[["mean", "low", "high", "participants"]]}


def _organisation_rows(out_dir: Path) -> Iterator[dict[str, Any]]:
    """Measures of a model's organisation, from each participant's own table."""
    values: dict[tuple[str, ...], dict[str, list[float]]] = {}
    for output in find_outputs(out_dir, "networks"):
        if not output.entities["desc"].startswith("organisation"):
            continue
        table = read_table(output.paths[0]).set_index("network")
        own = values.setdefault(tuple(_identity(output).values()), {measure: [] for measure in MEASURES})
        for measure in MEASURES:
            own[measure].append(float(table[measure]["all"]))
        networks = table.drop(index="all")
        own.setdefault("consistency", []).append(float(networks["consistency"].mean()))
    for (data, model, analysis), measures in values.items():
        for measure, numbers in measures.items():
            summary = _summary(np.asarray(numbers))
            kept = {key: summary[key] for key in ("mean", "low", "high", "participants")}
            yield {"data": data, "model": model, "analysis": analysis, "measure": measure, **kept}


def _identity(output: OutputMap) -> dict[str, str]:
    shown = [f"{k}-{output.entities[k]}" for k in ("task", "space", "seg") if k in output.entities]
    return {
        "data": " ".join(shown) or "all",
        "model": output.entities.get("model", ""),
        "analysis": output.entities["desc"],
    }
