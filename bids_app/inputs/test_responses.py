"""Responses of a fit: the story's volumes of all runs, z-scored within each, of the targets that vary in all runs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import zscore

from bids_app.bids.errors import DatasetError
from bids_app.conftest import Study
from bids_app.inputs.fits import fits_of
from bids_app.inputs.responses import Responses, read_responses
from bids_app.inputs.sources import open_sources

STORY = slice(3, 73)  # volumes from 6 to 146 s


def responses_of(study: Study) -> Responses:
    sources = open_sources(study.settings(high_pass=0.0))
    (fit,) = fits_of(sources, "03")
    return read_responses(fit, sources.stories, sources.settings)


@pytest.fixture
def runs(study: Study) -> list[Path]:
    """Two runs of one story."""
    for seed, run in enumerate(("_run-1", "_run-2")):
        study.events("03", run)
        study.bold("03", run, seed)
    return [study.bold("03", run, seed) for seed, run in enumerate(("_run-1", "_run-2"))]


def change(path: Path, column: str, value: float) -> None:
    pd.read_csv(path, sep="\t").assign(**{column: value}).to_csv(path, sep="\t", index=False, na_rep="n/a")


def test_runs_are_cut_z_scored_and_concatenated(study: Study, runs: list[Path]) -> None:
    found = responses_of(study)
    series = [pd.read_csv(path, sep="\t").to_numpy()[STORY] for path in runs]
    np.testing.assert_allclose(found.data, np.concatenate([zscore(run) for run in series]), atol=1e-5)
    assert found.run_lengths == (70, 70)
    assert found.valid.all()
    assert found.content is not None  # both runs heard the same
    first, second = np.split(found.content, 2)
    np.testing.assert_array_equal(first, second)


def test_a_target_must_vary_in_every_run(study: Study, runs: list[Path], caplog: pytest.LogCaptureFixture) -> None:
    change(runs[0], "A", 5.0)
    change(runs[1], "C", np.nan)
    caplog.set_level("INFO", logger="neurons2networks")
    found = responses_of(study)
    assert found.valid.tolist() == [False, True, False]
    assert found.data.shape == (140, 1)
    assert list(found.unusable.values()) == [
        {"Targets": 3, "Constant": 1, "Missing": 0},
        {"Targets": 3, "Constant": 0, "Missing": 1},
    ]
    assert "of 3 targets (parcels), 1 are constant and 0 have missing values" in caplog.text


def test_without_a_target_that_varies_in_every_run_there_is_no_fit(study: Study, runs: list[Path]) -> None:
    change(runs[0], "A", 5.0)
    for column in ("B", "C"):
        change(runs[1], column, 1.0)
    with pytest.raises(DatasetError, match="vary in every run"):
        responses_of(study)
