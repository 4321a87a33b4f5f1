"""Compare what an analysis found with what was planted."""

from pathlib import Path

import numpy as np
import pandas as pd

from bids_app.bids.derivatives import write_json
from bids_app.demo.evaluate_forecast import evaluate_forecast
from bids_app.demo.evaluate_links import evaluate_links
from bids_app.demo.truth import ForecastTruth, read_truth

_LEVELS = ("participant", "group", "replicated")
_SETS = ("reproducible", "all")


def evaluate(demo_dir: Path, out_dir: Path, json_file: Path | None = None) -> pd.DataFrame:
    """Compare the results in OUT_DIR with the truth of the demo; print the comparison and return it.

    The columns are those of `evaluate_links` or `evaluate_forecast`, by what the demo plants. `json_file` receives
    `summarise_links` of the former, and the rows of the latter under the key `regions`.

    Raises FileNotFoundError when `demo_dir` is no demo, or OUT_DIR holds no results of the planted model.
    """
    truth = read_truth(demo_dir)
    summary: dict[str, object]
    if isinstance(truth, ForecastTruth):
        table = evaluate_forecast(truth, demo_dir, out_dir)
        form, summary = "{:.3g}", {"regions": table.to_dict("records")}
    else:
        table = evaluate_links(truth, out_dir)
        form, summary = "{:.2f}", summarise_links(table)
    print(table.to_string(index=False, float_format=form.format, na_rep="n/a"))
    if json_file is not None:
        write_json(json_file, summary)
    return table


def summarise_links(table: pd.DataFrame) -> dict[str, object]:
    """Precision and recall over all participants, of the group, and of the links that replicate.

    Keys: participant, group, replicated; in each reproducible and all; in each precision, recall, found, planted,
    expected_false, true_false, pooled over the tables (participants, tasks, spaces), None where undefined. They are
    those of the conditional links where there are any; Dice's then stand under the key dice in the same form.
    """
    ways = [way for way in ("conditional", "dice") if (table["links"] == way).any()]
    first, *others = [_levels(table[table["links"] == way]) for way in ways]
    return {"links": ways[0], **first} | ({"dice": others[0]} if others else {})


def _levels(table: pd.DataFrame) -> dict[str, object]:
    level = table["participant"].where(table["participant"].isin(_LEVELS), "participant")
    main = table["desc"].isin(["families", "atoms"])  # not those of a sweep, nor of shifted atoms
    return {
        name: {of: _pooled(table[main & (level == name) & (table["of"] == of)]) for of in _SETS} for name in _LEVELS
    }


def _pooled(rows: pd.DataFrame) -> dict[str, float | int | None]:
    """One set of links over several tables; all None where there is no table."""
    found, planted = int(rows["n_found"].sum()), int(rows["n_planted"].sum())
    n_false = found - int(rows["n_true"].sum())
    n_recovered = (rows["recall"] * rows["n_planted"]).sum()
    with_links = rows[rows["n_found"] > 0]
    n_expected = (with_links["expected_false"] * with_links["n_found"]).sum(skipna=False)
    known = not rows.empty
    return {
        "precision": 1 - n_false / found if found else None,
        "recall": float(n_recovered) / planted if planted else None,
        "found": found if known else None,
        "planted": planted if known else None,
        "expected_false": float(n_expected) / found if found and np.isfinite(n_expected) else None,
        "true_false": n_false / found if found else None,
    }
