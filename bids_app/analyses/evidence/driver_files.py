"""What drives each atom, as files of OUT_DIR beside the dictionary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from bids_app.analyses.dictionary import dictionary_path
from bids_app.analyses.evidence.drivers import Drivers, all_drivers, identity
from bids_app.analyses.outputs import find_output
from bids_app.bids.derivatives import sidecar_path, stimulus_path, write_sidecar, write_table
from bids_app.inputs.band import audio_identity
from bids_app.inputs.models import ModelRun
from bids_app.inputs.parts_of_speech import tagger_identity
from bids_app.inputs.timing import Story
from bids_app.machine.budget import step
from bids_app.machine.completion import Completion, Inputs
from bids_app.settings import Settings
from bids_app.settings_fields import result_settings

_TABLES: Mapping[str, Callable[[Drivers], pd.DataFrame]] = {
    "passages": Drivers.passages,
    "enrichment": Drivers.enrichment,
    "nuisance": Drivers.nuisance,
}


def prepare(model: ModelRun, stories: dict[str, Story], settings: Settings) -> None:
    """Describe the atoms of all dictionaries of a model, unless it is done; and read what its scores need."""
    for story in stories.values():
        model.activations(story, "residual", "last")
    if "networks" not in settings.analysis:
        return
    for n_atoms, drivers in all_drivers(model, stories, settings):
        _write(drivers, n_atoms)


def _write(drivers: Drivers, n_atoms: int) -> None:
    settings, stems = drivers.settings, drivers.dictionary.stems
    desc, numbers, key = identity(drivers, n_atoms)
    numbers = {**numbers, **result_settings(settings, "evidence")}
    entities = {"model": drivers.model.label, "desc": desc}
    files = list(_files(drivers, entities))
    sound = audio_identity({s.stem: s.stim_file for t in drivers.band.timings for s in t.stimuli}, settings)
    tagger = tagger_identity(settings.parser)
    facts = {"Model": drivers.model.files, "Dictionary": key, "Shared": sound, "Parser": tagger or "none"}
    completion = Completion(
        settings.out_dir,
        {**entities, "desc": f"{desc}drivers"},
        numbers,
        Inputs(facts=facts),
        stems[0] if settings.dictionary_scope == "story" else "",
        tuple(path for path, _, _ in files),
    )
    with completion.claimed() as is_missing, step(f"{drivers.model.label}: what drives the {desc}", settings):
        if is_missing:
            for path, suffix, table in files:
                _write_one(path, table(), desc, suffix, numbers, drivers)
            completion.finish(file for path, _, _ in files for file in (path, sidecar_path(path)))


def _files(drivers: Drivers, entities: Mapping[str, str]) -> Iterator[tuple[Path, str, Callable[[], pd.DataFrame]]]:
    """Path, suffix and content of each table."""
    out_dir = drivers.settings.out_dir
    for stem in drivers.dictionary.stems:
        path = stimulus_path(out_dir, stem, entities, "words", ".tsv.gz")
        yield path, "words", lambda stem=stem: drivers.words(stem)  # type: ignore[misc]
    for suffix, make in _TABLES.items():
        path = dictionary_path(out_dir, drivers.dictionary.stems[0], entities, drivers.settings, suffix, ".tsv")
        yield path, suffix, lambda make=make: make(drivers)  # type: ignore[misc]


def _write_one(
    path: Path, table: pd.DataFrame, desc: str, suffix: str, numbers: Mapping[str, object], drivers: Drivers
) -> None:
    output = find_output(desc, suffix, "stimulus")
    columns = output.require_columns(table.columns)
    extra = drivers.kinds.facts
    output.require_fields(extra)
    write_table(path, table[columns])
    described = output.described(columns)
    write_sidecar(path, [], numbers, description=output.content, columns=described, extra=extra)
