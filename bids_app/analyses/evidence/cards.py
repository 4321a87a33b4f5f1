"""What the evidence says of each family or atom: its words, passages, time course and share of the nuisance band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bids_app.analyses.evidence.report import passages as list_passages
from bids_app.bids.derivatives import read_table
from bids_app.bids.entities import build_name
from bids_app.report import html, svg
from bids_app.report.cards import CardPart, Fact
from bids_app.report.features import FEATURES
from bids_app.report.page import Page
from bids_app.report.results import Results

_MOST_WORDS = 5
_MOST_PASSAGES = 5
_MOST_PEAKS = 40  # tried for words under the curve; those that do not fit are left out
_SIGNIFICANT = 0.05
_SECONDS = 1.5  # width of the bins of a time course
_APART = 6.0  # seconds between peaks that get a word
_FRAME = 0.5  # a share of the nuisance band from which it says so


def cards(page: Page, results: Results) -> Mapping[str, CardPart]:
    """The part of each family's card, by number; empty where what drives the families was not described."""
    tables = {suffix: _table(page.out_dir, results, suffix) for suffix in ("enrichment", "passages", "nuisance")}
    if all(table is None for table in tables.values()):
        return {}
    stories = _stories(page.out_dir, str(results.entities.get("model")), results.atoms)
    singular = "family" if results.kind == "families" else "atom"
    numbers = dict.fromkeys(
        str(number) for table in tables.values() if table is not None for number in table[singular].astype(str)
    )
    split = {
        suffix: {str(number): rows for number, rows in table.groupby(singular, sort=False)}
        for suffix, table in tables.items()
        if table is not None
    }
    return {number: _part(number, split, stories, singular) for number in numbers}


def _part(number: str, split: Mapping[str, Any], stories: Mapping[str, pd.DataFrame], singular: str) -> CardPart:
    of_family = {suffix: tables.get(number) for suffix, tables in split.items()}
    words = _words(of_family.get("enrichment"))
    facts, band = _band(of_family.get("nuisance"))
    bodies = [band, _course(stories, number, singular), _passages(of_family.get("passages"))]
    return CardPart(10, "\n".join(body for body in bodies if body), facts, words)


def _table(out_dir: Path, results: Results, suffix: str) -> pd.DataFrame | None:
    """A table about the families of a model, or None."""
    model = results.entities.get("model")
    path = out_dir / build_name({"model": str(model), "desc": results.atoms}, suffix, ".tsv")
    return read_table(path) if model and path.is_file() else None


def _stories(out_dir: Path, model: str, desc: str) -> dict[str, pd.DataFrame]:
    """The words of each story with the value of each family, by story."""
    ending = f"_model-{model}_desc-{desc}_words.tsv.gz"
    files = sorted((out_dir / "stimuli").glob(f"*{ending}"))
    return {path.name.removesuffix(ending): read_table(path) for path in files}


def _words(enrichment: pd.DataFrame | None) -> tuple[str, ...]:
    """The words at which the family is highest, of those that differ at q < 0.05."""
    if enrichment is None or enrichment.empty:
        return ()
    high = (enrichment["kind"] == "word") & (enrichment["q"] < _SIGNIFICANT) & (enrichment["mean"] > 0)
    rows = enrichment[high].sort_values("mean", ascending=False, kind="stable")
    return tuple(rows["item"].astype(str).head(_MOST_WORDS))


def _band(nuisance: pd.DataFrame | None) -> tuple[dict[str, Fact], str]:
    """The share that the nuisance band explains, as a fact and in a sentence."""
    if nuisance is None or nuisance.empty or not np.isfinite(float(nuisance["r2"].iloc[0])):
        return {}, ""
    row = nuisance.iloc[0]
    r2, strongest = float(row["r2"]), str(row["strongest"])
    share = max(r2, 0.0)
    name = FEATURES.get(strongest, strongest)
    text = f"Low-level features explain {100 * share:.0f} % of its time course (held-out R² {r2:.2f}); the closest is "
    text += f"{name} (r {float(row[strongest]):.2f})."
    if share >= _FRAME:
        text += " It is driven by low-level features, and by nothing that needs a language model."
    return {"nuisance band": Fact(r2, f"band {100 * share:.0f} %")}, html.paragraph(text)


def _passages(passages: pd.DataFrame | None) -> str:
    """The passages with the highest values, those with the lowest folded."""
    if passages is None or passages.empty:
        return ""
    parts = []
    for direction, title in (("highest", "Passages where it is highest"), ("lowest", "Passages where it is lowest")):
        rows = passages[passages["direction"] == direction].head(_MOST_PASSAGES)
        block = list_passages(rows)
        parts.append(html.minor(title) + block if direction == "highest" else html.details(title, block))
    return "\n".join(parts)


def _course(stories: Mapping[str, pd.DataFrame], number: str, singular: str) -> str:
    """The time course in the story where it is highest, with the words under its peaks."""
    columns = {story: _column(table, number, singular) for story, table in stories.items()}
    known = {story: column for story, column in columns.items() if column is not None}
    if not known:
        return ""
    story = max(known, key=lambda name: float(stories[name][known[name]].max()))
    table = stories[story].dropna(subset=["onset"])  # the times of unaligned words are not known
    if table.empty:
        return ""
    onset, values = table["onset"].to_numpy(dtype=float), table[known[story]].to_numpy(dtype=float)
    times, binned = _binned(onset, values)
    peaks = _peaks(onset, values, table["word"].astype(str).tolist(), times, binned)
    told = ", ".join(word for _, _, word in peaks[:8])
    alt = f"Time course in the story {story}; words at its highest peaks: {told}."
    others = f" The highest of {len(known)} stories is shown." if len(known) > 1 else ""
    caption = f"Value at the words of {story}, mean of {_SECONDS:g} s (0 where no word begins), in standard deviations."
    caption += others
    return svg.draw_course(times, binned, peaks, "standard deviations", alt) + html.paragraph(caption, "caption")


def _column(table: pd.DataFrame, number: str, singular: str) -> str | None:
    wanted = (column for column in table.columns if column.removeprefix(f"{singular}-").lstrip("0") == number)
    return next(wanted, None)


def _binned(onset: Any, values: Any) -> tuple[Any, Any]:
    """Mean value of the words that begin in each bin: middles of the bins (s), and values; bins without words are 0."""
    bins = np.floor(onset / _SECONDS).astype(int)
    bins -= bins.min()
    counts = np.bincount(bins)
    sums = np.bincount(bins, values)
    start = np.floor(onset.min() / _SECONDS) * _SECONDS
    times = start + (np.arange(len(counts)) + 0.5) * _SECONDS
    return times, np.where(counts > 0, sums / np.maximum(counts, 1), 0.0)


def _peaks(onset: Any, values: Any, words: Sequence[str], times: Any, binned: Any) -> list[tuple[float, float, str]]:
    """Time and height of the highest bins, each with its word of the highest value, the highest first."""
    found: list[tuple[float, float, str]] = []
    for bin_ in np.argsort(-binned, kind="stable")[:_MOST_PEAKS]:
        time = float(times[bin_])
        inside = np.flatnonzero(np.floor(onset / _SECONDS) == np.floor(time / _SECONDS))
        if binned[bin_] <= 0 or not len(inside) or any(abs(time - other) < _APART for other, _, _ in found):
            continue
        found.append((time, float(binned[bin_]), words[int(inside[np.argmax(values[inside])])]))
    return found
