"""Time courses of atoms, families and restarts on the volumes of a run."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import numpy as np

from bids_app.analyses.dictionary import Dictionary, Floats, canonical_responses, scopes
from bids_app.analyses.work import Work
from bids_app.bids.errors import DatasetError
from bids_app.encoding.dictionary import courses_elsewhere, time_courses
from bids_app.inputs.models import ModelRun
from bids_app.inputs.timing import StimulusTiming, Story
from bids_app.inputs.units import UnitReader, neuron_matrix
from bids_app.machine.notices import notice
from bids_app.shared_options.dictionary import DictionaryOptions
from bids_app.stats.standardise import zscore


def stems_of_dictionary(work: Work) -> tuple[str, ...]:
    """Stories of the dictionary for this fit."""
    played = {s.stem for run in work.fit.runs for s in run.stimuli}
    heard = played & set(work.sources.stories)
    for stems in scopes(work.settings, work.sources.stories):
        if heard <= set(stems):
            return stems
    raise DatasetError(
        f"{work.fit.name} plays several stories ({', '.join(sorted(heard))}), which --dictionary-scope story "
        "cannot fit together; use --dictionary-scope all"
    )


def atoms_on(
    dictionary: Dictionary,
    timing: StimulusTiming,
    model: ModelRun,
    stories: dict[str, Story],
    settings: DictionaryOptions,
) -> Floats:
    """Time courses (n_kept, n_atoms) of the atoms on the volumes of one run, z-scored within it.

    On the grid of the dictionary, these are the atoms; elsewhere, the least-squares time courses of their loadings.
    """
    stem = timing.stimuli[0].stem
    if _is_learned(dictionary, timing, stories):
        return zscore(dictionary.atoms[stem])
    if stem in stories and (grid := stories[stem].canonical).repetition_time != timing.repetition_time:
        notice(
            logging.INFO,
            f"{stem}: the repetition time is {timing.repetition_time:g} s, and was {grid.repetition_time:g} s where "
            "the dictionary was learned: its atoms are fitted to the volumes of this run",
        )
    X = neuron_matrix(UnitReader(model, settings), dictionary.index, timing, stories)
    return zscore(time_courses(X, dictionary.loadings))


def restarts_on(
    dictionary: Dictionary,
    timing: StimulusTiming,
    model: ModelRun,
    stories: dict[str, Story],
    settings: DictionaryOptions,
) -> Floats:
    """The same for the atoms of all restarts, (n_restarts, n_kept, n_atoms)."""
    assert dictionary.restarts is not None
    if _is_learned(dictionary, timing, stories):
        return _standard(dictionary.restarts.courses[timing.stimuli[0].stem])
    learned = np.concatenate([dictionary.restarts.courses[stem] for stem in dictionary.stems], axis=1)
    reader, index = UnitReader(model, settings), dictionary.index
    here = neuron_matrix(reader, index, timing, stories)
    with tempfile.TemporaryDirectory(dir=settings.work) as folder:
        X = canonical_responses(Path(folder) / "responses.npy", reader, index, dictionary.stems, stories)
        return _standard(courses_elsewhere(here, X, learned))


def _standard(courses: Floats) -> Floats:
    return np.stack([zscore(atoms) for atoms in courses])


def _is_learned(dictionary: Dictionary, timing: StimulusTiming, stories: dict[str, Story]) -> bool:
    """Whether the run heard one story on the grid on which its atoms were learned."""
    stem = timing.stimuli[0].stem
    return stem in dictionary.atoms and timing.same_grid(stories[stem].canonical)
