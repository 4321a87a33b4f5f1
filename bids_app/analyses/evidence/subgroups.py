"""What drives the sub-group of each network: the mean course of the families linked to it, at the words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bids_app.analyses.evidence.panel import table_writer
from bids_app.bids.derivatives import read_table
from bids_app.bids.entities import parse_name
from bids_app.language.excerpts import excerpts
from bids_app.report.results import Results, find_results
from bids_app.stats.standardise import zscore

_MOST = 10
_FEATURES = ("length", "frequency", "storyposition", "sentenceposition", "surprisal")
_COLUMNS = ["network", "families", "measure", "rank", "item", "story", "onset", "value"]


def write_subgroups(out_dir: Path, participant: str | None) -> None:
    """Write a table for each dictionary with links, of a participant or (None) of the group."""
    for results in find_results(out_dir, participant):
        for variant in results.variants():
            links = variant.table(variant.atoms)
            if links is None or variant.atoms.endswith("Shifted"):
                continue
            words = _words(out_dir, variant)
            if words:
                writer = table_writer(out_dir, participant, variant)
                writer.table(variant.variant("drivers"), _table(links, words, variant))


def _words(out_dir: Path, results: Results) -> dict[str, pd.DataFrame]:
    """The words of each story with the value of each atom, by the label of the story."""
    ending = f"_model-{results.entities.get('model')}_desc-{results.atoms}_words.tsv.gz"
    files = sorted((out_dir / "stimuli").glob(f"*{ending}"))
    return {path.name.removesuffix(ending): read_table(path) for path in files if parse_name(path).suffix == "words"}


def _table(links: pd.DataFrame, words: dict[str, pd.DataFrame], results: Results) -> pd.DataFrame:
    singular = "family" if results.kind == "families" else "atom"
    linked = links[links["linked"].astype(str).str.lower() == "true"]
    rows: list[dict[str, Any]] = []
    for network, of_network in linked.groupby("network", sort=False):
        signs = _signs(of_network, singular)
        courses = _courses(words, signs, singular)
        shared = {"network": network, "families": len(signs)}
        rows += [{**shared, **row} for row in _passages(courses, words)]
        rows += [{**shared, **row} for row in _correlations(courses, words)]
    return pd.DataFrame(rows, columns=_COLUMNS)


def _signs(links: pd.DataFrame, singular: str) -> dict[str, int]:
    """The sign of each family linked to one network; if it is linked in both parts, that of the larger overlap."""
    by_overlap = links.sort_values("dice", kind="stable", na_position="first")
    signs = {str(row[singular]): 1 if row["part"] == "active" else -1 for _, row in by_overlap.iterrows()}
    return {str(number): signs[str(number)] for number in links[singular]}


def _courses(words: dict[str, pd.DataFrame], signs: dict[str, int], singular: str) -> dict[str, np.ndarray[Any, Any]]:
    """Mean course of the families with their signs, z-scored over the words of all stories."""
    means = []
    for table in words.values():
        names = {column.removeprefix(f"{singular}-").lstrip("0"): column for column in table.columns}
        parts = [sign * table[names[number]].to_numpy(dtype=float) for number, sign in signs.items()]
        means.append(np.mean(parts, axis=0))
    joined = zscore(np.concatenate(means))
    return dict(zip(words, np.split(joined, np.cumsum([len(mean) for mean in means])[:-1]), strict=True))


def _passages(courses: dict[str, Any], words: dict[str, pd.DataFrame]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for measure, sign in (("highest", 1), ("lowest", -1)):
        found = [
            (one, story)
            for story, course in courses.items()
            for one in excerpts(words[story]["word"].astype(str).tolist(), course, _MOST, sign)
        ]
        found.sort(key=lambda pair: -sign * pair[0].value)
        for rank, (one, story) in enumerate(found[:_MOST], start=1):
            onset = float(words[story]["onset"].iloc[one.word])
            row = {"measure": measure, "rank": rank, "item": one.text, "story": story, "onset": onset}
            rows.append({**row, "value": round(one.value, 4)})
    return rows


def _correlations(courses: dict[str, Any], words: dict[str, pd.DataFrame]) -> list[dict[str, Any]]:
    course = np.concatenate(list(courses.values()))
    rows = []
    for feature in _FEATURES:
        if not all(feature in table for table in words.values()):  # words of an older version
            continue
        values = np.concatenate([table[feature].to_numpy(dtype=float) for table in words.values()])
        known = np.isfinite(values)
        if known.any():
            r = float(np.mean(zscore(values[known]) * zscore(course[known])))
            rows.append({"measure": "correlation", "item": feature, "value": round(r, 4)})
    return rows
