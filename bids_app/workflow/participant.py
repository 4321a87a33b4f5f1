"""What is computed for one participant, in order."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from bids_app.bids.errors import DatasetError
from bids_app.bids.events import read_events
from bids_app.bids.geometry import Geometry
from bids_app.settings import Settings, numbers_of
from bids_app.workflow.atlases import find_atlas, find_regions, write_atlas, write_regions
from bids_app.workflow.averages import average_repeats
from bids_app.workflow.brainscore import brainscore, write_ceiling
from bids_app.workflow.ceiling import StoryMeans
from bids_app.workflow.depth import depth
from bids_app.workflow.designs import Designs
from bids_app.workflow.dictionaries import Dictionary, dictionary_numbers, get_dictionary, scopes, variant
from bids_app.workflow.forecast import forecast
from bids_app.workflow.models import ModelRun, model_runs
from bids_app.workflow.networks import NetworkJob, encode_networks
from bids_app.workflow.outputs import Writer
from bids_app.workflow.repeats import repetitions
from bids_app.workflow.resources import WITH_REGIONS
from bids_app.workflow.responses import Responses, read_responses
from bids_app.workflow.sources import Sources, open_sources
from bids_app.workflow.units import CEILING, Unit, has_ceiling, units_of
from bids_app.workflow.variance import variance

log = logging.getLogger("neurons2networks")

# What each analysis of scores is called in the outputs, the map that it writes last, and what computes it.
SCORES = {
    "brainscore": ("brainscore", "r", brainscore),
    "forecast": ("forecast", "r", forecast),
    "depth": ("forecastdepth", "r", depth),
    "variance": ("variance", "r2", variance),
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
            hosts = {n for n, means in enumerate(self.responses.sources) for run in means if run.run in one.runs}
            averaged = len(hosts) == 1 and len(one.runs) > 1
            labels = [self.unit.runs[run].label for run in one.runs]
            handled = "averaged" if averaged else "in one fold"
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

    def compute(self, work: str | None) -> None:
        """Everything, or only what one model has to say, or the noise ceiling."""
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
                    if self._missing_networks(self._networks_writer(model, n_atoms), n_atoms):
                        yield f"{self.unit.name}: networks of {model.label}"
            for analysis, (what, stat, _) in SCORES.items():
                writer = self._writer(model, numbers_of(self.settings, analysis))
                if analysis in self.settings.analysis and not writer.is_done(what, stat):
                    yield f"{self.unit.name}: {analysis} of {model.label}"

    def _compare(self, model: ModelRun) -> None:
        if "networks" in self.settings.analysis:
            self._networks(model)
        for analysis in SCORES:
            if analysis in self.settings.analysis:
                self._score(analysis, model)

    def _writer(self, model: ModelRun | None, numbers: dict[str, Any]) -> Writer:
        place = self.unit.runs[0].space_entities()
        label = {"model": model.label} if model else {}
        files = [
            path
            for r in self.unit.runs
            for path in (*r.files, r.events, None if r.is_clean else r.confounds, r.outliers)
            if path
        ]
        sources = [self.sources.dataset.uri(path) for path in files]
        entities = {**self.unit.entities, **place, **label}
        return Writer(self.settings.out_dir, entities, sources, numbers, self._geometry, self._extra)

    def _geometry(self) -> Any:
        return self.responses.geometry

    def _extra(self) -> dict[str, Any]:
        """Fields of every sidecar: how each run was cleaned, what could not be used, what was heard more than once."""
        return {"Cleaning": self.runs.cleaning, "UnusableTargets": self.runs.unusable, **self.repeated}

    def _networks(self, model: ModelRun) -> None:
        stories, settings = self.sources.stories, self.settings
        for n_atoms in settings.atoms:
            writer = self._networks_writer(model, n_atoms)
            missing = self._missing_networks(writer, n_atoms)
            if not missing:
                log.info("%s: networks of %s are there already", self.unit.name, model.label)
                continue
            dictionary: Dictionary = get_dictionary(model, self._stems_of_dictionary(), n_atoms, stories, settings)
            atlas = find_atlas(self.responses.geometry, settings)
            if atlas is not None:
                write_atlas(self.responses.geometry, settings)
            job = NetworkJob(self.responses, stories, settings, atlas)
            for shifted in missing:
                encode_networks(job, model, dictionary, writer, shifted=shifted)

    def _networks_writer(self, model: ModelRun, n_atoms: int) -> Writer:
        about = dictionary_numbers(self.settings, self._stems_of_dictionary(), n_atoms)
        return self._writer(model, {**numbers_of(self.settings, "networks"), **about})

    def _missing_networks(self, writer: Writer, n_atoms: int) -> list[bool]:
        """Of the atoms (False) and the control with shifted ones (True) those that are not there."""
        kinds = (False, True) if "shifted" in self.settings.controls else (False,)
        return [s for s in kinds if not writer.is_done(variant(self.settings, n_atoms, shifted=s), "r")]

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

    def _score(self, analysis: str, model: ModelRun) -> None:
        what, stat, compute = SCORES[analysis]
        writer = self._writer(model, numbers_of(self.settings, analysis))
        if writer.is_done(what, stat):
            log.info("%s: %s of %s is there already", self.unit.name, analysis, model.label)
            return
        designs = Designs(model, self.responses.listenings, self.sources.stories, self.settings)
        if analysis in WITH_REGIONS:
            _write_atlases(self.responses.geometry, self.settings)
        compute(self.responses, designs, self.settings, writer)

    def _ceiling(self) -> None:
        writer = self._writer(None, numbers_of(self.settings, "brainscore"))
        if not writer.is_done("noiseceiling", "r"):
            write_ceiling(self.runs, StoryMeans(self.unit, self.sources), self.settings, writer)


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
