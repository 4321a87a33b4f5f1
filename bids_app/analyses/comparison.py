"""Tables of the group level: scores per network with intervals, and the comparison of models."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.collection import Collection
from bids_app.analyses.significance import FEWEST_FOR_STATISTICS
from bids_app.bids.catalogue import MODEL_COMPARISON, SCORE_COLUMNS
from bids_app.bids.derivatives import read_table, write_sidecar, write_table
from bids_app.bids.outputs import OutputMap, each_output, find_outputs
from bids_app.machine.agreement import is_superseded
from bids_app.stats.intervals import bootstrap_interval, percentile_interval, resampled_means
from bids_app.stats.signed_rank import signed_rank

Doubles = npt.NDArray[np.float64]
Row = dict[str, Any]

MEASURES = ("involvement_entropy", "atom_diversity", "compactness", "active", "deactive")


def write_scores(collection: Collection, out_dir: Path, desc: str) -> None:
    """Write the mean score of each network (or parcel) and map, with a bootstrap interval over participants.

    Regions of the second atlas appear in the tables of the forecast, with their brain scores.
    """
    tables = [
        summarise(values).assign(map=collection.names, region=region)
        for (atlas, region), values in collection.region_means(out_dir).items()
        if atlas != "regions"
    ]
    collection.writer(out_dir).table(desc, pd.concat(tables))


def summarise(values: Doubles) -> pd.DataFrame:
    """Mean, interval and signed-rank p of each column: values (n_participants, n_columns), NaN only as whole columns.

    The columns of the table are those of `SUMMARY_COLUMNS`; intervals and p are NaN for one participant.
    """
    table = pd.DataFrame({"mean": values.mean(axis=0), "low": np.nan, "high": np.nan, "p": np.nan})
    if len(values) >= FEWEST_FOR_STATISTICS:
        table["low"], table["high"] = percentile_interval(resampled_means(values))
        table["p"] = signed_rank(values[:, None], np.asarray(np.isfinite(values).all(axis=0)))[1][0]
    return table.assign(participants=len(values))


def write_model_comparison(out_dir: Path, rows: Iterable[Row] = (), counted: Container[str] | None = None) -> None:
    """Write group/model-comparison.tsv: one row per data, model and measure, with intervals over participants.

    Long format, with the columns of `MODEL_COMPARISON`. `rows` are those of `model_row`; others come from tables in
    OUT_DIR. `counted` are the participants to include, None for all.
    """
    table = pd.DataFrame([*rows, *_score_rows(out_dir), *_organisation_rows(out_dir, counted)])
    if table.empty:
        return
    path, columns = out_dir / MODEL_COMPARISON.pattern, MODEL_COMPARISON.columns
    table = table[list(columns)].sort_values(["data", "analysis", "measure", "model"], kind="stable")
    write_table(path, table)
    write_sidecar(path, [], {}, columns=columns)


def model_row(entities: Mapping[str, str], measure: str, values: npt.ArrayLike) -> Row:
    """One measure of a model: `values` (n_participants,), NaN for a participant without it."""
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    low, high = bootstrap_interval(known)
    mean = float(known.mean()) if len(known) else float("nan")
    row = {"measure": measure, "mean": mean, "low": low, "high": high, "participants": len(known)}
    return {**_identity(entities), **row}


def _score_rows(out_dir: Path) -> Iterator[Row]:
    """Whole-brain scores of each model; of several layers, the best."""
    for output in find_outputs(out_dir, "networks", level="group"):
        table = read_table(output.paths[0])
        if list(table.columns) != list(SCORE_COLUMNS):
            continue
        whole = table[table["region"] == "all"]
        best = whole.iloc[int(whole["mean"].to_numpy().argmax())]
        measure = f"r ({best['map']})" if len(whole) > 1 else "r"
        yield {**_identity(output.entities), "measure": measure, **best[["mean", "low", "high", "participants"]]}


def _organisation_rows(out_dir: Path, counted: Container[str] | None) -> Iterator[Row]:
    """Measures of the organisation of a model, from the table of each participant."""
    groups: dict[tuple[str, ...], tuple[OutputMap, dict[str, list[float]]]] = {}
    for output in each_output(out_dir, "networks"):
        if not output.entities["desc"].startswith("organisation") or is_superseded(out_dir, output):
            continue
        if counted is not None and output.participant not in counted:
            continue
        table = read_table(output.paths[0]).set_index("network")
        _, collected = groups.setdefault(tuple(_identity(output.entities).values()), (output, {}))
        for measure in MEASURES:
            collected.setdefault(measure, []).append(float(table[measure]["all"]))
        networks = table.drop(index="all")
        collected.setdefault("consistency", []).append(float(networks["consistency"].mean()))
    for output, measures in groups.values():
        for measure, values in measures.items():
            yield model_row(output.entities, measure, values)


def _identity(entities: Mapping[str, str]) -> dict[str, str]:
    shown = [f"{k}-{entities[k]}" for k in ("task", "space", "den", "seg") if k in entities]
    return {
        "data": " ".join(shown) or "all",
        "model": entities.get("model", ""),
        "analysis": entities["desc"],
    }
