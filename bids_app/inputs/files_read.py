"""Inputs of an analysis of one fit: files, model, and data of other participants."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bids_app.bids.description import data_set_of
from bids_app.bids.parcels import parcel_tables
from bids_app.bids.provenance import excerpts_of_runs, files_of_run
from bids_app.bids.word_files import files_of_words, find_words
from bids_app.checksums import sha256_of
from bids_app.inputs.atlases import files_of_atlas
from bids_app.inputs.fits import Fit
from bids_app.inputs.masking import files_of_mask
from bids_app.inputs.models import ModelRun
from bids_app.inputs.responses import confound_strategy
from bids_app.inputs.shares import common_of, share_of
from bids_app.inputs.sources import Sources
from bids_app.inputs.trainings import Training
from bids_app.machine.completion import Inputs
from bids_app.machine.once import key_of
from bids_app.machine.resources import folders_of, pieces_of_run, space_of_run
from bids_app.settings import Settings


def inputs_of(
    fit: Fit,
    sources: Sources,
    model: ModelRun | Training | None,
    analysis: str = "",
    dictionary: str | None = None,
    others: Mapping[str, str] | None = None,
    shared: Mapping[str, list[str]] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Inputs:
    """Inputs of an analysis of a fit.

    `analysis` is the analysis whose atlases are read ("" for none), `dictionary` the key of the dictionary, `others`
    further data that the results depend on, `shared` keys of contents that must be the same in all participants, by a
    name for messages, `more` further facts.
    """
    facts: dict[str, Any] = {
        "RepetitionTime": {run.label: run.repetition_time for run in fit.runs},
        # As stated by the description of the derivative, which is no file of the run.
        "CleanedBefore": {run.label: run.is_clean for run in fit.runs},
    }
    if model is not None:
        facts["Model"] = model.files
    if dictionary is not None:
        facts["Dictionary"] = dictionary
    files_of_all = {**_words(fit, sources), "mask": _mask(sources.settings.mask)}
    atlases = list(_atlas_files(fit, sources.settings, analysis))
    tables = [table for run in fit.runs if run.seg for table in parcel_tables(run.derivative, run.seg)]
    facts |= more or {}
    files_of_all |= {f"atlas {path.name}": [path] for path in (*atlases, *tables)}
    facts["Shared"] = {name: [sha256_of(path) for path in paths] for name, paths in files_of_all.items()}
    facts["Shared"] |= shared or {}
    if model is not None:
        facts["Shared"] |= {
            f"text of {stem}": [key_of(sources.stories[stem].words.text)] for stem in heard(fit, sources)
        }
    files = [*files_of_fit(fit, sources), *atlases]
    return Inputs(
        files=tuple(dict.fromkeys(files)),
        bold=tuple(path for run in fit.runs for path in run.files),
        links=sources.dataset.links,
        facts=facts,
        others=others or {},
        excerpts=excerpts_of_runs(fit.runs),
        data_set=data_set_of(sources.dataset.bids_dir),
    )


def files_of_fit(fit: Fit, sources: Sources) -> list[Path]:
    """Files of the runs of a fit, the words of their stories, and the mask."""
    settings = sources.settings
    of_runs = [
        path
        for run in fit.runs
        for path in files_of_run(
            run, settings.bids_dir, with_confounds=confound_strategy(run, settings.confounds) != "none"
        )
    ]
    words = [path for paths in _words(fit, sources).values() for path in paths]
    return [*of_runs, *words, *_mask(settings.mask)]


def heard(fit: Fit, sources: Sources) -> dict[str, str]:
    """The audio file of each story that was heard, by stem."""
    return {
        stimulus.stem: stimulus.stim_file
        for run in fit.runs
        for stimulus in run.stimuli
        if stimulus.stem in sources.stories
    }


def _words(fit: Fit, sources: Sources) -> dict[str, list[Path]]:
    settings = sources.settings
    return {
        f"words of {stem}": files_of_words(find_words(settings.bids_dir, stim_file, settings.annotations))
        for stem, stim_file in heard(fit, sources).items()
    }


def _mask(mask: Path | None) -> list[Path]:
    return [] if mask is None else files_of_mask(mask)


def _atlas_files(fit: Fit, settings: Settings, analysis: str) -> Iterator[Path]:
    """Files of the atlases that an analysis reads, if available on this machine."""
    of_this = dataclasses.replace(settings, analysis=(analysis,), model=(), level="participant")
    for piece in pieces_of_run(of_this, [space_of_run(fit.runs[0])]):
        try:
            piece_files = piece.find(folders_of(settings.resources), download=False)
        except (OSError, ValueError):
            continue  # the analysis reports a missing atlas, or does without
        if isinstance(piece_files, list):
            for path in piece_files:
                yield from files_of_atlas(path)


def data_of_others(fit: Fit, sources: Sources) -> dict[str, str]:
    """A key for the data of each other participant with the tasks of the fit, which changes with these data.

    `what all have in common` is the key of shared data: words, inherited events, and exclusions.
    """
    tasks = {run.task for run in fit.runs}
    participant = fit.entities["sub"]
    shares = {
        label: share_of(sources, label, tasks) for label in sources.dataset.participants() if label != participant
    }
    keys = {label: key_of(share)[:12] for label, share in shares.items() if share}
    return {**keys, "what all have in common": key_of(common_of(sources, tasks))}
