"""The group level of atoms: statistics of their maps, their links to networks, and the scores of the fit."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.collection import Collection, Floats
from bids_app.analyses.comparison import Row, write_scores
from bids_app.analyses.dictionary import atom_names, dictionary_path
from bids_app.analyses.networks.conditional_group import group_links
from bids_app.analyses.networks.dictionary_files import read_members, read_n_layers
from bids_app.analyses.networks.mean_design import UnequalParticipantsError
from bids_app.analyses.networks.options import NetworkOptions
from bids_app.analyses.networks.tables import NeuronGroups, kind_of_desc, read_links, write_links
from bids_app.analyses.significance import FEWEST_FOR_STATISTICS, write_few_participants, write_statistics
from bids_app.analyses.writer import Writer
from bids_app.bids.derivatives import read_table, stimulus_path
from bids_app.bids.outputs import OutputMap, find_outputs
from bids_app.inputs.atlases import read_atlas
from bids_app.inputs.correspondence import NetworkSpace
from bids_app.machine.agreement import NoResultsError
from bids_app.machine.notices import notice
from bids_app.networks.overlap import spatial_z
from bids_app.stats.fdr import fdr


def summarise(beta: Collection, settings: NetworkOptions) -> list[Row]:
    """Group maps of the atoms, their links, and the scores of the fit."""
    out_dir, desc = settings.out_dir, beta.entities["desc"]
    kind = kind_of_desc(desc)
    writer, mean = beta.writer(out_dir), beta.mean()
    if len(beta.members) >= FEWEST_FOR_STATISTICS:
        t, p = beta.sums.t_test()
        writer.maps(desc, "t", t, beta.names)
        writer.maps(desc, "p", p, beta.names)
        writer.maps(desc, "q", fdr(p, axis=1).astype(np.float32), beta.names)
    writer.maps(desc, "z", spatial_z(mean), beta.names)
    writer.maps(desc, "mean", mean, beta.names)
    _group_links(beta, mean, desc, settings, writer)
    scores = beta.beside(out_dir, stat="r")
    fit = desc.replace(kind, f"{kind}fit")
    write_statistics(scores, out_dir, fit)
    write_few_participants(scores, out_dir, fit)
    write_scores(scores, out_dir, fit)
    return []


def _group_links(beta: Collection, mean: Floats, desc: str, settings: NetworkOptions, writer: Writer) -> None:
    atlas = read_atlas(beta.geometry, settings.out_dir)
    if atlas is None:
        return
    kept = ("threshold", "top_percent", "null", "n_spins", "random_seed", "dictionary_scope")
    used = dataclasses.replace(
        settings, **{name: beta.result_settings[name] for name in kept if name in beta.result_settings}
    )
    space = NetworkSpace(beta.geometry, atlas, used)
    fields: dict[str, Any] = {}
    if kind_of_desc(desc) == "families":
        try:
            links, fields = group_links(beta, mean, desc, space, used)
        except UnequalParticipantsError as error:
            notice(logging.WARNING, f"no links of the group ({beta.title}): {error}")
            return
    else:
        links = space.link(mean)
    shared = _n_sharing(links, beta.members, desc, settings.out_dir)
    links = links.assign(participants=shared, replicated=links["linked"] & (2 * shared >= len(beta.members)))
    write_links(writer, desc, links, _neuron_groups(beta, desc, used), **fields)


def _n_sharing(links: pd.DataFrame, members: Sequence[OutputMap], desc: str, out_dir: Path) -> npt.NDArray[np.int64]:
    """How many participants have each link."""
    counts = np.zeros(len(links), dtype=np.int64)
    for member in members:
        wanted = {key: value for key, value in member.entities.items() if key not in ("desc", "stat")}
        own = find_outputs(out_dir, "networks", desc=desc, **wanted)
        if not own:
            raise NoResultsError(
                f"sub-{member.participant} has maps of {kind_of_desc(desc)}, but no table of their links "
                f"(…_desc-{desc}_networks.tsv in {out_dir}): its participant level stopped early, or ran with "
                f"--atlas none. Run the participant level of sub-{member.participant} again with the settings of the "
                f"others, or leave it out with --exclude-participant-label {member.participant}."
            )
        table = read_links(own[0].paths[0])
        merged = links[["atom", "network", "part"]].merge(table, how="left", on=["atom", "network", "part"])
        counts += merged["linked"].astype(str).str.lower().eq("true").to_numpy()
    return counts


def _neuron_groups(beta: Collection, desc: str, settings: NetworkOptions) -> NeuronGroups:
    """The dictionary behind the maps, from the files of the stimulus level."""
    stems = [str(stem) for stem in beta.result_settings["stories"]]
    entities = {"model": beta.entities["model"], "desc": desc.removesuffix("Shifted")}
    tables = [read_table(stimulus_path(settings.out_dir, stem, entities, "timeseries", ".tsv.gz")) for stem in stems]
    path = dictionary_path(settings.out_dir, stems[0], entities, settings, "loadings", ".parquet")
    members = read_members(path)
    names = atom_names(len(beta.names), kind_of_desc(desc))
    atoms = pd.concat(tables)[names].to_numpy(dtype=np.float32)
    return NeuronGroups(atoms, members, read_n_layers(path))
