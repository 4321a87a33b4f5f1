"""Learn the atoms of one dictionary, or the families of several, from a model's neurons and all stories."""

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

from bids_app.bids.derivatives import output_path, stimulus_path
from bids_app.disk import new_array
from bids_app.encoding.dictionary import REPRODUCIBLE, Families, reconstruction_r2
from bids_app.inputs.models import ModelRun
from bids_app.inputs.timing import Story
from bids_app.inputs.units import UnitIndex, UnitReader, neuron_matrix, units_identity
from bids_app.machine.budget import memory_mb
from bids_app.machine.once import computed_once, key_of
from bids_app.networks.subgroups import members
from bids_app.settings import Settings
from bids_app.settings_fields import result_settings
from bids_app.shared_options.dictionary import DictionaryOptions

# Part of the key of families: changed whenever restarts of the same settings end at other atoms than before.
RESTARTS_METHOD = "momentum, compressed"
log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Restarts:
    """The dictionaries behind the families.

    Attributes
    ----------
    courses : for each story (n_restarts, n_volumes, n_atoms), the atoms of each restart on its canonical grid
    families : the families that they share, on the volumes of all stories
    """

    courses: dict[str, Floats]
    families: Families


@dataclass(frozen=True)
class Dictionary:
    """Atoms learned from the neurons' responses to one or more stories: of one dictionary, or families of several.

    Attributes
    ----------
    stems : the stories, in the order of their volumes
    atoms : for each story (n_volumes, n_atoms), on its canonical grid
    loadings : (n_atoms, n_neurons)
    layer_of, unit_of : (n_neurons,) layer (from 0) and unit of each neuron
    summary : mean reconstruction R², density of the loadings or number of reproducible families, …
    restarts : the dictionaries behind families; None for atoms
    """

    stems: tuple[str, ...]
    atoms: dict[str, Floats]
    loadings: Floats
    layer_of: npt.NDArray[np.int64]
    unit_of: npt.NDArray[np.int64]
    summary: dict[str, Any]
    restarts: Restarts | None = None

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
        """Number of layers of the model; units may be of some layers only."""
        return int(self.summary.get("Layers", self.layer_of.max() + 1))

    @property
    def index(self) -> UnitIndex:
        """The units that count as neurons."""
        return UnitIndex(self.layer_of, self.unit_of)


def atom_names(n_atoms: int, kind: str = "atoms") -> list[str]:
    """Names of atoms, or of families, in tables and maps.

    >>> atom_names(2), atom_names(1, "families")
    (['atom-01', 'atom-02'], ['family-01'])
    """
    width = max(2, len(str(n_atoms)))
    return [f"{SINGULAR[kind]}-{i + 1:0{width}d}" for i in range(n_atoms)]


SINGULAR = {"atoms": "atom", "families": "family"}


def kind_of(settings: DictionaryOptions) -> str:
    """Kind of the mapped and linked time courses: `families` of several dictionaries, or `atoms` of one."""
    return "families" if settings.links == "conditional" else "atoms"


def variant(settings: DictionaryOptions, n_atoms: int, desc: str | None = None, shifted: bool = False) -> str:
    """`desc` of a result, with the number of atoms in a sweep, and `Shifted` for the control with shifted atoms."""
    base = kind_of(settings) if desc is None else desc
    return base + (str(n_atoms) if len(settings.atoms) > 1 else "") + ("Shifted" if shifted else "")


def scopes(settings: DictionaryOptions, stories: Mapping[str, Story]) -> list[tuple[str, ...]]:
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
    restarts = _restarts_of(content, stems, atoms) if "members" in content else None
    return Dictionary(stems, atoms, content["loadings"], content["layer_of"], content["unit_of"], summary, restarts)


def _restarts_of(content: Mapping[str, Any], stems: Sequence[str], atoms: Mapping[str, Floats]) -> Restarts:
    courses = {stem: content[f"restarts{i}"] for i, stem in enumerate(stems)}
    together = np.concatenate([atoms[stem] for stem in stems])
    return Restarts(courses, Families(together, content["reproducibility"], content["members"]))


def dictionary_key(
    model: ModelRun, stems: Sequence[str], n_atoms: int, stories: Mapping[str, Story], settings: Settings
) -> str:
    """Key of a dictionary: from its model, its settings and units, and the words of its stories with their times."""
    heard = [_heard(stories[stem]) for stem in stems]
    numbers = dictionary_numbers(settings, stems, n_atoms)
    method = [RESTARTS_METHOD] if kind_of(settings) == "families" else []
    return key_of([model.identity(), numbers, heard, *units_identity(settings), *method])


def _heard(story: Story) -> list[object]:
    """Words of a story with their times, and the grid on which its atoms are learned."""
    grid, words = story.canonical, story.words
    times = [array.tolist() for array in (words.onset, words.duration, grid.volumes)]
    return [story.stem, words.text, *times, grid.repetition_time, [vars(stimulus) for stimulus in grid.stimuli]]


def _learn(
    draft: Path,
    model: ModelRun,
    stems: tuple[str, ...],
    n_atoms: int,
    stories: dict[str, Story],
    settings: DictionaryOptions,
) -> None:
    draft.mkdir(parents=True)
    reader, heard = UnitReader(model, settings), [stories[stem] for stem in stems]
    index = reader.index(heard)
    if len(index) < n_atoms:
        raise ValueError(
            f"--atoms {n_atoms}: --units {settings.chosen_units.without_folder} leaves {len(index)} neurons of "
            f"{model.label}; give fewer atoms, or more units"
        )
    X = canonical_responses(draft / "responses.npy", reader, index, stems, stories)
    log.info("%s: %s of %d atoms from %d volumes × %d neurons", model.label, kind_of(settings), n_atoms, *X.shape)
    learned = (_families if kind_of(settings) == "families" else _one_dictionary)(X, n_atoms, settings)
    borders = np.cumsum([len(stories[stem].canonical.volumes) for stem in stems])[:-1]
    by_story = {
        f"{name}{i}": piece
        for name, courses in learned.courses.items()
        for i, piece in enumerate(np.split(courses, borders, axis=-2))
    }
    places = {"layer_of": index.layer_of, "unit_of": index.unit_of}
    arrays: dict[str, Any] = {**learned.arrays, **places, **by_story}
    np.savez(draft / "atoms.npz", **arrays)
    r2 = reconstruction_r2(X, learned.courses["story"], learned.arrays["loadings"])
    source = reader.source(heard[0])
    summary = {
        "ReconstructionR2": float(np.nanmean(r2)),
        **learned.summary,
        "Neurons": X.shape[1],
        **reader.facts_of(heard),
        "Layers": source.n_layers,
        "ModelRevision": source.revision,
        "ModelWeightsHash": source.weights_hash,
    }
    (draft / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    (draft / "responses.npy").unlink()


def canonical_responses(
    path: Path, reader: UnitReader, index: UnitIndex, stems: Sequence[str], stories: Mapping[str, Story]
) -> Floats:
    """Responses of all neurons to the stories on their canonical grids, (n_volumes, n_neurons), mapped to a file.

    A neuron's volumes lie side by side in the file, because dictionaries read neurons: random ones, or a batch. Row by
    row, each would touch the whole file.
    """
    lengths = [len(stories[stem].canonical.volumes) for stem in stems]
    borders = np.cumsum([0, *lengths])
    X = new_array(path, np.float32, (len(index), int(borders[-1]))).T
    for i, stem in enumerate(stems):
        rows = X[borders[i] : borders[i + 1]]
        neuron_matrix(reader, index, stories[stem].canonical, stories, out=rows)
    return X


@dataclass(frozen=True)
class _Learned:
    """Time courses (…, n_volumes, n_atoms) by name, other arrays, and fields of the summary."""

    courses: dict[str, Floats]
    arrays: dict[str, npt.NDArray[Any]]
    summary: dict[str, Any]


def _one_dictionary(X: Floats, n_atoms: int, settings: DictionaryOptions) -> _Learned:
    from bids_app.encoding.dictionary import DictionaryLearning  # with scikit-learn, which takes a second

    learner = DictionaryLearning(
        n_atoms=n_atoms,
        penalty=settings.penalty,
        random_state=settings.random_seed,
        device=settings.device,
        mem_mb=memory_mb(settings),
    ).fit(X)
    summary = {"Density": float((learner.loadings_ != 0).mean()), "Objective": float(learner.objective_)}
    return _Learned({"story": learner.atoms_}, {"loadings": learner.loadings_}, summary)


def _families(X: Floats, n_atoms: int, settings: DictionaryOptions) -> _Learned:
    from bids_app.encoding.dictionary import ReproducibleDictionary  # as above

    learner = ReproducibleDictionary(
        n_atoms=n_atoms,
        penalty=settings.penalty,
        n_restarts=settings.restarts,
        random_state=settings.random_seed,
        device=settings.device,
        mem_mb=memory_mb(settings),
    ).fit(X)
    reproducible = int((learner.reproducibility_ >= REPRODUCIBLE).sum())
    log.info(
        "%d of %d families are reproducible (rho of at least %g)", reproducible, len(learner.loadings_), REPRODUCIBLE
    )
    arrays: dict[str, npt.NDArray[Any]] = {
        "loadings": learner.loadings_,
        "reproducibility": learner.reproducibility_,
        "members": learner.members_,
    }
    summary = {"Atoms": n_atoms, "Families": len(learner.loadings_), "ReproducibleFamilies": reproducible}
    return _Learned({"story": learner.families_, "restarts": learner.restarts_}, arrays, summary)


def dictionary_path(
    out_dir: Path, stem: str, entities: Mapping[str, str], settings: DictionaryOptions, suffix: str, extension: str
) -> Path:
    """Path of a table of a dictionary: in OUT_DIR, or, if it was learned from one story, beside that story's files."""
    if settings.dictionary_scope == "story":
        return stimulus_path(out_dir, stem, entities, suffix, extension)
    return out_dir / output_path(out_dir, entities, suffix, extension).name
