"""The group step over models: families, or atoms, of each pair of models matched by their time courses."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bids_app.analyses.dictionary import SINGULAR, Floats
from bids_app.analyses.networks.tables import kind_of_desc
from bids_app.analyses.outputs import find_output
from bids_app.bids.derivatives import (
    bids_uri,
    output_path,
    read_sidecar,
    read_table,
    sidecar_path,
    stimulus_path,
    write_sidecar,
    write_table,
)
from bids_app.bids.entities import parse_name
from bids_app.encoding.dictionary import REPRODUCIBLE
from bids_app.machine.notices import notice
from bids_app.networks.matching import Matching, match_courses
from bids_app.wording import listed

ALL_STORIES = "all"


class NoPairError(ValueError):
    """Two models cannot be paired; the message says why."""


@dataclass(frozen=True)
class LearnedDictionary:
    """A dictionary in OUT_DIR: its model, its desc, its stories, and the table of its loadings."""

    model: str
    desc: str
    stems: tuple[str, ...]
    loadings: Path

    @property
    def settings(self) -> Mapping[str, Any]:
        """Settings that determine it."""
        settings = read_sidecar(self.loadings)["Settings"]
        assert isinstance(settings, dict)
        return settings

    def courses_path(self, out_dir: Path, stem: str) -> Path:
        """Where its time courses in a story lie."""
        entities = {"model": self.model, "desc": self.desc}
        return stimulus_path(out_dir, stem, entities, "timeseries", ".tsv.gz")

    def reproducibility(self) -> Floats | None:
        """The rho of each family, None for atoms."""
        path = self.loadings.with_name(self.loadings.name.replace("_loadings.parquet", "_families.tsv"))
        return read_table(path)["rho"].to_numpy() if kind_of_desc(self.desc) == "families" else None


@dataclass
class _Matched:
    """What is written of one desc."""

    rows: list[pd.DataFrame] = field(default_factory=list)
    pairs: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    sources: dict[Path, None] = field(default_factory=dict)
    seed: int = 0


def match_models(out_dir: Path) -> None:
    """Write group/desc-families_matching.tsv (or atoms), for each size of the dictionary that several models have.

    Pairs of models whose time courses are of other stories, volumes or repetition times are left out with a message.
    """
    by_desc: dict[str, dict[str, dict[tuple[str, ...], LearnedDictionary]]] = {}
    for one in learned_dictionaries(out_dir):
        by_desc.setdefault(one.desc, {}).setdefault(one.model, {})[one.stems] = one
    several = {desc: models for desc, models in by_desc.items() if len(models) > 1}
    for old in (out_dir / "group").glob("desc-*_matching.tsv"):  # of models that have left OUT_DIR
        if parse_name(old).entities["desc"] not in several:
            old.unlink()
            sidecar_path(old).unlink(missing_ok=True)
    for desc, models in several.items():
        _write(out_dir, desc, _match_all(out_dir, desc, models))


def learned_dictionaries(out_dir: Path) -> Iterator[LearnedDictionary]:
    """The dictionaries in OUT_DIR, in the order of their names."""
    places = ("model-*_loadings.parquet", "stimuli/*_model-*_loadings.parquet")
    for path in sorted(path for place in places for path in out_dir.glob(place)):
        entities, settings = parse_name(path).entities, read_sidecar(path).get("Settings")
        if isinstance(settings, dict) and "stories" in settings and sidecar_path(path).is_file():
            yield LearnedDictionary(entities["model"], entities["desc"], tuple(settings["stories"]), path)


def _match_all(out_dir: Path, desc: str, models: Mapping[str, Mapping[tuple[str, ...], LearnedDictionary]]) -> _Matched:
    matched = _Matched()
    for first, second in combinations(sorted(models), 2):
        title = f"{kind_of_desc(desc)} of {first} and {second} are not matched (desc-{desc})"
        shared = [stems for stems in models[first] if stems in models[second]]
        if len(shared) < max(len(models[first]), len(models[second])):
            heard = (
                listed(list(dict.fromkeys(stem for stems in models[m] for stem in stems))) for m in (first, second)
            )
            of_first, of_second = heard
            where = f" in all stories, only in {listed([stem for stems in shared for stem in stems])}" if shared else ""
            _leave_out(
                matched,
                f"{title}{where}: {first} has the stories {of_first}, and {second} has {of_second}. Run the stimulus "
                "level of both models with the same stories.",
            )
        for stems in shared:
            try:
                _add_pair(matched, out_dir, models[first][stems], models[second][stems])
            except NoPairError as error:
                _leave_out(matched, f"{title}: {error}.")
    return matched


def _leave_out(matched: _Matched, sentence: str) -> None:
    sentence = sentence[:1].upper() + sentence[1:]
    notice(logging.WARNING, sentence)
    matched.left_out.append(sentence)


def _add_pair(matched: _Matched, out_dir: Path, first: LearnedDictionary, second: LearnedDictionary) -> None:
    """Match two dictionaries of the same stories. Raises NoPairError if their time courses cannot be paired."""
    lengths = [_same_volumes(out_dir, stem, first, second) for stem in first.stems]
    courses = [_courses(out_dir, one) for one in (first, second)]
    matched.seed = int(first.settings.get("random_seed", 0))
    try:
        found = match_courses(courses[0], courses[1], lengths, seed=matched.seed)
    except ValueError as error:
        raise NoPairError(str(error).rstrip(".")) from error
    story = ALL_STORIES if first.settings.get("dictionary_scope", "all") == "all" else first.stems[0]
    rho = [one.reproducibility() for one in (first, second)]
    sizes = [course.shape[1] for course in courses]
    n_shared = int(found.is_shared.sum())
    matched.rows.append(_rows(first, second, story, found, rho))
    matched.pairs.append(
        {
            "Models": [first.model, second.model],
            "Story": story,
            "Stories": list(first.stems),
            "Volumes": sum(lengths),
            "Families": sizes,
            "Reproducible": [None if one is None else int((one >= REPRODUCIBLE).sum()) for one in rho],
            "Shared": n_shared,
            "Share": n_shared / min(sizes),
            "Threshold": found.threshold,
            "Shifts": found.n_shifts,
        }
    )
    for one in (first, second):
        matched.sources |= dict.fromkeys(one.courses_path(out_dir, stem) for stem in one.stems)


def _same_volumes(out_dir: Path, stem: str, *dictionaries: LearnedDictionary) -> int:
    """Number of volumes of a story, which both have at the same times. Raises NoPairError otherwise."""
    grids = []
    for one in dictionaries:
        path = one.courses_path(out_dir, stem)
        if not path.is_file():
            raise NoPairError(f"{path.name} is missing; run the stimulus level of {one.model} again")
        sidecar = read_sidecar(path)
        times = (float(str(sidecar[key])) for key in ("SamplingFrequency", "StartTime"))
        grids.append((len(read_table(path)), *(round(time, 9) for time in times)))
    if len(set(grids)) > 1:
        told = " and ".join(
            f"{n} volumes of {1 / frequency:g} s from {start:g} s on in {one.model}"
            for one, (n, frequency, start) in zip(dictionaries, grids, strict=True)
        )
        raise NoPairError(
            f"{stem} has {told}; both need the same volumes, so run the stimulus level of both models on the same data"
        )
    return int(grids[0][0])


def _courses(out_dir: Path, one: LearnedDictionary) -> Floats:
    tables = [read_table(one.courses_path(out_dir, stem)) for stem in one.stems]
    if len({tuple(table.columns) for table in tables}) > 1:
        raise NoPairError(
            f"the stories of {one.model} differ in their {kind_of_desc(one.desc)}; run its stimulus level again"
        )
    courses = pd.concat(tables).to_numpy(dtype=np.float64)
    if not np.isfinite(courses).all():
        raise NoPairError(f"the time courses of {one.model} have missing values; run its stimulus level again")
    return courses


def _rows(
    first: LearnedDictionary, second: LearnedDictionary, story: str, found: Matching, rho: list[Floats | None]
) -> pd.DataFrame:
    noun = SINGULAR[kind_of_desc(first.desc)]
    columns: dict[str, Any] = {"story": story}
    sides = (("", first, found.first, rho[0]), ("other_", second, found.second, rho[1]))
    for prefix, one, families, reproducibility in sides:
        columns |= {f"{prefix}model": one.model, f"{prefix}{noun}": families + 1}
        if reproducibility is not None:
            columns[f"{prefix}rho"] = reproducibility[families]
    return pd.DataFrame(columns | {"r": found.r, "p": found.p, "shared": found.is_shared})


def _write(out_dir: Path, desc: str, matched: _Matched) -> None:
    output = find_output(desc, "matching", "group")
    table = pd.concat(matched.rows) if matched.rows else pd.DataFrame(columns=list(output.columns))
    table = table[output.require_columns(table.columns)]
    path = output_path(out_dir, {"desc": desc}, "matching", ".tsv")
    write_table(path, table)
    fields = {"Pairs": matched.pairs, "LeftOut": matched.left_out}
    output.require_fields(fields)
    sources = [bids_uri(source, {"": out_dir}) for source in matched.sources]
    columns = output.described(table.columns)
    settings = {"random_seed": matched.seed}
    write_sidecar(path, sources, settings, description=output.content, columns=columns, extra=fields)
