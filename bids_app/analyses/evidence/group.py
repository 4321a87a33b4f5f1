"""The group level of the evidence: maps and tables over participants, and the panel of the group."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bids_app.analyses.collection import Collection
from bids_app.analyses.comparison import Row, summarise, write_scores
from bids_app.analyses.evidence.checks import FAILED, OPEN, PASSED
from bids_app.analyses.evidence.options import EvidenceOptions
from bids_app.analyses.evidence.subgroups import write_subgroups
from bids_app.analyses.significance import write_statistics
from bids_app.bids.derivatives import output_path, read_table
from bids_app.bids.outputs import find_maps

_SIGNIFICANT = 0.05
_FEWEST = 6  # participants with which a two-sided signed-rank test can reach p < 0.05
# Checks whose number is 0 without an effect, so that participants can be tested against 0.
_TESTED = ("held out", "untrained model", "stability")
# Checks of each participant: one failure is one too many.
_OF_EACH = ("leak alarm", "timing")
_OF_MAPS = {"nuisance band": "over the nuisance band", "matched null": "above 0"}


def summarise_scores(collection: Collection, settings: EvidenceOptions) -> list[Row]:
    """Statistics over participants, and a table per region."""
    write_statistics(collection, settings.out_dir, collection.entities["desc"])
    write_scores(collection, settings.out_dir, collection.entities["desc"])
    return []


def summarise_over_band(collection: Collection, settings: EvidenceOptions) -> list[Row]:
    """The same, the panel of the group, and what drives the sub-groups of its networks."""
    summarise_scores(collection, settings)
    tables = _panels(collection, settings.out_dir)
    if tables:
        panel = group_panel(tables, _shares(collection, settings.out_dir))
        collection.writer(settings.out_dir).table("evidence", panel)
    write_subgroups(settings.out_dir, None)
    return []


def _panels(collection: Collection, out_dir: Path) -> list[pd.DataFrame]:
    """The panels of the participants."""
    tables = []
    for member in collection.members:
        entities = {key: value for key, value in member.entities.items() if key not in ("stat", "hemi")}
        path = output_path(out_dir, {**entities, "desc": "evidence"}, "networks", ".tsv")
        if path.is_file():
            tables.append(read_table(path))
    return tables


def _shares(collection: Collection, out_dir: Path) -> dict[str, float]:
    """Share of targets where the group map of a claim's check is positive with q < 0.05."""
    shares = {}
    for claim, check, desc in (
        ("brain score", "matched null", "brainscore"),
        ("brain score", "nuisance band", "overnuisance"),
        ("families", "nuisance band", "familiesovernuisance"),
        ("families", "matched null", "familiesfit"),
    ):
        maps = {
            stat: found[0].load()[0]
            for stat in ("q", "mean")
            if (found := find_maps(out_dir, desc, stat, "group", **collection.shared_entities))
        }
        if len(maps) == 2:
            known = np.isfinite(maps["q"])
            passing = (maps["q"] < _SIGNIFICANT) & (maps["mean"] > 0)
            shares[f"{claim}|{check}"] = max(
                (float(row[is_known].mean()) for row, is_known in zip(passing, known, strict=True) if is_known.any()),
                default=0.0,
            )
    return shares


def group_panel(tables: Sequence[pd.DataFrame], shares: dict[str, float]) -> pd.DataFrame:
    """One row per claim and check; `shares` of significant targets of the group by `claim|check`."""
    together = pd.concat(tables)
    rows = [
        _row(str(claim), str(check), part, shares.get(f"{claim}|{check}"))
        for (claim, check), part in together.groupby(["claim", "check"], sort=False)
    ]
    return pd.DataFrame(rows)


def _row(claim: str, check: str, part: pd.DataFrame, share: float | None) -> dict[str, Any]:
    values = part["value"].to_numpy(dtype=float)
    known = values[np.isfinite(values)]
    summary = summarise(known[:, None]).iloc[0] if len(known) else {"mean": np.nan, "low": np.nan, "high": np.nan}
    p = float(summary["p"]) if len(known) and check in _TESTED else float("nan")
    counts = {outcome: int((part["outcome"] == outcome).sum()) for outcome in (PASSED, FAILED, OPEN)}
    outcome, reason = _judged(check, float(summary["mean"]), p, len(known), counts, share)
    row = {"claim": claim, "check": check, "value": float(summary["mean"]), "measure": part["measure"].iloc[0]}
    interval = {"low": float(summary["low"]), "high": float(summary["high"]), "p": p}
    return {**row, "outcome": outcome, "reason": reason, **interval, **counts}


def _judged(check: str, mean: float, p: float, n: int, counts: dict[str, int], share: float | None) -> tuple[str, str]:
    """Outcome for the group, and how it was reached."""
    if check in _OF_EACH:
        outcome = FAILED if counts[FAILED] else PASSED if counts[PASSED] else OPEN
        return outcome, f"{counts[FAILED]} of {sum(counts.values())} participants fail"
    if share is not None:
        told = f"{100 * share:.1f} % of targets are {_OF_MAPS[check]} over participants (signed rank, q < 0.05)"
        return (PASSED if share else OPEN if n < _FEWEST else FAILED), told
    if check in _TESTED and n:
        if mean > 0 and p < _SIGNIFICANT:
            return PASSED, "mean over participants above 0 (signed rank)"
        return (
            (FAILED, "mean over participants not above 0") if mean <= 0 else (OPEN, "not significant over participants")
        )
    most = max((PASSED, FAILED, OPEN), key=lambda outcome: counts[outcome])
    return most, "outcome of most participants"
