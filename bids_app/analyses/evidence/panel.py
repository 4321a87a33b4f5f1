"""The evidence panel of a participant: one row per claim and check, from the files of OUT_DIR alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.evidence.checks import FAILED, OPEN, PASSED
from bids_app.analyses.writer import Writer
from bids_app.bids.derivatives import read_table
from bids_app.bids.entities import build_name
from bids_app.report.results import UNTRAINED, Maps, Results, find_results, mean_of
from bids_app.report.scores import best_map

Array = npt.NDArray[Any]
Row = dict[str, Any]
_SIGNIFICANT = 0.05
_LEAST_CEILING = 0.05  # below it, a share of the ceiling is one noise over another
_STABLE = 0.5  # rank correlation, or share of reproducible families
_R = ("r",)
_MADE_HERE = ("evidence", "drivers")


def write_panels(out_dir: Path, participant: str) -> None:
    """Write the panel of each recording and model of a participant that has results over the nuisance band."""
    everything = find_results(out_dir, participant)
    for results in everything:
        if results.has(("overnuisance",)):
            table_writer(out_dir, participant, results).table("evidence", panel(out_dir, results, everything))


def table_writer(out_dir: Path, participant: str | None, results: Results) -> Writer:
    """The writer of tables made from other outputs, which are named as their sources, with their settings."""
    subject = {} if participant is None else {"sub": participant}
    read = [output for output in results.outputs if output.entities.get("desc") not in _MADE_HERE]
    sources = [f"bids::{path.relative_to(out_dir).as_posix()}" for output in read for path in output.paths]
    settings = results.noted(("overnuisance", results.atoms), "Settings") or {}
    return Writer(out_dir, {**subject, **results.entities}, sources, settings, _no_geometry)


def _no_geometry() -> Any:
    raise AssertionError("tables have no maps")


def panel(out_dir: Path, results: Results, everything: Sequence[Results]) -> pd.DataFrame:
    """All rows of one recording and model; `everything` holds its controls."""
    rows = [*_data_rows(results)]
    rows += _claim("brain score", results, "brainscore", "overnuisance", everything)
    for variant in results.variants():
        if not variant.atoms.endswith("Shifted") and variant.has((variant.variant(f"{variant.kind}overnuisance"),)):
            name = variant.description.get("atoms", "")
            claim = f"{variant.kind} ({name})" if name else variant.kind
            over = variant.variant(f"{variant.kind}overnuisance")
            rows += _claim(claim, variant, variant.atoms, over, everything)
            rows += _dictionary_rows(claim, out_dir, variant)
    return pd.DataFrame(rows, columns=["claim", "check", "value", "measure", "outcome", "reason"])


def _row(claim: str, check: str, value: float | None, measure: str, outcome: str, reason: str) -> Row:
    number = float("nan") if value is None else round(float(value), 6)
    row = {"claim": claim, "check": check, "value": number, "measure": measure}
    return {**row, "outcome": outcome, "reason": reason}


def _data_rows(results: Results) -> Iterator[Row]:
    leaks, timing = results.table("leaks"), results.table("timing")
    if leaks is not None:
        worst = leaks["r"].max()
        outcome = FAILED if (leaks["outcome"] == FAILED).any() else PASSED
        reason = "not above 0.01, or not above 0 with confidence over folds"
        if outcome == FAILED:
            reason = "the folds leak: a model of autocorrelation alone predicts held-out responses"
        yield _row("data", "leak alarm", worst, "highest held-out r of autocorrelation alone", outcome, reason)
    if timing is not None:
        flagged = timing[timing["outcome"] == FAILED]
        outcome = FAILED if len(flagged) else PASSED if (timing["outcome"] == PASSED).any() else OPEN
        told = [f"{run}: {reason}" for run, reason in zip(flagged["run"], flagged["reason"], strict=True)]
        n_open = int((timing["outcome"] == OPEN).sum())
        if n_open:
            told.append(f"no lag can be read in {n_open} of {len(timing)} runs")
        told = told or ["responses of all runs follow the words as expected"]
        yield _row("data", "timing", len(flagged), "runs that are mistimed", outcome, "; ".join(told))


def _claim(claim: str, results: Results, desc: str, over: str, everything: Sequence[Results]) -> Iterator[Row]:
    """The rows of one score: of hidden states, or of atoms or families."""
    maps = results.maps(desc, _R)
    if maps is None:
        yield _row(claim, "held out", None, "mean held-out r", OPEN, "there is no such score: run its analysis")
    else:
        row = best_map(maps)
        label = f"mean held-out r of {maps.names[row]}" if len(maps.values) > 1 else "mean held-out r"
        mean = mean_of(maps.values[row])
        yield _row(claim, "held out", mean, label, PASSED if mean > 0 else FAILED, f"over all {maps.unit}")
        significant = _passing(results, maps, desc, row)
        yield _null_row(claim, maps, significant)
        yield _untrained_row(claim, results, desc, maps, significant, everything)
        yield _ceiling_row(claim, results, maps, row)
        yield from _repeatability_row(claim, results, maps, row)
    yield _nuisance_row(claim, results, over)
    yield _stability_row(claim, results, over)


def _passing(results: Results, maps: Maps, desc: str, row: int) -> Array | None:
    q = results.like(maps, desc, "q")
    return None if q is None else np.asarray(q[row if len(q) == len(maps.values) else 0] < _SIGNIFICANT)


def _null_row(claim: str, maps: Maps, significant: Array | None) -> Row:
    measure = f"share of {maps.unit} with q < {_SIGNIFICANT:g}"
    if significant is None:
        return _row(claim, "matched null", None, measure, OPEN, "the score was not tested")
    known = np.isfinite(maps.values[0])
    share = float(significant[known].mean()) if known.any() else 0.0
    reason = "against refits to circularly shifted responses, corrected over the brain"
    return _row(claim, "matched null", share, measure, PASSED if share > 0 else FAILED, reason)


def _untrained_row(
    claim: str, results: Results, desc: str, maps: Maps, significant: Array | None, everything: Sequence[Results]
) -> Row:
    """The score less that of the same architecture with random weights, where the score is significant."""
    measure = "mean held-out r less that of the untrained model, where the score is significant"
    wanted = {**results.entities, "model": f"{results.entities.get('model')}{UNTRAINED}"}
    control = next((other for other in everything if other.entities == wanted), None)
    other = None if control is None else control.like(maps, desc, "r")
    if other is None:
        return _row(claim, "untrained model", None, measure, OPEN, "not run: --controls untrained")
    if significant is None or not significant.any():
        return _row(claim, "untrained model", None, measure, OPEN, "the score is significant nowhere")
    row = best_map(maps)
    trained = maps.values[row] if len(maps.values) > 1 else maps.values[0]
    control_row = other[row if len(other) == len(maps.values) else 0]
    difference = mean_of((trained - control_row)[significant])
    return _row(claim, "untrained model", difference, measure, PASSED if difference > 0 else FAILED, "same targets")


def _ceiling_row(claim: str, results: Results, maps: Maps, row: int) -> Row:
    measure = "mean score over mean ceiling"
    ceiling = results.like(maps, "noiseceiling", "r")
    if ceiling is None:
        return _row(claim, "share of the ceiling", None, measure, OPEN, "no ceiling: nobody else heard the story")
    bound = "predicting from others is a lower bound of the ceiling"
    return _share_row(claim, "share of the ceiling", measure, maps.values[row], ceiling[0], bound)


def _repeatability_row(claim: str, results: Results, maps: Maps, row: int) -> Iterator[Row]:
    """The share of the ceiling within the participant; no row where too little was heard more than once."""
    ceiling = results.like(maps, "repeatability", "r")
    if ceiling is not None:
        measure = "mean score over mean ceiling within the participant"
        bound = "from passages that the participant heard more than once"
        yield _share_row(claim, "share of the repeatability", measure, maps.values[row], ceiling[0], bound)


def _share_row(claim: str, check: str, measure: str, score: Array, ceiling: Array, bound: str) -> Row:
    counted = np.isfinite(score) & (ceiling > _LEAST_CEILING)
    if not counted.any():
        return _row(claim, check, None, measure, OPEN, f"nowhere is the ceiling above {_LEAST_CEILING:g}")
    share = float(score[counted].mean() / ceiling[counted].mean())
    reason = f"where the ceiling is above {_LEAST_CEILING:g}; {bound}"
    outcome = FAILED if share <= 0 else PASSED if share <= 1 else OPEN
    if outcome == OPEN:
        reason += ", which the score exceeds"
    return _row(claim, check, share, measure, outcome, reason)


def _nuisance_row(claim: str, results: Results, over: str) -> Row:
    """Whether the model adds anything to the nuisance band."""
    gain = results.maps(over, _R)
    measure = f"share of targets with a gain over the nuisance band at q < {_SIGNIFICANT:g}"
    if gain is None:
        return _row(claim, "nuisance band", None, measure, OPEN, "not computed")
    row = best_map(gain)
    significant = _passing(results, gain, over, row)
    known = np.isfinite(gain.values[row])
    share = float(significant[known].mean()) if significant is not None and known.any() else 0.0
    unique, band = results.like(gain, over, "r2"), results.like(gain, "nuisance", "r")
    told = [f"mean gain in r {mean_of(gain.values[row]):.4f}"]
    if unique is not None:
        told.append(f"mean unique R² {mean_of(unique[row]):.4f}")
    if band is not None:
        told.append(f"the band alone scores {mean_of(band[0]):.4f}")
    outcome = PASSED if share > 0 else FAILED
    if outcome == FAILED:
        told.append("nothing beyond word rate, length, frequency, position and sound is shown")
    return _row(claim, "nuisance band", share, measure, outcome, "; ".join(told))


def _stability_row(claim: str, results: Results, over: str) -> Row:
    measure = "rank correlation over targets of the gain on odd and on even folds"
    stability = results.noted((over,), "Stability")
    known = [float(value) for value in (stability or {}).values() if value is not None]
    if not known:
        return _row(claim, "stability", None, measure, OPEN, "not computed")
    value = max(known)
    outcome = PASSED if value >= _STABLE else FAILED if value <= 0 else OPEN
    return _row(claim, "stability", value, measure, outcome, f"passed from {_STABLE:g}, failed at 0 or below")


def _dictionary_rows(claim: str, out_dir: Path, results: Results) -> Iterator[Row]:
    """How many families or atoms the band explains, and how many are reproducible."""
    model = {"model": results.entities.get("model", ""), "desc": results.atoms}
    nuisance = _table(out_dir / build_name(model, "nuisance", ".tsv"))
    if nuisance is not None:
        explained = nuisance["explained"].astype(str).str.lower() == "true"
        singular = nuisance.columns[0]
        named = [
            f"{singular} {row[singular]} ({row['strongest']}, R² {row['r2']:.2f})"
            for _, row in nuisance[explained].sort_values("r2", ascending=False).head(5).iterrows()
        ]
        share = float(explained.mean())
        reason = f"explained: {', '.join(named)}" if named else "none is explained to half or more"
        outcome = FAILED if share == 1 else PASSED if share == 0 else OPEN
        measure = f"share of {results.kind} of which the nuisance band explains half or more"
        yield _row(claim, "driven by the nuisance band", share, measure, outcome, reason)
    reproducible = _table(out_dir / build_name(model, "families", ".tsv"))
    if reproducible is not None:
        kept = reproducible["reproducible"].astype(str).str.lower() == "true"
        share = float(kept.mean())
        outcome = PASSED if share >= _STABLE else OPEN if share else FAILED
        reason = f"{int(kept.sum())} of {len(kept)} families have rho of at least 0.8; others are not linked"
        yield _row(claim, "reproducible", share, "share of reproducible families", outcome, reason)


def _table(path: Path) -> pd.DataFrame | None:
    return read_table(path) if path.is_file() else None
