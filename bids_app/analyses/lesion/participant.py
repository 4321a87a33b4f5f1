"""Lesions for one fit and one model: sets from the links, readings, scores, tables and maps."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.dictionary import (
    Dictionary,
    dictionary_key,
    dictionary_numbers,
    get_dictionary,
    kind_of,
)
from bids_app.analyses.dictionary_courses import stems_of_dictionary
from bids_app.analyses.lesion.pairs import pair_table, read_pairs
from bids_app.analyses.lesion.plan import SUBGROUP, Neurons, plan_lesions
from bids_app.analyses.lesion.readings import (
    AROUND,
    LesionJob,
    Readings,
    neurons_of,
    read_run,
    read_unseen,
    unseen_story,
)
from bids_app.analyses.lesion.scores import NetworkScores, Scorer, score
from bids_app.analyses.lesion.surprise import passage_table, surprisal_table
from bids_app.analyses.lesion.tables import draws_table, drop_table, index_table, own_and_others
from bids_app.analyses.work import Step, Work
from bids_app.analyses.writer import Writer
from bids_app.bids.derivatives import output_path, read_table
from bids_app.bids.minimal_pairs import read_minimal_pairs
from bids_app.bids.targets import fill
from bids_app.checksums import sha256_of
from bids_app.inputs.atlases import find_atlas, write_atlas
from bids_app.inputs.models import ModelRun
from bids_app.inputs.responses import Responses
from bids_app.machine.budget import step
from bids_app.networks.atlas import Atlas
from bids_app.networks.lesion_sets import outliers, strongest_neurons
from bids_app.settings import Settings
from bids_app.settings_fields import result_settings
from bids_app.stats.arrays import Floats

log = logging.getLogger("neurons2networks")
NAME = DESC = "lesion"
BRAIN_SCORE = "brainscore"


@dataclass(frozen=True)
class Subgroups:
    """The sub-groups to lesion: links as read, neurons, and neurons of extreme activation with the ratio of each."""

    links: pd.DataFrame
    neurons: Neurons
    dictionary: Dictionary
    extreme: npt.NDArray[np.int64]
    ratio: npt.NDArray[np.float64]


def steps(work: Work, model: ModelRun) -> Iterator[Step]:
    """One step, which reads the links of the analysis `networks`; none for models with random weights."""
    if model.untrained:
        return
    settings, stories, stems = work.settings, work.sources.stories, stems_of_dictionary(work)
    n_atoms = settings.atoms[0]
    numbers = {**result_settings(settings, NAME), **dictionary_numbers(settings, stems, n_atoms)}
    key, path = dictionary_key(model, stems, n_atoms, stories, settings), _links_path(work, model)
    pairs = settings.minimal_pairs
    shared = {} if pairs is None else {"minimal pairs": [sha256_of(pairs)]}
    facts = {"Links": sha256_of(path) if path.is_file() else None}

    def compute(writer: Writer) -> None:
        if not path.is_file():
            raise FileNotFoundError(_no_links(path, settings))
        dictionary = get_dictionary(model, stems, n_atoms, stories, settings)
        with step(f"{model.label}: sets to lesion", settings):
            subgroups = _subgroups(path, model, dictionary, work)
        lesion_networks(work.responses, subgroups, key, model, work.sources.stories, settings, writer)

    yield Step(work.completion(DESC, model, numbers, NAME, dictionary=key, shared=shared, more=facts), compute)


def _links_path(work: Work, model: ModelRun) -> Path:
    """The table of links that defines the sub-groups: of this participant, or of the group."""
    entities = {**work.fit.entities, **work.fit.runs[0].space_entities(), "model": model.label}
    if work.settings.lesion_links == "group":
        entities = {name: value for name, value in entities.items() if name not in ("sub", "ses", "run")}
    return output_path(work.settings.out_dir, {**entities, "desc": kind_of(work.settings)}, "networks", ".tsv")


def _read_links(path: Path) -> pd.DataFrame:
    """Links with atoms, or families, counted from 0."""
    table = read_table(path).rename(columns={"family": "atom"})
    return table.assign(atom=table["atom"] - 1)


def _no_links(path: Path, settings: Settings) -> str:
    if settings.lesion_links == "group":
        return f"--lesion-links group needs {path.name}, which is not there: run the group level first"
    return (
        f"lesions need the links of the analysis networks, {path.name}, which is not there: add networks to "
        "--analysis, with an atlas of networks"
    )


def _subgroups(path: Path, model: ModelRun, dictionary: Dictionary, work: Work) -> Subgroups:
    neurons = neurons_of(model, dictionary, work.sources.stories, work.settings)
    return Subgroups(_read_links(path), neurons, dictionary, *outliers(neurons.activity, neurons.layer_of))


def lesion_networks(
    responses: Responses,
    subgroups: Subgroups,
    key: str,
    model: ModelRun,
    stories: Mapping[str, Any],
    settings: Settings,
    writer: Writer,
) -> None:
    """Lesion the sub-group of each network at each dose, and write what breaks."""
    left_out = subgroups.extreme if settings.lesion_outliers == "drop" else ()
    plan = plan_lesions(
        strongest_neurons(subgroups.links, subgroups.dictionary.members, left_out),
        subgroups.neurons,
        settings.lesion_doses,
        settings.lesion_controls,
        settings.lesion_draws,
        settings.random_seed,
    )
    for line in plan.omitted:
        log.warning("%s: left out: %s", model.label, line)
    layer = settings.layers.single(subgroups.dictionary.n_layers)
    job = LesionJob(model, plan, subgroups.neurons, subgroups.dictionary, key, layer, stories, settings)
    _Outcomes(job, responses, subgroups, writer).write()


@dataclass(frozen=True)
class _Outcomes:
    """What breaks under the lesions of a job, and where it is written."""

    job: LesionJob
    responses: Responses
    subgroups: Subgroups
    writer: Writer

    def write(self) -> None:
        """Write all tables, and the maps last."""
        job, settings = self.job, self.job.settings
        atlas = find_atlas(self.responses.geometry, settings)
        if atlas is None:
            raise ValueError("lesions need an atlas of networks: give --atlas, or regions whose table names networks")
        write_atlas(self.responses.geometry, settings)
        if not job.plan.networks:
            log.warning("%s: nothing to lesion: no family is linked to a network", job.model.label)
        fields = self._fields()
        with step(f"{job.model.label}: {len(job.plan.lesions)} lesions", settings):
            readings = [read_run(job, timing) for timing in self.responses.timings]
        scorer = Scorer.make(self.responses, atlas, job)
        with step(f"{job.model.label}: scores of {len(job.plan.lesions)} lesions", settings):
            scores = {
                BRAIN_SCORE: scorer.networks(lambda row: scorer.states(readings, row)),
                kind_of(settings): scorer.networks(lambda row: scorer.courses(readings, row)),
            }
        self._tables(scores, fields)
        self._words(readings, fields)
        self.writer.table("lesionoutliers", outlier_table(self.subgroups, job), **fields)
        self._maps(scorer, readings, atlas, fields)

    def _fields(self) -> dict[str, Any]:
        job = self.job
        without = job.without_surprisal
        if without:
            log.info("%s: no surprisal of lesioned models: %s", job.model.label, without)
        note: dict[str, Any] = {"LeftOut": list(job.plan.omitted), "Layer": job.layer, "MainDose": job.plan.main_dose}
        if job.predicts_masked:
            note |= {"MaskedWords": job.settings.lesion_words, "MaskedContext": AROUND}
        return {**note, "WithoutSurprisal": without} if without else note

    def _tables(self, scores: Mapping[str, NetworkScores], fields: Mapping[str, Any]) -> None:
        plan = self.job.plan
        draws = draws_table(scores, plan)
        self.writer.table(DESC, _with(drop_table(scores, plan), "lesion"), **fields)
        self.writer.table("lesiondraws", draws, **fields)
        self.writer.table("lesionindex", index_table(draws), **fields)

    def _words(self, readings: list[Readings], fields: Mapping[str, Any]) -> None:
        """Surprisal of stories and passages, and minimal pairs, of a model that predicts words."""
        job, settings = self.job, self.job.settings
        found = {stem: values for reading in readings for stem, values in reading.surprisal.items()}
        if found:
            seen, unseen = job.dictionary.stems, self._unseen()
            self.writer.table(
                "lesionsurprisal",
                _with(surprisal_table({**found, **unseen}, job.stories, job.plan, seen), "lesionsurprisal"),
                **fields,
            )
            self.writer.table("lesionpassages", passage_table(found, job.stories, job.plan), **fields)
        if settings.minimal_pairs is None:
            return
        if job.without_head:
            log.warning("%s: minimal pairs are left out: %s", job.model.label, job.without_head)
            return
        pairs = read_minimal_pairs(settings.minimal_pairs)
        with step(f"{job.model.label}: {len(pairs)} minimal pairs", settings):
            table = pair_table(read_pairs(job, pairs), pairs, job.plan)
        self.writer.table("lesionpairs", _with(table, "lesionpairs"), **fields)

    def _unseen(self) -> dict[str, npt.NDArray[np.float64]]:
        """Surprisal of a story that the dictionary has not seen, where it is asked for."""
        job = self.job
        if not job.settings.lesion_held_out:
            return {}
        story = unseen_story(job)
        if story is None:
            log.warning("%s: no story is held out: the data set has one with word timings", job.model.label)
            return {}
        with step(f"{job.model.label}: {story.stem}, which the dictionary has not seen", job.settings):
            return {story.stem: read_unseen(job, story)}

    def _maps(self, scorer: Scorer, readings: list[Readings], atlas: Atlas, fields: Mapping[str, Any]) -> None:
        """Maps of the drop of the brain score at the main dose."""
        plan, responses, settings = self.job.plan, self.responses, self.job.settings
        rows = {network: row for network in plan.networks if (row := plan.row_of(network, plan.main_dose)) is not None}
        if not rows:
            return
        intact = score(scorer.states(readings, 0), responses.data, settings)
        drops: Floats = np.stack(
            [intact - score(scorer.states(readings, row), responses.data, settings) for row in rows.values()]
        )
        names = [f"network-{atlas.network_names.index(network) + 1:02d}" for network in rows]
        self.writer.maps("lesionnetworks", "r", fill(drops, responses.valid), names, Networks=list(rows), **fields)
        numbers = [atlas.network_names.index(network) + 1 for network in rows]
        own = own_and_others(drops, np.array(numbers), np.asarray(atlas.labels)[responses.valid])
        self.writer.maps(DESC, "r", fill(own, responses.valid), ["own", "others"], **fields)


def _with(table: pd.DataFrame, desc: str) -> pd.DataFrame:
    """A table with the columns of the catalogue, also where it has no row."""
    from bids_app.analyses.lesion.outputs import columns_of

    return table.reindex(columns=columns_of(desc)) if table.empty else table


def outlier_table(subgroups: Subgroups, job: LesionJob) -> pd.DataFrame:
    """Neurons of extreme activation, and the networks whose set at the main dose holds them; layers from 1."""
    plan, neurons = job.plan, subgroups.neurons
    sets = {
        each.network: each.neurons for each in plan.lesions if each.control == SUBGROUP and each.dose == plan.main_dose
    }
    rows = [
        {
            "layer": int(neurons.layer_of[neuron]) + 1,
            "unit": int(neurons.unit_of[neuron]),
            "activity": float(neurons.activity[neuron]),
            "ratio": float(subgroups.ratio[neuron]),
            "networks": ", ".join(name for name, chosen in sets.items() if neuron in chosen) or "none",
            "left_out": job.settings.lesion_outliers == "drop",
        }
        for neuron in subgroups.extreme
    ]
    return pd.DataFrame(rows, columns=["layer", "unit", "activity", "ratio", "networks", "left_out"])
