"""The data of one participant for the analyses, and steps that are done once: claimed, then marked as done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bids_app.analyses.writer import Writer
from bids_app.inputs.atlases import mend_atlases
from bids_app.inputs.averages import average_repeats
from bids_app.inputs.files_read import inputs_of
from bids_app.inputs.fits import Fit
from bids_app.inputs.models import ModelRun
from bids_app.inputs.repeats import repetitions
from bids_app.inputs.responses import Responses, read_responses
from bids_app.inputs.sources import Sources
from bids_app.inputs.trainings import Training
from bids_app.machine.completion import Completion

log = logging.getLogger("neurons2networks")


@dataclass(frozen=True)
class Step:
    """A step of an analysis: its marker, and the function that computes and writes it."""

    completion: Completion
    compute: Callable[[Writer], None]


class Work:
    """Runs of a participant that are fitted together; their data are read on first use."""

    def __init__(self, sources: Sources, fit: Fit) -> None:
        """Take a fit of the data set; nothing is read yet."""
        self.sources, self.fit = sources, fit
        self.settings = sources.settings

    @cached_property
    def runs(self) -> Responses:
        """The responses of all runs."""
        log.info("%s: reading %d run(s)", self.fit.name, len(self.fit.runs))
        return read_responses(self.fit, self.sources.stories, self.settings)

    @cached_property
    def responses(self) -> Responses:
        """The responses to fit: the runs, or their means with `--repeats average`."""
        if self.settings.repeats == "average":
            return average_repeats(self.runs, self.sources.stories)
        return self.runs

    @cached_property
    def repeated(self) -> dict[str, Any]:
        """For sidecars: passages heard more than once, their runs, and how they were handled."""
        entries = []
        for repetition in repetitions(self.runs.timings, self.runs.content):
            labels = [self.fit.runs[run].label for run in repetition.runs]
            handled = self._handled(repetition.runs)
            log.info(
                "%s: heard more than once (--repeats %s): %s in %s, %d volumes, %s",
                self.fit.name,
                self.settings.repeats,
                ", ".join(repetition.stems),
                ", ".join(labels),
                repetition.n_volumes,
                handled,
            )
            entries.append(
                {"Stimuli": list(repetition.stems), "Runs": labels, "Volumes": repetition.n_volumes, "Handled": handled}
            )
        return {"Repeated": entries} if entries else {}

    def _handled(self, runs: Sequence[int]) -> str:
        """How runs that heard the same were handled."""
        means = [[source.run for source in sources if source.run in runs] for sources in self.responses.sources]
        means = [members for members in means if members]
        averaged = [" with ".join(self.fit.runs[run].label for run in members) for members in means if len(members) > 1]
        if averaged and len(means) == 1:
            return "averaged"
        if averaged:
            return f"in one fold, after averaging {' and '.join(averaged)} (others have volumes at other times of it)"
        if self.settings.repeats == "average":
            return "in one fold, not averaged: no two runs have volumes at the same times of it"
        return "in one fold"

    def mend_atlases(self) -> None:
        """Write damaged atlases of these data in OUT_DIR again."""
        mend_atlases(self.fit.runs[0].space_entities(), self._geometry, self.settings)

    def do(self, step: Step) -> None:
        """Compute and write a step, unless it is done."""
        with self._claimed(step.completion) as writer:
            if writer is not None:
                step.compute(writer)

    @contextmanager
    def _claimed(self, completion: Completion) -> Iterator[Writer | None]:
        """The writer of an analysis to compute, None if it is done; marked as done afterwards."""
        with completion.claimed() as is_missing:
            if is_missing:
                writer = self._writer(completion)
                yield writer
                completion.finish(writer.written)
            else:
                log.info("%s is there already", completion.title)
                yield None
        completion.supersede_others()

    def _writer(self, completion: Completion) -> Writer:
        entities = {key: value for key, value in completion.entities.items() if key != "desc"}
        records = completion.inputs.records
        sources = [record.uri for record in records if record.is_of_data_set]
        out_dir, settings = self.settings.out_dir, completion.settings
        return Writer(out_dir, entities, sources, settings, self._geometry, self._extra, records)

    def completion(
        self,
        desc: str,
        model: ModelRun | Training | None,
        result_settings: dict[str, Any],
        atlas: str = "",
        **more: Any,
    ) -> Completion:
        """The marker of an analysis that reads the atlases of the analysis `atlas`."""
        inputs = inputs_of(self.fit, self.sources, model, atlas, **more)
        space = self.fit.runs[0].space_entities()
        label = {"model": model.label} if model else {}
        entities = {**self.fit.entities, **space, **label, "desc": desc}
        return Completion(self.settings.out_dir, entities, result_settings, inputs)

    def _geometry(self) -> Any:
        return self.responses.geometry

    def _extra(self) -> dict[str, Any]:
        """Fields of every sidecar: cleaning of each run, unusable targets, repeated passages."""
        return {"Cleaning": self.runs.cleaning, "UnusableTargets": self.runs.unusable, **self.repeated}
