"""The group level, from the files in OUT_DIR alone: statistics over participants, links of the group maps."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.bids.derivatives import read_table, stimulus_path
from bids_app.bids.outputs import OutputMap, find_maps, find_outputs
from bids_app.networks.overlap import spatial_z
from bids_app.settings import Settings
from bids_app.stats.fdr import fdr
from bids_app.stats.t_test import one_sample
from bids_app.workflow.agreement import check_outputs
from bids_app.workflow.atlases import link_maps, read_atlas
from bids_app.workflow.collection import Collection, Floats, collect, collections
from bids_app.workflow.comparison import Row, write_model_comparison, write_scores
from bids_app.workflow.depth_group import summarise_depth, summarise_variance
from bids_app.workflow.dictionaries import atom_names, loadings_path, read_members
from bids_app.workflow.forecast_group import summarise_forecast
from bids_app.workflow.links import NeuronGroups, write_links
from bids_app.workflow.outputs import Writer
from bids_app.workflow.significance import FEWEST_FOR_STATISTICS, write_statistics

log = logging.getLogger("neurons2networks")
Summary = Callable[[Collection, Settings], list[Row]]


class NoResultsError(ValueError):
    """OUT_DIR holds nothing to summarise."""


def run_group(settings: Settings, name: str) -> None:
    """Summarise everything that the participants left in OUT_DIR; `name` is for messages."""
    out_dir = settings.out_dir
    if not find_maps(out_dir):
        raise NoResultsError(f"{out_dir} holds no maps of participants: run the participant level first")
    check_outputs(out_dir)
    counted = _counted(settings)
    of_atoms = sorted({output.entities["desc"] for output in find_maps(out_dir, stat="beta")})
    rows: list[Row] = []
    for what, stat, summarise in (*SUMMARIES, *((what, "beta", _atoms) for what in of_atoms)):
        for collection in collections(out_dir, what, stat, counted):
            log.info("%s: %s", name, collection.title)
            rows += summarise(collection, settings)
    write_model_comparison(out_dir, rows, counted)


def _counted(settings: Settings) -> frozenset[str] | None:
    """Participants that count; None where the options name nobody. Raises NoResultsError where nobody is left."""
    if not (settings.participant_label or settings.exclude_participant_label):
        return None
    there = {str(output.participant) for output in find_maps(settings.out_dir)}
    absent = sorted(set(settings.participant_label) - there)
    counted = frozenset(
        set(settings.participant_label or there) - set(settings.exclude_participant_label) - set(absent)
    )
    if absent or not counted:
        listed = f"of participant {', '.join(absent)}" if absent else "of a participant that is left"
        raise NoResultsError(
            f"{settings.out_dir} holds no maps {listed}; it has {', '.join(sorted(there))}: check --participant-label "
            "and --exclude-participant-label, or run the participant level first"
        )
    if left := sorted(there - counted):
        log.info("left aside, as asked: %s", ", ".join(left))
    return counted


def _brainscore(scores: Collection, settings: Settings) -> list[Row]:
    _write_scores(scores, settings.out_dir, "brainscore")
    return []


def _write_scores(scores: Collection, out_dir: Path, what: str) -> None:
    write_statistics(scores, out_dir, what)
    write_scores(scores, out_dir, what)


def _ceiling(ceiling: Collection, settings: Settings) -> list[Row]:
    about = "Noise ceiling, mean over participants."
    mean = ceiling.maps.mean(axis=0)
    ceiling.writer(settings.out_dir).maps("noiseceiling", "mean", mean, ceiling.names, about)
    return []


def _atoms(beta: Collection, settings: Settings) -> list[Row]:
    """Group maps of the atoms, their links, and the scores of the fit."""
    out_dir, what = settings.out_dir, beta.entities["desc"]
    writer, mean = beta.writer(out_dir), beta.mean()
    if len(beta.members) >= FEWEST_FOR_STATISTICS:
        t, p = one_sample(beta.maps, beta.complete)
        writer.maps(what, "t", t, beta.names, "One-sample t over participants.")
        writer.maps(what, "p", p, beta.names, "Two-sided p of the t-test.")
        writer.maps(what, "q", fdr(p, axis=1).astype(np.float32), beta.names, "p corrected within each map.")
    writer.maps(what, "z", spatial_z(mean), beta.names, "Mean coefficients, z-scored across the brain.")
    writer.maps(what, "mean", mean, beta.names, "Mean coefficient over participants.")
    _group_links(beta, mean, what, settings, writer)
    scores = collect(out_dir, {**beta.entities, "stat": "r"}, beta.counted)
    _write_scores(scores, out_dir, what.replace("atoms", "atomsfit"))
    return []


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


# For each analysis the entities desc and stat of its maps, and what writes the group's files about them and gives rows
# for the comparison of models; the atoms, whose desc differs, come after.
SUMMARIES: tuple[tuple[str, str, Summary], ...] = (
    ("brainscore", "r", _brainscore),
    ("noiseceiling", "r", _ceiling),
    ("forecast", "r", summarise_forecast),
    ("forecastdepth", "r", summarise_depth),
    ("variance", "r2", summarise_variance),
)
