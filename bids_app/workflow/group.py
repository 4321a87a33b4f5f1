"""The group level, from the files in OUT_DIR alone: statistics over participants, links of the group maps."""

from __future__ import annotations

import dataclasses
import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import ttest_1samp, wilcoxon

from bids_app.bids.alignment import align
from bids_app.bids.derivatives import read_table, stimulus_path
from bids_app.bids.geometry import Geometry
from bids_app.bids.outputs import OutputMap, find_maps, find_outputs
from bids_app.encoding.permutation import fdr
from bids_app.networks.overlap import spatial_z
from bids_app.settings import Settings
from bids_app.workflow.atlases import link_maps, read_atlas
from bids_app.workflow.comparison import write_model_comparison, write_scores
from bids_app.workflow.dictionaries import atom_names, loadings_path, read_members
from bids_app.workflow.links import NeuronGroups, write_links
from bids_app.workflow.outputs import Writer

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]
OF_PARTICIPANT = ("sub", "ses", "run")
FEWEST_FOR_STATISTICS = 2
_BATCH = 4096


class NoResultsError(ValueError):
    """OUT_DIR holds nothing to summarise."""


@dataclass(frozen=True)
class Collection:
    """The same maps of all participants.

    Attributes
    ----------
    entities : what their names share (task, space, model, stat, desc)
    maps : (n_participants, n_maps, n_targets) on the targets that all participants have; NaN where they have no data
    names : of the maps
    members : the participants' outputs, in the order of `maps`
    """

    entities: dict[str, str]
    maps: Floats
    names: list[str]
    geometry: Geometry
    members: tuple[OutputMap, ...]

    @property
    def participants(self) -> list[str]:
        """Labels of the participants."""
        return [str(member.participant) for member in self.members]

    @property
    def numbers(self) -> dict[str, Any]:
        """The settings behind the maps."""
        found = self.members[0].sidecar.get("Settings")
        assert isinstance(found, dict)
        return found

    @property
    def complete(self) -> npt.NDArray[np.bool_]:
        """Targets with a value in every map of every participant, (n_targets,)."""
        return np.asarray(np.isfinite(self.maps).all(axis=(0, 1)))

    @property
    def about(self) -> dict[str, object]:
        """Keys of the participants' sidecars that hold for the group too."""
        return {key: self.members[0].sidecar[key] for key in ("Layers",) if key in self.members[0].sidecar}


def run_group(settings: Settings, name: str) -> None:
    """Summarise everything that the participants left in OUT_DIR; `name` is for messages."""
    out_dir = settings.out_dir
    if not find_maps(out_dir):
        raise NoResultsError(f"{out_dir} holds no maps of participants: run the participant level first")
    for entities in _groups(out_dir, "brainscore", "r"):
        collection = collect(out_dir, entities)
        log.info("%s: %s", name, _title(collection))
        _write_statistics(collection, out_dir, "brainscore")
        write_scores(collection, out_dir, "brainscore")
    for entities in _groups(out_dir, "noiseceiling", "r"):
        collection = collect(out_dir, entities)
        about = "Noise ceiling, mean over participants."
        _writer(collection, out_dir).maps("noiseceiling", "mean", collection.maps.mean(axis=0), collection.names, about)
    for what in sorted({m.entities["desc"] for m in find_maps(out_dir, stat="beta")}):
        for entities in _groups(out_dir, what, "beta"):
            _atoms(collect(out_dir, entities), what, settings)
    write_model_comparison(out_dir)


def _title(collection: Collection) -> str:
    shown = {key: value for key, value in collection.entities.items() if key not in ("stat",)}
    return f"{' '.join(shown.values())}, {len(collection.members)} participants"


def _groups(out_dir: Path, what: str, stat: str) -> list[dict[str, str]]:
    """Entities of the maps that differ in their participant alone."""
    found: dict[tuple[tuple[str, str], ...], None] = {}
    for output in find_maps(out_dir, what, stat):
        shared = {key: value for key, value in output.entities.items() if key not in OF_PARTICIPANT}
        found[tuple(shared.items())] = None
    return [dict(key) for key in found]


def collect(out_dir: Path, entities: Mapping[str, str]) -> Collection:
    """Read the maps of all participants; a participant with several runs or sessions counts once, by their mean."""
    wanted = {key: value for key, value in entities.items() if key not in ("desc", "stat")}
    outputs = [
        output
        for output in find_maps(out_dir, entities["desc"], entities["stat"], **wanted)
        if set(output.entities) - set(OF_PARTICIPANT) == set(entities)  # not those of a task when pooled ones are meant
    ]
    loaded = [output.load() for output in outputs]
    geometry, columns = align([own for _, own in loaded])
    by_participant: dict[str, list[Floats]] = {}
    first: dict[str, OutputMap] = {}
    for output, (maps, _), own in zip(outputs, loaded, columns, strict=True):
        by_participant.setdefault(str(output.participant), []).append(maps[:, own])
        first.setdefault(str(output.participant), output)
    stacked = np.stack([np.mean(parts, axis=0) for parts in by_participant.values()])
    names = outputs[0].sidecar.get("Maps")
    labels = [str(n) for n in names] if isinstance(names, list) else [entities["stat"]]
    return Collection(dict(entities), stacked, labels, geometry, tuple(first.values()))


def _writer(collection: Collection, out_dir: Path) -> Writer:
    entities = {key: value for key, value in collection.entities.items() if key not in ("desc", "stat")}
    sources = [f"bids::{path.relative_to(out_dir).as_posix()}" for m in collection.members for path in m.paths]
    return Writer(out_dir, entities, sources, collection.numbers, lambda: collection.geometry)


def _write_statistics(collection: Collection, out_dir: Path, what: str) -> None:
    """Mean, signed-rank test against zero, FDR for each map."""
    writer, names = _writer(collection, out_dir), collection.names
    everyone = collection.complete
    mean = np.where(everyone, collection.maps.mean(axis=0), np.nan)
    if len(collection.members) >= FEWEST_FOR_STATISTICS:
        w, p = signed_rank(collection.maps, everyone)
        writer.maps(what, "w", w, names, "Signed-rank test against zero over participants.", **collection.about)
        writer.maps(what, "p", p, names, "Two-sided p of the signed-rank test.", **collection.about)
        writer.maps(what, "q", _fdr_per_map(p), names, "p corrected within each map.", **collection.about)
    extra = {"Participants": collection.participants, **collection.about}
    writer.maps(what, "mean", mean, names, "Mean over participants.", **extra)


def signed_rank(maps: Floats, where: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Wilcoxon's signed-rank statistic as the rank-biserial correlation, and its two-sided p, of each map and target.

    `maps` (n_participants, n_maps, n_targets) tested where `where` (n_targets,); the results are (n_maps, n_targets).
    """
    w = np.full(maps.shape[1:], np.nan, dtype=np.float32)
    p = np.full(maps.shape[1:], np.nan, dtype=np.float32)
    total = len(maps) * (len(maps) + 1) / 2
    targets = np.flatnonzero(where)
    for start in range(0, len(targets), _BATCH):
        batch = targets[start : start + _BATCH]
        positive = wilcoxon(maps[:, :, batch].astype(np.float64), alternative="greater", axis=0, zero_method="zsplit")
        both = wilcoxon(maps[:, :, batch].astype(np.float64), axis=0, zero_method="zsplit")
        w[:, batch] = 2 * positive.statistic / total - 1
        p[:, batch] = both.pvalue
    return w, p


def one_sample(maps: Floats, where: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """One-sample t and its two-sided p; arrays as in `signed_rank`. 0 and 1 where all participants have the same."""
    t, p = (np.full(maps.shape[1:], np.nan, dtype=np.float32) for _ in range(2))
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings(action="ignore"):
        test = ttest_1samp(maps[:, :, where], 0, axis=0)  # NaN left out: scipy would go target by target
    same = np.ptp(maps[:, :, where], axis=0) == 0
    t[:, where], p[:, where] = np.where(same, 0, test.statistic), np.where(same, 1, test.pvalue)
    return t, p


def _fdr_per_map(p: Floats) -> Floats:
    return np.stack([fdr(row) for row in p]).astype(np.float32)


def _atoms(beta: Collection, what: str, settings: Settings) -> None:
    """Group maps of the atoms, their links, and the scores of the fit."""
    out_dir = settings.out_dir
    log.info("group: %s", _title(beta))
    writer = _writer(beta, out_dir)
    everyone = beta.complete
    mean = np.where(everyone, beta.maps.mean(axis=0), np.nan).astype(np.float32)
    if len(beta.members) >= FEWEST_FOR_STATISTICS:
        t, p = one_sample(beta.maps, everyone)
        writer.maps(what, "t", t, beta.names, "One-sample t over participants.")
        writer.maps(what, "p", p, beta.names, "Two-sided p of the t-test.")
        writer.maps(what, "q", _fdr_per_map(p), beta.names, "p corrected within each map.")
    writer.maps(what, "z", spatial_z(mean), beta.names, "Mean coefficients, z-scored across the brain.")
    writer.maps(what, "mean", mean, beta.names, "Mean coefficient over participants.", Participants=beta.participants)
    _group_links(beta, mean, what, settings, writer)
    scores = collect(out_dir, {**beta.entities, "stat": "r"})
    fit = what.replace("atoms", "atomsfit")
    _write_statistics(scores, out_dir, fit)
    write_scores(scores, out_dir, fit)


def _group_links(beta: Collection, mean: Floats, what: str, settings: Settings, writer: Writer) -> None:
    atlas = read_atlas(beta.geometry, settings.out_dir)
    if atlas is None:
        return
    kept = ("threshold", "top_percent", "n_spins", "random_seed", "dictionary_scope")
    used = dataclasses.replace(settings, **{name: beta.numbers[name] for name in kept})
    links = link_maps(mean, beta.geometry, atlas, used)
    shared = _n_sharing(links, beta.members, what, settings.out_dir)
    links = links.assign(participants=shared, replicated=links["linked"] & (2 * shared >= len(beta.members)))
    extra = {
        "participants": "Number of participants whose own map has this link.",
        "replicated": "Whether the group map and the maps of at least half of the participants have it.",
    }
    write_links(writer, what, links, _neuron_groups(beta, what, used), extra)


def _n_sharing(links: pd.DataFrame, members: Sequence[OutputMap], what: str, out_dir: Path) -> npt.NDArray[np.int64]:
    """How many participants have each link."""
    counts = np.zeros(len(links), dtype=np.int64)
    for member in members:
        wanted = {key: value for key, value in member.entities.items() if key not in ("desc", "stat")}
        own = find_outputs(out_dir, "networks", desc=what, **wanted)[0]
        table = read_table(own.paths[0])
        table = table.assign(atom=table["atom"] - 1)
        merged = links[["atom", "network", "part"]].merge(table, how="left", on=["atom", "network", "part"])
        counts += merged["linked"].astype(str).str.lower().eq("true").to_numpy()
    return counts


def _neuron_groups(beta: Collection, what: str, settings: Settings) -> NeuronGroups:
    """The dictionary behind the maps, from what the stimulus level wrote."""
    stems = [str(stem) for stem in beta.numbers["stories"]]
    entities = {"model": beta.entities["model"], "desc": what.removesuffix("Shifted")}
    tables = [read_table(stimulus_path(settings.out_dir, stem, entities, "timeseries", ".tsv.gz")) for stem in stems]
    path = loadings_path(settings.out_dir, stems[0], entities, settings)
    members = read_members(path)
    names = atom_names(len(beta.names))
    atoms = pd.concat(tables)[names].to_numpy(dtype=np.float32)
    summary = pd.read_parquet(path, columns=["layer"])
    return NeuronGroups(atoms, members, int(summary["layer"].max()))
