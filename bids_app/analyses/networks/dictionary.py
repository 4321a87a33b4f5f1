"""Learn the atoms of a model's neurons from all stories, once; give their time courses on any run."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.networks.outputs import ATOM_COURSES, LOADINGS
from bids_app.analyses.networks.tables import counted_from_one, counted_from_zero
from bids_app.bids.derivatives import (
    output_path,
    read_sidecar,
    sidecar_path,
    stimulus_path,
    write_parquet,
    write_sidecar,
    write_table,
)
from bids_app.disk import new_array
from bids_app.encoding.dictionary import DictionaryLearning, reconstruction_r2, time_courses
from bids_app.inputs.models import ModelRun, neuron_matrix
from bids_app.inputs.timing import StimulusTiming, Story
from bids_app.machine.budget import memory_mb, step
from bids_app.machine.completion import Completion, Inputs
from bids_app.machine.notices import notice
from bids_app.machine.once import computed_once, key_of
from bids_app.networks.subgroups import members
from bids_app.settings import Settings, result_settings
from bids_app.stats.standardise import zscore

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Dictionary:
    """Atoms learned from the neurons' responses to one or more stories.

    Attributes
    ----------
    stems : the stories, in the order of their volumes
    atoms : for each story (n_volumes, n_atoms), on its canonical grid
    loadings : (n_atoms, n_neurons)
    layer_of, unit_of : (n_neurons,) layer (from 0) and unit of each neuron
    summary : mean reconstruction R², density of the loadings, objective
    """

    stems: tuple[str, ...]
    atoms: dict[str, Floats]
    loadings: Floats
    layer_of: npt.NDArray[np.int64]
    unit_of: npt.NDArray[np.int64]
    summary: dict[str, Any]

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.loadings)

    @property
    def members(self) -> pd.DataFrame:
        """Neurons of each atom's sub-group, see `networks.subgroups.members`; everything counted from 0."""
        return members(self.loadings, self.layer_of, self.unit_of)

    @property
    def n_layers(self) -> int:
        """Number of layers of the model."""
        return int(self.layer_of.max()) + 1


def atom_names(n_atoms: int) -> list[str]:
    """Names of atoms in tables and maps.

    >>> atom_names(2)
    ['atom-01', 'atom-02']
    """
    width = max(2, len(str(n_atoms)))
    return [f"atom-{i + 1:0{width}d}" for i in range(n_atoms)]


def variant(settings: Settings, n_atoms: int, what: str = "atoms", shifted: bool = False) -> str:
    """Name of a result in `desc`: sweeps carry the number of atoms, the control with shifted atoms says so."""
    return what + (str(n_atoms) if len(settings.atoms) > 1 else "") + ("Shifted" if shifted else "")


def scopes(settings: Settings, stories: Mapping[str, Story]) -> list[tuple[str, ...]]:
    """Stories that share a dictionary."""
    stems = tuple(sorted(stories))
    return [stems] if settings.dictionary_scope == "all" else [(stem,) for stem in stems]


def dictionary_numbers(settings: Settings, stems: Sequence[str], n_atoms: int) -> dict[str, Any]:
    """Settings that determine a dictionary, for its sidecars."""
    return {**result_settings(settings, "dictionary"), "atoms": n_atoms, "stories": list(stems)}


def get_dictionary(
    model: ModelRun, stems: tuple[str, ...], n_atoms: int, stories: dict[str, Story], settings: Settings
) -> Dictionary:
    """The dictionary of these stories, learned now if it is not in the work directory."""
    key = dictionary_key(model, stems, n_atoms, stories, settings)
    folder = settings.work / "dictionaries" / f"{model.label}-{key}"
    computed_once(folder, lambda draft: _learn(draft, model, stems, n_atoms, stories, settings))
    content = np.load(folder / "atoms.npz")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    atoms = {stem: content[f"story{i}"] for i, stem in enumerate(stems)}
    return Dictionary(stems, atoms, content["loadings"], content["layer_of"], content["unit_of"], summary)


def prepare(model: ModelRun, stories: dict[str, Story], settings: Settings) -> None:
    """Learn and write the dictionaries of a model that are not there yet."""
    for n_atoms in settings.atoms:
        for stems in scopes(settings, stories):
            with step(f"{model.label}: dictionary of {n_atoms} atoms", settings):
                dictionary = get_dictionary(model, stems, n_atoms, stories, settings)
            write_dictionary(dictionary, model, stories, settings)


def dictionary_key(
    model: ModelRun, stems: Sequence[str], n_atoms: int, stories: Mapping[str, Story], settings: Settings
) -> str:
    """What tells a dictionary from all others: its model, settings, and the words of its stories with their times."""
    heard = [_heard(stories[stem]) for stem in stems]
    return key_of([model.identity(), dictionary_numbers(settings, stems, n_atoms), heard])


def _heard(story: Story) -> list[object]:
    """Words of a story and when they were heard, on the grid on which its atoms are learned."""
    grid, words = story.canonical, story.words
    times = [array.tolist() for array in (words.onset, words.duration, grid.volumes)]
    return [story.stem, words.text, *times, grid.repetition_time, [vars(stimulus) for stimulus in grid.stimuli]]


def _learn(
    draft: Path, model: ModelRun, stems: tuple[str, ...], n_atoms: int, stories: dict[str, Story], settings: Settings
) -> None:

    draft.mkdir(parents=True)
    lengths = [len(stories[stem].canonical.volumes) for stem in stems]
    borders = np.cumsum([0, *lengths])
    source = model.activations(stories[stems[0]], settings.neurons, "mean")
    shape = (int(borders[-1]), sum(source.units))
    log.info("%s: dictionary of %d atoms from %d volumes × %d neurons", model.label, n_atoms, *shape)
    X = new_array(draft / "responses.npy", np.float32, shape)
    for i, stem in enumerate(stems):
        story = stories[stem]
        neuron_matrix(model, settings.neurons, story.canonical, stories, out=X[borders[i] : borders[i + 1]])
    learner = DictionaryLearning(
        n_atoms=n_atoms,
        penalty=settings.penalty,
        random_state=settings.random_seed,
        device=settings.device,
        mem_mb=memory_mb(settings),
    ).fit(X)
    r2 = reconstruction_r2(X, learner.atoms_, learner.loadings_)
    atoms: dict[str, Any] = {f"story{i}": learner.atoms_[borders[i] : borders[i + 1]] for i in range(len(stems))}
    np.savez(draft / "atoms.npz", loadings=learner.loadings_, layer_of=source.layer_of, unit_of=source.unit_of, **atoms)
    summary = {
        "ReconstructionR2": float(np.nanmean(r2)),
        "Density": float((learner.loadings_ != 0).mean()),
        "Objective": float(learner.objective_),
        "Neurons": shape[1],
        "Layers": source.n_layers,
        "ModelRevision": source.revision,
        "ModelWeightsHash": source.weights_hash,
    }
    (draft / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    (draft / "responses.npy").unlink()


def atoms_on(
    dictionary: Dictionary, timing: StimulusTiming, model: ModelRun, stories: dict[str, Story], settings: Settings
) -> Floats:
    """Time courses (n_kept, n_atoms) of the atoms on the volumes of one run, z-scored within it.

    On the grid they were learned on, the atoms themselves; elsewhere the least-squares time courses of their loadings.
    """
    stem = timing.stimuli[0].stem
    if stem in dictionary.atoms and timing.same_grid(stories[stem].canonical):
        return zscore(dictionary.atoms[stem])
    if stem in stories and (grid := stories[stem].canonical).repetition_time != timing.repetition_time:
        notice(
            logging.INFO,
            f"{stem}: the repetition time is {timing.repetition_time:g} s, and was {grid.repetition_time:g} s where "
            "the dictionary was learned: its atoms are fitted to the volumes of this run",
        )
    X = neuron_matrix(model, settings.neurons, timing, stories)
    return zscore(time_courses(X, dictionary.loadings))


def write_dictionary(dictionary: Dictionary, model: ModelRun, stories: dict[str, Story], settings: Settings) -> None:
    """Write the atoms' time courses for each story, and the loadings, to OUT_DIR.

    Raises OtherSettingsError when those of other settings, or of other words or times, are there.
    """
    stems, n_atoms = dictionary.stems, dictionary.n_atoms
    entities = {"model": model.label, "desc": variant(settings, n_atoms)}
    series = {
        stem: stimulus_path(settings.out_dir, stem, entities, "timeseries", ".tsv.gz") for stem in dictionary.stems
    }
    loadings = loadings_path(settings.out_dir, stems[0], entities, settings)
    numbers = dictionary_numbers(settings, stems, n_atoms)
    facts = {"Model": model.files, "Dictionary": dictionary_key(model, stems, n_atoms, stories, settings)}
    story = stems[0] if settings.dictionary_scope == "story" else ""
    targets = (*series.values(), loadings)
    completion = Completion(settings.out_dir, entities, numbers, Inputs(facts=facts), story, targets)
    with completion.claimed() as is_missing:
        if is_missing:
            for stem, path in series.items():
                _write_series(path, dictionary, stories[stem], numbers)
            table = _loadings_table(dictionary)
            LOADINGS.require_fields(dictionary.summary)
            write_parquet(loadings, table[LOADINGS.require_columns(table.columns)])
            write_sidecar(
                loadings, [], numbers, description=LOADINGS.content, columns=LOADINGS.columns, extra=dictionary.summary
            )
            completion.finish(file for path in targets for file in (path, sidecar_path(path)))


def _write_series(path: Path, dictionary: Dictionary, story: Story, numbers: Mapping[str, Any]) -> None:
    names, grid = atom_names(dictionary.n_atoms), story.canonical
    extra = {
        "SamplingFrequency": 1 / grid.repetition_time,
        "StartTime": float(grid.volumes[0] * grid.repetition_time - grid.stimuli[0].audio_onset),
        **dictionary.summary,
    }
    ATOM_COURSES.require_columns(names)
    ATOM_COURSES.require_fields(extra)
    write_table(path, pd.DataFrame(dictionary.atoms[story.stem], columns=names))
    (description,) = ATOM_COURSES.columns.values()
    columns = dict.fromkeys(names, description)
    write_sidecar(path, [], numbers, columns=columns, extra=extra)


def loadings_path(out_dir: Path, stem: str, entities: Mapping[str, str], settings: Settings) -> Path:
    """Where the loadings of a dictionary go: OUT_DIR itself, or beside the one story it was learned from."""
    if settings.dictionary_scope == "story":
        return stimulus_path(out_dir, stem, entities, "loadings", ".parquet")
    return out_dir / output_path(out_dir, entities, "loadings", ".parquet").name


def _loadings_table(dictionary: Dictionary) -> pd.DataFrame:
    atom, neuron = np.nonzero(dictionary.loadings)
    table = pd.DataFrame({"neuron": neuron, "layer": dictionary.layer_of[neuron], "unit": dictionary.unit_of[neuron]})
    table = table.assign(atom=atom, loading=dictionary.loadings[atom, neuron])
    chosen = dictionary.members[["atom", "neuron"]].assign(member=True)
    table = table.merge(chosen, how="left", on=["atom", "neuron"])
    table = table.assign(member=table["member"].eq(True))
    return counted_from_one(table)  # units stay counted from 0, as in the model


def read_members(path: Path) -> pd.DataFrame:
    """Sub-groups from the loadings that `write_dictionary` wrote, counted from 0 as `Dictionary.members`."""
    return counted_from_zero(pd.read_parquet(path, filters=[("member", "==", True)]))


def read_n_layers(path: Path) -> int:
    """Number of layers of the model behind the loadings that `write_dictionary` wrote."""
    return int(str(read_sidecar(path)["Layers"]))
