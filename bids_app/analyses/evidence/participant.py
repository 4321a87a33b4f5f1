"""Evidence for the scores of one fit: the nuisance band, what models add to it, leaks and timing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bids_app.analyses.dictionary import dictionary_key, dictionary_numbers, get_dictionary, kind_of, variant
from bids_app.analyses.dictionary_courses import atoms_on, stems_of_dictionary
from bids_app.analyses.evidence.checks import leak_table, timing_table
from bids_app.analyses.evidence.options import EvidenceOptions
from bids_app.analyses.evidence.spaces import WEIGHTS, OverBand, band_design, course_designs, over_band
from bids_app.analyses.scoring import predict, score_brain, score_step, write_atlases, write_tests
from bids_app.analyses.work import Step, Work
from bids_app.analyses.writer import Writer
from bids_app.bids.targets import fill
from bids_app.inputs.band import Band, audio_identity, band_of
from bids_app.inputs.designs import Designs
from bids_app.inputs.files_read import heard
from bids_app.inputs.models import ModelRun
from bids_app.inputs.parcels import find_parcels
from bids_app.inputs.regions import region_targets
from bids_app.inputs.responses import Responses
from bids_app.machine.budget import step
from bids_app.settings_fields import result_settings
from bids_app.stats.arrays import Floats

NAME = "evidence"
NUISANCE, OVER, FAMILIES_OVER = "nuisance", "overnuisance", "familiesovernuisance"
_SIGNIFICANT = 0.05


def nuisance_step(work: Work) -> Step:
    """The band alone, the leak alarm and the timing check, beside the models of a fit."""
    settings, stories = work.settings, work.sources.stories

    def compute(writer: Writer) -> None:
        band = band_of(work.responses.timings, stories, settings)
        with step("nuisance band", settings):
            _score_band(band, work.responses, settings, writer)
        with step("leaks and timing", settings):
            writer.table("leaks", leak_table(work.responses, settings))
            writer.table("timing", timing_table(work.runs, work.fit, stories))

    return Step(work.completion(NUISANCE, None, result_settings(settings, NAME), NAME, shared=_sound(work)), compute)


def steps(work: Work, model: ModelRun) -> Iterator[Step]:
    """What the model adds to the band: its layers, and its families of neurons where there is a dictionary."""
    yield score_step(work, model, NAME, OVER, _layers_over_band, shared=_sound(work))
    if "networks" in work.settings.analysis:
        for n_atoms in work.settings.atoms:
            yield _families_step(work, model, n_atoms)


def _sound(work: Work) -> dict[str, list[str]]:
    return audio_identity(heard(work.fit, work.sources), work.settings)


def _score_band(band: Band, responses: Responses, settings: EvidenceOptions, writer: Writer) -> None:
    design = band_design(band, responses, settings)
    found = predict(design, responses.data, settings)
    scores = score_brain(
        lambda data: predict(design, data, settings).predictions,
        found.predictions,
        responses,
        found.folds,
        settings,
        find_parcels(responses, settings),
    )
    write_tests(writer, NUISANCE, [scores], responses.valid, **band.facts)
    writer.maps(NUISANCE, "r", fill(scores.r, responses.valid), **band.facts)


def _layers_over_band(responses: Responses, designs: Designs, settings: EvidenceOptions, writer: Writer) -> None:
    band = band_of(responses.timings, designs.stories, settings)
    layers, parcels = settings.layers.chosen(designs.n_layers), find_parcels(responses, settings)
    results = {}
    for layer in layers:
        with step(f"{designs.model.label}: layer {layer} over the nuisance band", settings):
            banded = designs.banded(layer, band, WEIGHTS)
            results[f"layer-{layer:02d}"] = over_band(banded, responses, settings, parcels)
    _write(writer, OVER, results, responses, Layers=layers, **band.facts)


def _families_step(work: Work, model: ModelRun, n_atoms: int) -> Step:
    settings, stories, stems = work.settings, work.sources.stories, stems_of_dictionary(work)
    numbers = {**result_settings(settings, NAME), **dictionary_numbers(settings, stems, n_atoms)}
    desc = variant(settings, n_atoms, f"{kind_of(settings)}overnuisance")

    def compute(writer: Writer) -> None:
        responses = work.responses
        write_atlases(responses.geometry, settings)
        dictionary = get_dictionary(model, stems, n_atoms, stories, settings)
        courses = [atoms_on(dictionary, timing, model, stories, settings) for timing in responses.timings]
        band = band_of(responses.timings, stories, settings)
        with step(f"{model.label}: {kind_of(settings)} over the nuisance band", settings):
            designs = course_designs(np.concatenate(courses), band, responses, settings)
            found = over_band(designs, responses, settings, find_parcels(responses, settings))
        _write(writer, desc, {kind_of(settings): found}, responses, **band.facts)

    key = dictionary_key(model, stems, n_atoms, stories, settings)
    return Step(work.completion(desc, model, numbers, NAME, dictionary=key, shared=_sound(work)), compute)


def _write(writer: Writer, desc: str, results: Mapping[str, OverBand], responses: Responses, **fields: object) -> None:
    """Write the maps, and the table per region."""
    names, valid = list(results), responses.valid
    write_tests(writer, desc, [result.gain for result in results.values()], valid, names, **fields)
    for stat, values in (
        ("r2", [result.unique for result in results.values()]),
        ("r", [result.gain.r for result in results.values()]),
    ):
        writer.maps(desc, stat, fill(np.stack(values), valid), names, **fields)
    stability = {name: _correlation(*result.halves) for name, result in results.items()}
    writer.table(desc, _per_region(writer, results, responses), Stability=stability)


def _correlation(first: Floats, second: Floats) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic) if len(first) > 2 else float("nan")


def _per_region(writer: Writer, results: Mapping[str, OverBand], responses: Responses) -> pd.DataFrame:
    """Means over the targets of each region, and the share of targets with q < 0.05."""
    position = np.cumsum(responses.valid) - 1
    rows: list[dict[str, Any]] = []
    for atlas, region, targets in region_targets(responses.geometry, writer.out_dir, responses.valid):
        where = position[targets]
        for name, result in results.items():
            means = {
                "nuisance": result.band[where].mean(),
                "gain": result.gain.r[where].mean(),
                "unique": result.unique[where].mean(),
                "significant": (result.gain.q[where] < _SIGNIFICANT).mean(),
            }
            rows.append({"atlas": atlas, "region": region, "map": name, **means, "targets": len(where)})
    return pd.DataFrame(rows)
