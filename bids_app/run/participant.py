"""What is computed for one participant, in order."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from bids_app.analyses.brainscore.ceiling import StoryMeans
from bids_app.analyses.brainscore.participant import brainscore, write_ceiling
from bids_app.analyses.depth.participant import depth
from bids_app.analyses.forecast.participant import forecast
from bids_app.analyses.networks.dictionary import (
    Dictionary,
    dictionary_key,
    dictionary_numbers,
    get_dictionary,
    scopes,
    variant,
)
from bids_app.analyses.networks.participant import NetworkJob, encode_networks
from bids_app.analyses.variance.participant import variance
from bids_app.analyses.writer import Writer
from bids_app.bids.errors import DatasetError
from bids_app.bids.events import read_events
from bids_app.bids.geometry import Geometry
from bids_app.inputs.atlases import find_atlas, find_regions, mend_atlases, write_atlas, write_regions
from bids_app.inputs.averages import average_repeats
from bids_app.inputs.designs import Designs
from bids_app.inputs.files_read import data_of_others, inputs_of
from bids_app.inputs.fits import CEILING, Unit, has_ceiling, units_of
from bids_app.inputs.models import ModelRun, model_runs
from bids_app.inputs.repeats import repetitions
from bids_app.inputs.responses import Responses, read_responses
from bids_app.inputs.sources import Sources, open_sources
from bids_app.machine.completion import Completion
from bids_app.machine.resources import WITH_REGIONS
from bids_app.settings import Settings, numbers_of

log = logging.getLogger("neurons2networks")

# What each analysis of scores is called in the outputs, and what computes it.
SCORES = {
    "brainscore": ("brainscore", brainscore),
    "forecast": ("forecast", forecast),
    "depth": ("forecastdepth", depth),
    "variance": ("variance", variance),
}


def run_participant(settings: Settings, name: str, unit: str | None = None, work: str | None = None) -> None:
    """Compute what is missing for one participant, whose job is called `sub-001`.

    All of it, or for one unit, by its name, what one model has to say, or the noise ceiling.
    """
    sources = open_sources(settings)
    for one in units_of(sources, name.removeprefix("sub-")):
        if unit in (None, one.name):
            _UnitWork(sources, one).compute(work)


def unfinished(sources: Sources, participant: str) -> list[str]:
    """What is missing of a participant, one line each, without reading any data; noise ceilings are not counted.

    Raises OtherSettingsError where outputs of other settings are in the way.
    """
    return [line for unit in units_of(sources, participant) for line in _UnitWork(sources, unit).missing()]


class _UnitWork:
    """The analyses of one unit; its data are read when the first analysis needs them."""

    def __init__(self, sources: Sources, unit: Unit) -> None:
        self.sources, self.unit = sources, unit
        self.settings = sources.settings

    @cached_property
    def runs(self) -> Responses:
        """The responses of all runs."""
        log.info("%s: reading %d run(s)", self.unit.name, len(self.unit.runs))
        return read_responses(self.unit, self.sources.stories, self.settings)

    @cached_property
    def responses(self) -> Responses:
        """What is fitted: the runs, or their means where they are to be averaged."""
        if self.settings.repeats == "average":
            return average_repeats(self.runs, self.sources.stories)
        return self.runs

    @cached_property
    def repeated(self) -> dict[str, Any]:
        """For sidecars: what was heard more than once, in which runs, and what was done about it."""
        found = []
        for one in repetitions(self.runs.listenings, self.runs.content):
            labels = [self.unit.runs[run].label for run in one.runs]
            handled = self._handled(one.runs)
            log.info(
                "%s: heard more than once (--repeats %s): %s in %s, %d volumes, %s",
                self.unit.name,
                self.settings.repeats,
                ", ".join(one.stems),
                ", ".join(labels),
                one.n_volumes,
                handled,
            )
            found.append({"Stimuli": list(one.stems), "Runs": labels, "Volumes": one.n_volumes, "Handled": handled})
        return {"Repeated": found} if found else {}

    def _handled(self, runs: Sequence[int]) -> str:
        """What was done about runs that heard the same."""
        means = [[source.run for source in sources if source.run in runs] for sources in self.responses.sources]
        means = [members for members in means if members]
        averaged = [
            " with ".join(self.unit.runs[run].label for run in members) for members in means if len(members) > 1
        ]
        if averaged and len(means) == 1:
            return "averaged"
        if averaged:
            return f"in one fold, after averaging {' and '.join(averaged)} (others have volumes at other times of it)"
        if self.settings.repeats == "average":
            return "in one fold, not averaged: no two runs have volumes at the same times of it"
        return "in one fold"

    def compute(self, work: str | None) -> None:
        """Everything, or only what one model has to say, or the noise ceiling."""
        mend_atlases(self.unit.runs[0].space_entities(), self._geometry, self.settings)
        for model in model_runs(self.settings):
            if work in (None, model.label):
                self._compare(model)
                model.unload()
        if work in (None, CEILING) and has_ceiling(self.settings):
            self._ceiling()

    def missing(self) -> Iterator[str]:
        """One line for each analysis that is not there."""
        for model in model_runs(self.settings):
            if "networks" in self.settings.analysis:
                for n_atoms in self.settings.atoms:
                    if not all(self._networks_of(model, n_atoms, s).is_done(fast=True) for s in self._kinds):
                        yield f"{self.unit.name}: networks of {model.label}"
            for analysis in SCORES:
                if analysis in self.settings.analysis and not self._score_of(analysis, model).is_done(fast=True):
                    yield f"{self.unit.name}: {analysis} of {model.label}"

    def _compare(self, model: ModelRun) -> None:
        if "networks" in self.settings.analysis:
            self._networks(model)
        for analysis in SCORES:
            if analysis in self.settings.analysis:
                self._score(analysis, model)

    def _writer(self, completion: Completion) -> Writer:
        entities = {key: value for key, value in completion.entities.items() if key != "desc"}
        records = completion.inputs.records
        sources = [record.uri for record in records if record.is_of_data_set]
        out_dir, settings = self.settings.out_dir, completion.settings
        return Writer(out_dir, entities, sources, settings, self._geometry, self._extra, records)

    def _completion(
        self, what: str, model: ModelRun | None, numbers: dict[str, Any], atlas: str = "", **more: Any
    ) -> Completion:
        """The marker of an analysis, which reads the atlases of the analysis `atlas`."""
        inputs = inputs_of(self.unit, self.sources, model, atlas, **more)
        place = self.unit.runs[0].space_entities()
        label = {"model": model.label} if model else {}
        entities = {**self.unit.entities, **place, **label, "desc": what}
        return Completion(self.settings.out_dir, entities, numbers, inputs)

    @contextmanager
    def _claimed(self, completion: Completion) -> Iterator[Writer | None]:
        """Where to write an analysis that is to be computed, None for one that is done; marked as done afterwards."""
        with completion.claimed() as is_missing:
            if is_missing:
                writer = self._writer(completion)
                yield writer
                completion.finish(writer.written)
            else:
                log.info("%s is there already", completion.title)
                yield None
        completion.supersede_others()

    def _geometry(self) -> Any:
        return self.responses.geometry

    def _extra(self) -> dict[str, Any]:
        """Fields of every sidecar: how each run was cleaned, what could not be used, what was heard more than once."""
        return {"Cleaning": self.runs.cleaning, "UnusableTargets": self.runs.unusable, **self.repeated}

    @property
    def _kinds(self) -> tuple[bool, ...]:
        """The atoms themselves (False), and where asked for the control with shifted ones (True)."""
        return (False, True) if "shifted" in self.settings.controls else (False,)

    def _networks(self, model: ModelRun) -> None:
        for n_atoms in self.settings.atoms:
            for shifted in self._kinds:
                with self._claimed(self._networks_of(model, n_atoms, shifted)) as writer:
                    if writer is not None:
                        self._encode(model, n_atoms, writer, shifted)

    def _encode(self, model: ModelRun, n_atoms: int, writer: Writer, shifted: bool) -> None:
        stories, settings = self.sources.stories, self.settings
        dictionary: Dictionary = get_dictionary(model, self._stems_of_dictionary(), n_atoms, stories, settings)
        atlas = find_atlas(self.responses.geometry, settings)
        if atlas is not None:
            write_atlas(self.responses.geometry, settings)
        job = NetworkJob(self.responses, stories, settings, atlas)
        encode_networks(job, model, dictionary, writer, shifted=shifted)

    def _networks_of(self, model: ModelRun, n_atoms: int, shifted: bool) -> Completion:
        stems, settings = self._stems_of_dictionary(), self.settings
        numbers = {**numbers_of(settings, "networks"), **dictionary_numbers(settings, stems, n_atoms)}
        key = dictionary_key(model, stems, n_atoms, self.sources.stories, settings)
        return self._completion(variant(settings, n_atoms, shifted=shifted), model, numbers, "networks", dictionary=key)

    def _stems_of_dictionary(self) -> tuple[str, ...]:
        """Stories of the dictionary for this unit."""
        played = {s.stem for run in self.unit.runs for s in read_events(run.events, run.entities)}
        heard = played & set(self.sources.stories)
        for stems in scopes(self.settings, self.sources.stories):
            if heard <= set(stems):
                return stems
        raise DatasetError(
            f"{self.unit.name} plays several stories ({', '.join(sorted(heard))}), which --dictionary-scope story "
            "cannot fit together; use --dictionary-scope all"
        )

    def _score_of(self, analysis: str, model: ModelRun) -> Completion:
        return self._completion(SCORES[analysis][0], model, numbers_of(self.settings, analysis), analysis)

    def _score(self, analysis: str, model: ModelRun) -> None:
        with self._claimed(self._score_of(analysis, model)) as writer:
            if writer is None:
                return
            designs = Designs(model, self.responses.listenings, self.sources.stories, self.settings)
            if analysis in WITH_REGIONS:
                _write_atlases(self.responses.geometry, self.settings)
            SCORES[analysis][1](self.responses, designs, self.settings, writer)

    def _ceiling(self) -> None:
        others = data_of_others(self.unit, self.sources)
        numbers = numbers_of(self.settings, "ceiling")
        with self._claimed(self._completion("noiseceiling", None, numbers, others=others)) as writer:
            if writer is not None:
                write_ceiling(self.runs, self.responses, StoryMeans(self.unit, self.sources), self.settings, writer)


def _write_atlases(geometry: Geometry, settings: Settings) -> None:
    """Keep the atlases of networks and regions in OUT_DIR; without one that nobody asked for, say so and go on."""
    try:
        if find_atlas(geometry, settings) is not None:
            write_atlas(geometry, settings)
    except (ValueError, OSError, RuntimeError) as error:
        if settings.atlas is not None:
            raise
        log.info("no curves per network: %s", error)
    if find_regions(geometry, settings) is not None:
        write_regions(geometry, settings)
