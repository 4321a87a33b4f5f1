"""What an analysis of one unit reads: every file, the model, and the data of others that it rests on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bids_app.bids.events import read_events
from bids_app.bids.parcels import parcel_tables
from bids_app.bids.provenance import files_of_run
from bids_app.bids.words import find_words
from bids_app.checksums import sha256_of
from bids_app.inputs.atlases import files_of_atlas
from bids_app.inputs.fits import Fit
from bids_app.inputs.masking import files_of_mask
from bids_app.inputs.models import ModelRun
from bids_app.inputs.responses import confound_strategy
from bids_app.inputs.shares import common_of, share_of
from bids_app.inputs.sources import Sources
from bids_app.machine.completion import Inputs
from bids_app.machine.once import key_of
from bids_app.machine.resources import folders_of, pieces_of_run, place_of_run
from bids_app.settings import Settings


def inputs_of(
    unit: Fit,
    sources: Sources,
    model: ModelRun | None,
    analysis: str = "",
    dictionary: str | None = None,
    others: Mapping[str, str] | None = None,
) -> Inputs:
    """What an analysis of a unit reads.

    `analysis` names the one whose atlases are read ("" for none), `dictionary` is its key, `others` what the results
    rest on beside the unit's own data.
    """
    facts: dict[str, Any] = {"RepetitionTime": {run.label: run.repetition_time for run in unit.runs}}
    if model is not None:
        facts["Model"] = model.files
    if dictionary is not None:
        facts["Dictionary"] = dictionary
    shared = {**_words(unit, sources), "mask": _mask(sources.settings.mask)}
    atlases = list(_atlas_files(unit, sources.settings, analysis))
    tables = [table for run in unit.runs if run.seg for table in parcel_tables(run.derivative, run.seg)]
    shared |= {f"atlas {path.name}": [path] for path in (*atlases, *tables)}
    facts["Shared"] = {name: [sha256_of(path) for path in paths] for name, paths in shared.items()}
    if model is not None:
        facts["Shared"] |= {
            f"text of {stem}": [key_of(sources.stories[stem].words.text)] for stem in _heard(unit, sources)
        }
    files = [*files_of_unit(unit, sources), *atlases]
    return Inputs(
        files=tuple(dict.fromkeys(files)),
        bold=tuple(path for run in unit.runs for path in run.files),
        links=sources.dataset.links,
        facts=facts,
        others=others or {},
    )


def files_of_unit(unit: Fit, sources: Sources) -> list[Path]:
    """Files of the unit's runs, the words of the stories that were heard in them, and the mask."""
    settings = sources.settings
    of_runs = [
        path
        for run in unit.runs
        for path in files_of_run(
            run, settings.bids_dir, with_confounds=confound_strategy(run, settings.confounds) != "none"
        )
    ]
    words = [path for paths in _words(unit, sources).values() for path in paths]
    return [*of_runs, *words, *_mask(settings.mask)]


def _heard(unit: Fit, sources: Sources) -> dict[str, str]:
    """The audio file of each story that was heard, by stem."""
    return {
        stimulus.stem: stimulus.stim_file
        for run in unit.runs
        for stimulus in read_events(run.events, run.entities)
        if stimulus.stem in sources.stories
    }


def _words(unit: Fit, sources: Sources) -> dict[str, list[Path]]:
    settings = sources.settings
    return {
        f"words of {stem}": [find_words(settings.bids_dir, stim_file, settings.annotations)]
        for stem, stim_file in _heard(unit, sources).items()
    }


def _mask(mask: Path | None) -> list[Path]:
    return [] if mask is None else files_of_mask(mask)


def _atlas_files(unit: Fit, settings: Settings, analysis: str) -> Iterator[Path]:
    """Files of the atlases that an analysis reads, as far as they are on this machine."""
    of_this = dataclasses.replace(settings, analysis=(analysis,), model=(), level="participant")
    for piece in pieces_of_run(of_this, [place_of_run(unit.runs[0])]):
        try:
            found = piece.find(folders_of(settings.resources), download=False)
        except (OSError, ValueError):
            continue  # the analysis says what it lacks, or goes on without it
        if isinstance(found, list):
            for path in found:
                yield from files_of_atlas(path)


def data_of_others(unit: Fit, sources: Sources) -> dict[str, str]:
    """A short text for the data of each other participant with the unit's tasks: it differs when these change.

    `what all have in common` stands for the rest, such as words, events that all inherit, and what is left out.
    """
    tasks = {run.task for run in unit.runs}
    own = unit.entities["sub"]
    shares = {label: share_of(sources, label, tasks) for label in sources.dataset.participants() if label != own}
    found = {label: key_of(share)[:12] for label, share in shares.items() if share}
    return {**found, "what all have in common": key_of(common_of(sources, tasks))}
