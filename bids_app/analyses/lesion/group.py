"""The group level of lesions: maps and tables over participants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bids_app.analyses.collection import Collection
from bids_app.analyses.comparison import Row, model_row, summarise
from bids_app.analyses.lesion.options import LesionOptions
from bids_app.analyses.lesion.tables import NO_CONTROL, against, specific
from bids_app.analyses.significance import write_statistics
from bids_app.bids.derivatives import output_path, read_table
from bids_app.stats.intervals import bootstrap_interval

_INDEX_KEYS = ["measure", "dose", "control"]


def summarise_lesions(collection: Collection, settings: LesionOptions) -> list[Row]:
    """Write the maps, the matrix, the index and the surprisal over participants."""
    out_dir, writer = settings.out_dir, collection.writer(settings.out_dir)
    write_statistics(collection, out_dir, collection.entities["desc"])
    writer.table("lesion", matrix_over_participants(_tables(collection, out_dir, "lesion")))
    index = index_over_participants(_tables(collection, out_dir, "lesiondraws"))
    writer.table("lesionindex", index)
    surprisal = _tables(collection, out_dir, "lesionsurprisal")
    if surprisal:
        writer.table("lesionsurprisal", surprisal_over_participants(surprisal))
    return list(_comparison(collection, _tables(collection, out_dir, "lesionindex")))


def _tables(collection: Collection, out_dir: Path, desc: str) -> list[pd.DataFrame]:
    """The table of each participant that has it."""
    tables = []
    for member in collection.members:
        entities = {key: value for key, value in member.entities.items() if key not in ("stat", "hemi")}
        path = output_path(out_dir, {**entities, "desc": desc}, "networks", ".tsv")
        if path.is_file():
            tables.append(read_table(path))
    return tables


def matrix_over_participants(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Drops over the participants with this lesion."""
    keys = ["measure", "dose", "network", "scored", "control"]
    rows = []
    for names, part in _groups(tables, keys):
        summary = summarise(part["drop"].to_numpy(dtype=float)[:, None]).iloc[0]
        control = part["control_mean"].to_numpy(dtype=float)
        rows.append({**names, **summary, **_beside(part["drop"].to_numpy(dtype=float), control)})
    return pd.DataFrame(rows)


def _beside(values: Any, control: Any) -> dict[str, float]:
    known = np.isfinite(control)
    if not known.any():
        return {"control_mean": float("nan"), "difference": float("nan")}
    return {"control_mean": float(control[known].mean()), "difference": float((values - control)[known].mean())}


def index_over_participants(draws: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Mean index over participants, against means over participants of the index of each draw."""
    rows = []
    for names, part in _groups(draws, _INDEX_KEYS):
        own = part.loc[part["draw"] == 0, "index"].to_numpy(dtype=float)
        by_draw = part.groupby("draw")[["index", "t"]]
        means = by_draw.mean()[by_draw.size() == len(own)].reset_index()  # draws that all participants have
        index = means["index"].to_numpy(dtype=float)
        low, high = bootstrap_interval(own)
        summary = {"mean": index[0], "low": low, "high": high, "participants": len(own)}
        rows.append({**names, **summary, **against(float(index[0]), index[1:]), **specific(means)})
    columns = [*_INDEX_KEYS, "mean", "low", "high", "participants", "t", *NO_CONTROL, "p_index"]
    return pd.DataFrame(rows, columns=columns)


def surprisal_over_participants(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Rise of the surprisal of all stories over the participants with this lesion."""
    rows = []
    whole = [table[table["story"] == "all"] for table in tables]
    for names, part in _groups(whole, ["network", "dose", "words", "control"]):
        rise = part["rise"].to_numpy(dtype=float)
        low, high = bootstrap_interval(rise)
        control = float(part["control_mean"].mean())
        summary = {"mean": float(rise.mean()), "low": low, "high": high, "participants": len(rise)}
        rows.append({**names, **summary, "control_mean": control})
    return pd.DataFrame(rows)


def _groups(tables: Sequence[pd.DataFrame], keys: list[str]) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    together = pd.concat(tables)
    for values, part in together.groupby(keys, sort=False):
        yield dict(zip(keys, values, strict=True)), part


def _comparison(collection: Collection, tables: Sequence[pd.DataFrame]) -> Iterator[Row]:
    """Rows for the comparison of models: the index at the middle dose, against the first control."""
    if not tables:
        return
    together = pd.concat(tables)
    doses = sorted(together["dose"].unique())
    if not doses:
        return
    middle = together[together["dose"] == doses[len(doses) // 2]]
    first = middle[middle["control"] == middle["control"].iloc[0]]
    for measure, part in first.groupby("measure", sort=False):
        yield model_row(collection.entities, f"index ({measure})", part["index"].to_numpy(dtype=float))
