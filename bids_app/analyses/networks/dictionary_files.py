"""The dictionary in OUT_DIR: time courses for each story, loadings, and the agreement of restarts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bids_app.analyses.dictionary import (
    Dictionary,
    Restarts,
    atom_names,
    dictionary_key,
    dictionary_numbers,
    dictionary_path,
    get_dictionary,
    kind_of,
    scopes,
    variant,
)
from bids_app.analyses.networks import dictionary_outputs as outputs
from bids_app.analyses.networks.localiser_file import write_localiser
from bids_app.analyses.networks.options import NetworkOptions
from bids_app.analyses.networks.tables import as_read, as_written
from bids_app.bids.catalogue import Output
from bids_app.bids.derivatives import (
    read_sidecar,
    read_table,
    sidecar_path,
    stimulus_path,
    write_parquet,
    write_sidecar,
    write_table,
)
from bids_app.encoding.dictionary import REPRODUCIBLE, Families
from bids_app.inputs.models import ModelRun
from bids_app.inputs.timing import Story
from bids_app.machine.budget import step
from bids_app.machine.completion import Completion, Inputs
from bids_app.settings import Settings

# Loadings of families are least squares: none is zero. Files keep those of the strongest neurons.
_KEPT_SHARE = 0.2


def write_dictionary(
    dictionary: Dictionary, n_atoms: int, model: ModelRun, stories: dict[str, Story], settings: Settings
) -> None:
    """Write the time courses for each story, the loadings, and for families the agreement of restarts, to OUT_DIR.

    Raises OtherSettingsError if OUT_DIR holds a dictionary of other settings, words or word times.
    """
    stems = dictionary.stems
    entities = {"model": model.label, "desc": variant(settings, n_atoms)}
    numbers = dictionary_numbers(settings, stems, n_atoms)
    facts = {"Model": model.files, "Dictionary": dictionary_key(model, stems, n_atoms, stories, settings)}
    story = stems[0] if settings.dictionary_scope == "story" else ""
    files = list(_files(dictionary, entities, stories, settings))
    targets = tuple(path for path, *_ in files)
    completion = Completion(settings.out_dir, entities, numbers, Inputs(facts=facts), story, targets)
    with completion.claimed() as is_missing:
        if is_missing:
            for path, output, table, extra in files:
                _write(path, output, table, numbers, extra)
            completion.finish(file for path in targets for file in (path, sidecar_path(path)))


_File = tuple[Path, Output, pd.DataFrame, Mapping[str, Any]]


def _files(
    dictionary: Dictionary, entities: Mapping[str, str], stories: Mapping[str, Story], settings: NetworkOptions
) -> Iterator[_File]:
    kind, out_dir = kind_of(settings), settings.out_dir
    courses, loadings = (
        (outputs.FAMILY_COURSES, outputs.FAMILY_LOADINGS)
        if kind == "families"
        else (outputs.ATOM_COURSES, outputs.LOADINGS)
    )
    for stem in dictionary.stems:
        table = pd.DataFrame(dictionary.atoms[stem], columns=atom_names(dictionary.n_atoms, kind))
        extra = {**_time_fields(stories[stem]), **dictionary.summary}
        yield stimulus_path(out_dir, stem, entities, "timeseries", ".tsv.gz"), courses, table, extra
        if dictionary.restarts is not None:
            path = stimulus_path(out_dir, stem, _restarts_entities(entities), "timeseries", ".tsv.gz")
            yield path, outputs.RESTART_COURSES, _restarts_table(dictionary.restarts, stem), extra
    path = dictionary_path(out_dir, dictionary.stems[0], entities, settings, "loadings", ".parquet")
    yield path, loadings, as_written(_loadings_table(dictionary), kind), dictionary.summary
    if dictionary.restarts is not None:
        for suffix, output, table in (
            ("families", outputs.FAMILIES, _reproducibility_table(dictionary.restarts.families)),
            ("members", outputs.FAMILY_MEMBERS, _members_table(dictionary.restarts.families)),
        ):
            path = dictionary_path(out_dir, dictionary.stems[0], entities, settings, suffix, ".tsv")
            yield path, output, table, dictionary.summary


def _restarts_entities(entities: Mapping[str, str]) -> dict[str, str]:
    return {**entities, "desc": entities["desc"].replace("families", "restarts")}


def _time_fields(story: Story) -> dict[str, float]:
    grid = story.canonical
    return {
        "SamplingFrequency": 1 / grid.repetition_time,
        "StartTime": float(grid.volumes[0] * grid.repetition_time - grid.stimuli[0].audio_onset),
    }


def _write(
    path: Path, output: Output, table: pd.DataFrame, numbers: Mapping[str, Any], extra: Mapping[str, Any]
) -> None:
    columns = output.require_columns(table.columns)
    output.require_fields(extra)
    (write_parquet if path.suffix == ".parquet" else write_table)(path, table[columns])
    write_sidecar(path, [], numbers, description=output.content, columns=output.described(columns), extra=extra)


def _loadings_table(dictionary: Dictionary) -> pd.DataFrame:
    atom, neuron = np.nonzero(_kept(dictionary))
    table = pd.DataFrame({"neuron": neuron, "layer": dictionary.layer_of[neuron], "unit": dictionary.unit_of[neuron]})
    table = table.assign(atom=atom, loading=dictionary.loadings[atom, neuron])
    chosen = dictionary.members[["atom", "neuron"]].assign(member=True)
    table = table.merge(chosen, how="left", on=["atom", "neuron"])
    return table.assign(member=table["member"].eq(True))  # units are counted from 0, as in the model


def _kept(dictionary: Dictionary) -> Any:
    """Which loadings the file keeps: the non-zero ones, or the strongest of each family."""
    strength = np.abs(dictionary.loadings)
    if dictionary.restarts is None:
        return strength > 0
    n_kept = max(1, round(_KEPT_SHARE * strength.shape[1]))
    least = np.partition(strength, -n_kept, axis=1)[:, [-n_kept]]
    return strength >= least


def _restarts_table(restarts: Restarts, stem: str) -> pd.DataFrame:
    courses = restarts.courses[stem]
    n_restarts, n_volumes, n_atoms = courses.shape
    names = [f"restart-{r + 1:02d}_atom-{a + 1:02d}" for r in range(n_restarts) for a in range(n_atoms)]
    return pd.DataFrame(courses.transpose(1, 0, 2).reshape(n_volumes, -1), columns=names)


def _reproducibility_table(families: Families) -> pd.DataFrame:
    number = np.arange(families.n_families)
    held = (families.members != 0).any(axis=1).sum(axis=0)
    return pd.DataFrame(
        {
            "family": number + 1,
            "rho": families.reproducibility,
            "restarts": held,
            "reproducible": families.reproducibility >= REPRODUCIBLE,
        }
    )


def _members_table(families: Families) -> pd.DataFrame:
    restart, atom, family = np.nonzero(families.members)
    columns = {"restart": restart + 1, "atom": atom + 1, "family": family + 1}
    return pd.DataFrame({**columns, "sign": families.members[restart, atom, family]})


def read_members(path: Path) -> pd.DataFrame:
    """Sub-groups from the loadings that `write_dictionary` wrote, counted from 0 as `Dictionary.members`."""
    return as_read(pd.read_parquet(path, filters=[("member", "==", True)]))


def read_n_layers(path: Path) -> int:
    """Number of layers of the model behind the loadings that `write_dictionary` wrote."""
    return int(str(read_sidecar(path)["Layers"]))


def read_courses(out_dir: Path, stem: str, entities: Mapping[str, str]) -> tuple[pd.DataFrame, pd.Series]:
    """Time courses of a story, one column per atom, and the time of each row, in seconds since its audio started."""
    path = stimulus_path(out_dir, stem, entities, "timeseries", ".tsv.gz")
    table, sidecar = read_table(path), read_sidecar(path)
    start, frequency = (float(str(sidecar[key])) for key in ("StartTime", "SamplingFrequency"))
    return table, pd.Series(start + np.arange(len(table)) / frequency)


def read_families(
    out_dir: Path, stems: Sequence[str], entities: Mapping[str, str], settings: NetworkOptions
) -> tuple[Families, dict[str, tuple[Any, Any]]]:
    """The families that `write_dictionary` wrote, and for each story the restarts' courses and the times of their rows.

    The latter are (n_restarts, n_volumes, n_atoms) and (n_volumes,) in seconds.
    """
    courses = pd.concat([read_courses(out_dir, stem, entities)[0] for stem in stems]).to_numpy(dtype=np.float32)
    table, pairs = (
        read_table(dictionary_path(out_dir, stems[0], entities, settings, suffix, ".tsv"))
        for suffix in ("families", "members")
    )
    found = {stem: read_courses(out_dir, stem, _restarts_entities(entities)) for stem in stems}
    names = list(next(iter(found.values()))[0].columns)
    n_restarts = int(names[-1].split("_")[0].removeprefix("restart-"))
    members = np.zeros((n_restarts, len(names) // n_restarts, len(table)), dtype=np.int64)
    members[tuple(pairs[name].to_numpy() - 1 for name in ("restart", "atom", "family"))] = pairs["sign"]
    restarts = {
        stem: (
            rows.to_numpy(dtype=np.float32).reshape(len(rows), n_restarts, -1).transpose(1, 0, 2),
            times.to_numpy(dtype=np.float64),
        )
        for stem, (rows, times) in found.items()
    }
    return Families(courses, table["rho"].to_numpy(dtype=np.float64), members), restarts


def prepare(model: ModelRun, stories: dict[str, Story], settings: Settings) -> None:
    """Learn and write the missing dictionaries of a model, and the table of its localiser."""
    if settings.chosen_units.is_localised:
        write_localiser(model, settings)
    for n_atoms in settings.atoms:
        for stems in scopes(settings, stories):
            with step(f"{model.label}: dictionary of {n_atoms} atoms", settings):
                dictionary = get_dictionary(model, stems, n_atoms, stories, settings)
            write_dictionary(dictionary, n_atoms, model, stories, settings)
