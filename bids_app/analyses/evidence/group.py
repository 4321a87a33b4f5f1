"""The group level of the evidence: maps and tables over participants, and the panel of the group."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.collection import Collection
from bids_app.analyses.comparison import Row, summarise, write_scores
from bids_app.analyses.evidence.checks import FAILED, OPEN, PASSED
from bids_app.analyses.evidence.options import EvidenceOptions
from bids_app.analyses.evidence.subgroups import write_subgroups
from bids_app.analyses.significance import FEWEST_FOR_SIGNED_RANK, write_few_participants, write_statistics
from bids_app.bids.derivatives import output_path, read_table
from bids_app.bids.outputs import find_maps

_SIGNIFICANT = 0.05
# Checks whose number is 0 without an effect, so that participants can be tested against 0.
_TESTED = ("held out", "untrained model", "stability")
# Checks of each participant: one failure is one too many.
_OF_EACH = ("leak alarm", "timing")
_OF_MAPS = {"nuisance band": "over the nuisance band", "matched null": "above 0"}


def summarise_scores(collection: Collection, settings: EvidenceOptions) -> list[Row]:
    """Statistics over participants, and a table per region."""
    desc = collection.entities["desc"]
    write_statistics(collection, settings.out_dir, desc)
    write_few_participants(collection, settings.out_dir, desc)
    write_scores(collection, settings.out_dir, desc)
    return []


def summarise_over_band(collection: Collection, settings: EvidenceOptions) -> list[Row]:
    """The same, the panel of the group, and what drives the sub-groups of its networks."""
    summarise_scores(collection, settings)
    tables = _panels(collection, settings.out_dir)
    if tables:
        claims = dict.fromkeys(str(claim) for table in tables for claim in table["claim"])
        panel = group_panel(tables, _shares(claims, collection, settings.out_dir))
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


@dataclass(frozen=True)
class Shares:
    """Shares of the targets of a group map: with a mean above 0 and q < 0.05, and with a prevalence above 0.

    `of_majority`: q is that of an effect in at least half of the participants, who are too few for a test of the mean.
    """

    significant: float
    prevalent: float | None = None
    of_majority: bool = False


def _shares(claims: Iterable[str], collection: Collection, out_dir: Path) -> dict[str, Shares]:
    """What the group maps of a claim's checks show, by `claim|check`."""
    shares = {}
    for claim in claims:
        for check, desc in _descs(claim).items():
            maps = {
                stat: found[0].load()[0]
                for stat in ("q", "qmajority", "mean", "prevalencelow")
                if (found := find_maps(out_dir, desc, stat, "group", **collection.shared_entities))
            }
            if {"q", "mean"} <= set(maps):
                low, q = maps.get("prevalencelow"), maps.get("qmajority", maps["q"])
                shares[f"{claim}|{check}"] = Shares(
                    _largest_share((q < _SIGNIFICANT) & (maps["mean"] > 0), q),
                    None if low is None else _largest_share(low > 0, low),
                    "qmajority" in maps,
                )
    return shares


def _descs(claim: str) -> dict[str, str]:
    """The entity `desc` of the group map behind a check of a claim.

    >>> _descs("families (32 atoms)")
    {'nuisance band': 'familiesovernuisance32', 'matched null': 'familiesfit32'}
    """
    if claim == "brain score":
        return {"nuisance band": "overnuisance", "matched null": "brainscore"}
    variant = re.fullmatch(r"(families|atoms)(?: \((\d+) atoms\))?", claim)
    if variant is None:
        return {}
    kind, number = variant[1], variant[2] or ""
    return {"nuisance band": f"{kind}overnuisance{number}", "matched null": f"{kind}fit{number}"}


def _largest_share(passing: npt.NDArray[np.bool_], values: npt.NDArray[Any]) -> float:
    """The largest share of passing targets among maps (n_maps, n_targets); targets without a value do not count."""
    known = np.isfinite(values)
    shares = (row[there].mean() for row, there in zip(passing, known, strict=True) if there.any())
    return max(map(float, shares), default=0.0)


def group_panel(tables: Sequence[pd.DataFrame], shares: Mapping[str, Shares]) -> pd.DataFrame:
    """One row per claim and check; `shares` of the group maps by `claim|check`."""
    together = pd.concat(tables)
    rows = [
        _row(str(claim), str(check), part, shares.get(f"{claim}|{check}"))
        for (claim, check), part in together.groupby(["claim", "check"], sort=False)
    ]
    return pd.DataFrame(rows)


def _row(claim: str, check: str, part: pd.DataFrame, share: Shares | None) -> dict[str, Any]:
    values = part["value"].to_numpy(dtype=float)
    known = values[np.isfinite(values)]
    summary = summarise(known[:, None]).iloc[0] if len(known) else {"mean": np.nan, "low": np.nan, "high": np.nan}
    p = float(summary["p"]) if len(known) and check in _TESTED else float("nan")
    counts = {outcome: int((part["outcome"] == outcome).sum()) for outcome in (PASSED, FAILED, OPEN)}
    outcome, reason = _judged(check, float(summary["mean"]), p, len(known), counts, share)
    if not len(known):  # what nobody has a number for is what the participants say of it
        reason = str(part["reason"].mode()[0])
    row = {
        "claim": claim,
        "check": check,
        "value": float(summary["mean"]),
        "measure": _measure(part["measure"].tolist()),
    }
    interval = {"low": float(summary["low"]), "high": float(summary["high"]), "p": p}
    return {**row, "outcome": outcome, "reason": reason, **interval, **counts}


def _measure(measures: Sequence[str]) -> str:
    """What was measured, where participants may name different layers, each its best one.

    >>> _measure(["mean held-out r of layer-03", "mean held-out r of layer-05"])
    "mean held-out r of each participant's best layer"
    """
    different = sorted(set(measures))
    of_layers = all(" of layer" in one for one in different)
    return (
        f"{different[0].partition(' of layer')[0]} of each participant's best layer"
        if of_layers and len(different) > 1
        else measures[0]
    )


def _judged(check: str, mean: float, p: float, n: int, counts: dict[str, int], share: Shares | None) -> tuple[str, str]:
    """Outcome for the group, and how it was reached."""
    if check in _OF_EACH:
        outcome = FAILED if counts[FAILED] else PASSED if counts[PASSED] else OPEN
        no_answer = f", {counts[OPEN]} remain open" if counts[OPEN] else ""
        return outcome, f"{counts[FAILED]} of {sum(counts.values())} participants fail{no_answer}"
    if check in _OF_MAPS and n:
        return _judged_by_map(check, n, share)
    if check in _TESTED and n:
        return _judged_by_mean(mean, p, n)
    most = max((PASSED, FAILED, OPEN), key=lambda outcome: counts[outcome])
    return most, "outcome of most participants"


def _judged_by_mean(mean: float, p: float, n: int) -> tuple[str, str]:
    """Outcome of a number of n participants, which is 0 without an effect."""
    if mean <= 0:
        return FAILED, "mean over participants not above 0"
    if p < _SIGNIFICANT:
        return PASSED, "mean over participants above 0 (signed rank)"
    if n < FEWEST_FOR_SIGNED_RANK:
        return OPEN, f"above 0, but a signed-rank test needs at least {FEWEST_FOR_SIGNED_RANK} participants"
    return OPEN, "not significant over participants"


def _judged_by_map(check: str, n: int, share: Shares | None) -> tuple[str, str]:
    """Outcome of a check by the map of the group; few participants are tested for their majority."""
    if share is None:
        return OPEN, "no test over participants: there is no such map of the group"
    how = "in at least half of the participants (partial conjunction" if share.of_majority else "over them (signed rank"
    told = f"{100 * share.significant:.1f} % of targets are {_OF_MAPS[check]} {how}, q < {_SIGNIFICANT:g})"
    if share.prevalent is not None:
        told += (
            f"; from p < {_SIGNIFICANT:g} in each participant, the 96 % interval of the prevalence is above 0 in "
            f"{100 * share.prevalent:.1f} % of targets"
        )
    is_possible = share.of_majority or n >= FEWEST_FOR_SIGNED_RANK
    return (PASSED if share.significant else FAILED if is_possible else OPEN), told
