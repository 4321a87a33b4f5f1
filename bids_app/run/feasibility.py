"""Infeasible settings, found by comparison with labels, stories and models before the first job."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bids_app.bids.entities import is_asked, strip_prefix
from bids_app.bids.errors import DatasetError
from bids_app.bids.runs import Candidate, Run, candidates
from bids_app.forecast.windows import check_distances
from bids_app.inputs.fits import Fit, fits_of
from bids_app.inputs.presentations import presentations
from bids_app.inputs.sources import Sources
from bids_app.inputs.timing import Story, segments_of
from bids_app.options import DESIGNS, DICTIONARY, LAYER
from bids_app.settings import Settings
from bids_app.wording import listed

_LABELS = {"task_id": "task", "session_label": "ses", "run_id": "run"}
_TRIED = 5  # number of participants tried; problems of the others are left to their jobs
_FEWEST_VOLUMES = 4  # two folds of two volumes
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_WIDTHS = ("hidden_size", "n_embd", "d_model", "dim", "emb_dim")


def _reads(settings: Settings, reading: str) -> bool:
    return any(reading in analysis.reads for analysis in settings.analyses)


def find_misfits(sources: Sources, participants: Sequence[str]) -> list[str]:
    """Settings that do not fit the data set, one sentence each; reads only names, events and words."""
    problems = list(_absent_labels(sources, participants))
    if problems or not participants:
        return problems
    return [*_misfits_of_stories(sources), *_misfits_of_runs(sources, participants)]


def _absent_labels(sources: Sources, participants: Sequence[str]) -> Iterator[str]:
    """Labels that none of the participants has in the preprocessed data."""
    settings = sources.settings
    asked = {key: getattr(settings, name) for name, key in _LABELS.items() if getattr(settings, name)}
    if not asked and settings.space is None:
        return
    present = list(_candidates(sources, participants))
    if not present:
        return
    absent = False
    for key, labels in asked.items():
        there = sorted({candidate.run[key] for candidate in present if key in candidate.run})
        for label in labels:
            if not any(is_asked(key, value, [label]) for value in there):
                absent = True
                option = next(name for name, its in _LABELS.items() if its == key).replace("_", "-")
                yield f"--{option} {label}: no selected participant has it; there is {listed(there)}"
    fitting = [
        candidate
        for candidate in present
        if all(key in candidate.run and is_asked(key, candidate.run[key], asked[key]) for key in asked)
    ]
    if absent:
        return
    if not fitting:
        options = ", ".join(f"{key}-{' '.join(labels)}" for key, labels in asked.items())
        yield f"no selected participant has a run with {options} together: check --task-id, --session-label, --run-id"
        return
    if settings.space is not None:
        space = strip_prefix(strip_prefix(settings.space, "space"), "seg")
        if not any(space in (candidate.space, *candidate.name.entities.values()) for candidate in fitting):
            spaces = sorted({candidate.space for candidate in fitting if candidate.space})
            yield f"--space {settings.space}: no selected participant has it; there is {listed(spaces)}"


def _candidates(sources: Sources, participants: Sequence[str]) -> Iterator[Candidate]:
    for folder in sources.dataset.derivatives.values():
        for label in participants:
            for pattern in ("func/*", "ses-*/func/*"):
                yield from candidates((folder / f"sub-{label}").glob(pattern), folder)


def _misfits_of_stories(sources: Sources) -> Iterator[str]:
    """Windows and distances that are longer than every story."""
    settings, stories = sources.settings, sources.stories
    distances = {distance for analysis in settings.analyses for distance in analysis.distances(settings)}
    if not distances:
        return
    lengths = [
        segment.stop - segment.start
        for story in stories.values()
        for stimulus in story.canonical.stimuli
        for segment in segments_of(stimulus, story.words)
    ]
    try:
        check_distances(sorted(distances), settings.window, lengths)
    except ValueError as error:
        yield str(error)


def _misfits_of_runs(sources: Sources, participants: Sequence[str]) -> Iterator[str]:
    """Settings that do not fit the first participant with usable runs."""
    settings, stories = sources.settings, sources.stories
    fits = _first_fits(sources, participants)
    if not fits:
        return
    heard = {fit.name: [_n_volumes(run, sources) for run in fit.runs] for fit in fits}
    longest, most = max(max(runs) for runs in heard.values()), max(sum(runs) for runs in heard.values())
    if _reads(settings, DESIGNS) and settings.delays >= longest:
        yield (
            f"--delays {settings.delays}: the longest run hears {longest} volumes of a story; a response that long "
            "cannot be estimated, give a few volumes (6 cover 9 to 12 s)"
        )
    if most < _FEWEST_VOLUMES:
        yield (
            f"--folds {settings.folds}: the story events hold {most} volumes with words in the longest fit, too few to "
            "be split; check the word timings and the events, or choose other tasks"
        )
    elif 2 * settings.folds > most:
        yield (
            f"--folds {settings.folds}: too many for {most} volumes, each fold would hold too few; give 5, or at most "
            f"{most // 2}"
        )
    repetition_time = min(run.repetition_time for fit in fits for run in fit.runs)
    if settings.high_pass > 0.25 / repetition_time:
        yield (
            f"--high-pass {settings.high_pass:g}: with a repetition time of {repetition_time:g} s it takes more than "
            f"half of the volumes' freedom; give at most {0.25 / repetition_time:.3f} Hz (0.008 is usual)"
        )
    if _reads(settings, DICTIONARY):
        volumes = _dictionary_volumes(stories, settings)
        for n_atoms in settings.atoms:
            if n_atoms > volumes:
                yield f"--atoms {n_atoms}: a dictionary is learned on {volumes} volumes; give at most {volumes}"


def _first_fits(sources: Sources, participants: Sequence[str]) -> list[Fit]:
    for participant in participants[:_TRIED]:
        try:
            return fits_of(sources, participant)
        except (DatasetError, OSError):  # reported by its job
            continue
    return []


def _n_volumes(run: Run, sources: Sources) -> int:
    """Volumes of the stories of a run on the common time grid; a story that is played twice counts twice."""
    words = {stem: story.words for stem, story in sources.stories.items()}
    stimuli = presentations(run.stimuli, words)
    return sum(len(sources.stories[stimulus.stem].canonical.volumes) for stimulus in stimuli)


def _dictionary_volumes(stories: dict[str, Story], settings: Settings) -> int:
    """Volumes of the smallest dictionary."""
    lengths = [len(story.canonical.volumes) for story in stories.values()]
    return sum(lengths) if settings.dictionary_scope == "all" else min(lengths)


@dataclass(frozen=True)
class Shape:
    """Layers of a model and neurons (residual stream) of each, from its configuration; None if not stated."""

    n_layers: int | None
    width: int | None

    @staticmethod
    def read(folder: Path) -> Shape:
        """From config.json, without loading anything."""
        try:
            content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return Shape(None, None)  # reported when the model is loaded
        if not isinstance(content, dict):
            return Shape(None, None)
        nested = content.get("text_config")
        texts = {**content, **(nested if isinstance(nested, dict) else {})}
        return Shape(_first_number(texts, _LAYERS), _first_number(texts, _WIDTHS))


def _first_number(content: dict[str, Any], names: Sequence[str]) -> int | None:
    values = (content.get(name) for name in names)
    return next((value for value in values if isinstance(value, int) and value > 0), None)


def misfits_of_model(name: str, folder: Path, settings: Settings) -> Iterator[str]:
    """Settings that need more layers or neurons than a model has."""
    shape = Shape.read(folder)
    n_layers = shape.n_layers
    if _reads(settings, LAYER) and n_layers is not None and not settings.layers.fits(n_layers):
        yield f"--layer {settings.layer}: the model {name} has {n_layers} layers; give 1 to {n_layers}, 'all' or 'auto'"
    if not _reads(settings, DICTIONARY):
        return
    if settings.chosen_units.autoencoder is not None:
        yield from _misfits_of_autoencoder(name, shape, settings)
        return
    if settings.chosen_units.kind == "ffn-in" or not (n_layers and shape.width):
        return  # experts and gates change the number of hidden neurons
    n_neurons = n_layers * shape.width
    is_localised = settings.chosen_units.is_localised
    kept = max(1, round(settings.localiser_percent / 100 * n_neurons)) if is_localised else n_neurons
    for n_atoms in settings.atoms:
        if n_atoms > kept and is_localised:
            yield (
                f"--atoms {n_atoms}: --localiser-percent {settings.localiser_percent:g} keeps {kept} of the "
                f"{n_neurons} neurons of the model {name}; give fewer atoms, or a larger percentage"
            )
        elif n_atoms > kept:
            yield f"--atoms {n_atoms}: the model {name} has {n_neurons} neurons; give fewer atoms"


def _misfits_of_autoencoder(name: str, shape: Shape, settings: Settings) -> Iterator[str]:
    """An autoencoder of another width, or of a layer that the model does not have."""
    from bids_app.inputs.units import Attached

    try:
        attached = Attached.open(settings)
    except (OSError, ValueError) as error:
        yield f"--units {settings.units}: {error}"
        return
    width, n_layers = attached.autoencoder.width, shape.n_layers
    if shape.width is not None and width != shape.width:
        yield (
            f"--units {settings.units}: the autoencoder reads {width} units, and the layers of the model {name} have "
            f"{shape.width}; choose one that was trained on this model"
        )
    if n_layers is not None and attached.layer >= n_layers:
        yield (
            f"--units {settings.units}: the autoencoder reads layer {attached.layer + 1}, and the model {name} has "
            f"{n_layers}; choose one that was trained on this model, or give --sae-layer"
        )
    for n_atoms in settings.atoms:
        if n_atoms > attached.autoencoder.n_features:
            yield (
                f"--atoms {n_atoms}: the autoencoder has {attached.autoencoder.n_features} features; give fewer atoms"
            )
