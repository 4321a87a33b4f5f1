"""The table of the functional localiser in OUT_DIR: t of each unit of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bids_app.analyses.networks.dictionary_outputs import LOCALISER
from bids_app.bids.derivatives import output_path, sidecar_path, write_sidecar, write_table
from bids_app.inputs.models import ModelRun
from bids_app.inputs.units import UnitReader, stimuli_of, units_identity
from bids_app.language.localiser_stimuli import SENTENCE
from bids_app.machine.budget import step
from bids_app.machine.completion import Completion, Inputs
from bids_app.machine.once import key_of
from bids_app.settings import Settings


def write_localiser(model: ModelRun, settings: Settings) -> None:
    """Write t of all units, and which of them are selected.

    Raises OtherSettingsError if OUT_DIR holds a table of other settings or texts, ValueError if too few units are
    selective.
    """
    entities = {"model": model.label, "desc": LOCALISER.desc}
    path = settings.out_dir / output_path(settings.out_dir, entities, LOCALISER.suffix, ".tsv").name
    numbers = {"units": settings.chosen_units.without_folder, "localiser_percent": settings.localiser_percent}
    facts = {"Model": model.files, "Shared": {"texts of the localiser": [key_of(units_identity(settings))]}}
    completion = Completion(settings.out_dir, entities, numbers, Inputs(facts=facts), "", (path,))
    with completion.claimed() as is_missing, step(f"{model.label}: localiser", settings):
        if is_missing:
            reader = UnitReader(model, settings)
            table, extra = _table(reader), _fields(reader, settings)
            LOCALISER.require_fields(extra)
            described = LOCALISER.described(LOCALISER.require_columns(table.columns))
            write_table(path, table)
            write_sidecar(path, [], numbers, description=LOCALISER.content, columns=described, extra=extra)
            completion.finish((path, sidecar_path(path)))


def _table(reader: UnitReader) -> pd.DataFrame:
    found = reader.localised
    selected = np.zeros(len(found.t), dtype=bool)
    selected[reader.selected] = True
    return pd.DataFrame(
        {"layer": found.layer_of + 1, "unit": found.unit_of, "t": found.t.round(4), "selected": selected}
    )


def _fields(reader: UnitReader, settings: Settings) -> dict[str, Any]:
    conditions = [one.condition for one in stimuli_of(settings)]
    stimuli = settings.localiser_stimuli
    return {
        "Stimuli": "bundled" if stimuli is None else stimuli.name,
        "Sentences": conditions.count(SENTENCE),
        "NonWords": len(conditions) - conditions.count(SENTENCE),
        "SplitHalfR": round(reader.localised.halves, 4),
        "Selected": len(reader.selected),
    }
