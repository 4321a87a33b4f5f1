"""Participants who heard the same story, computed in parallel: the same outputs as one after the other."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bids_app.bids.derivatives import write_json, write_table
from bids_app.demo.dataset import prepare
from bids_app.demo.forecast import DEFAULTS
from bids_app.demo.layered_model import write_layered_model
from bids_app.demo.layout import bold_metadata, participant_labels, write_description
from tests.conftest import succeed

OPTIONS = replace(DEFAULTS, participants=3, n_volumes=160)
N_REGIONS = 40


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """One story that three participants heard; random walks in 40 regions."""
    target = tmp_path_factory.mktemp("data") / "data"
    ground = prepare(target, OPTIONS)
    write_layered_model(target / "sourcedata" / "models", ground.texts, seed=0)
    derivative = target / "derivatives" / "regions"
    write_description(derivative, "Regions", derivative=True)
    random = np.random.default_rng(0)
    (scan,) = ground.scans
    for label in participant_labels(OPTIONS.participants):
        walk = 0.3 * random.standard_normal((scan.n_volumes, N_REGIONS)).cumsum(axis=0)
        table = pd.DataFrame(walk + random.standard_normal(walk.shape)).add_prefix("region")
        path = derivative / f"sub-{label}" / "func" / f"sub-{label}_task-{scan.task}_seg-Regions_timeseries.tsv"
        write_table(path, table)
        write_json(path.with_suffix(".json"), bold_metadata(scan))
    return target


def outputs(data, out, nprocs):
    """Bytes of all participants' files and the names of the computed designs, from an empty folder."""
    (model,) = (data / "sourcedata" / "models").iterdir()
    analysis = ("--analysis", "forecast", "--layer", "2", "--model", model)
    fits = ("--distances", "8", "--n-permutations", "100", "--folds", "3", "--pca", "8", "--omp-nthreads", "1")
    options = ("-d", f"regions={data / 'derivatives' / 'regions'}", "--nprocs", nprocs)
    succeed("bids_app", data, out, "participant", *analysis, *fits, *options)
    files = {str(path.relative_to(out)): path.read_bytes() for path in out.glob("sub-*/func/*")}
    return files, {path.name for path in out.glob(".work/designs/*.npz")}


def test_side_by_side_as_one_by_one(data, tmp_path):
    alone, designs = outputs(data, tmp_path / "alone", 1)
    together, designs_together = outputs(data, tmp_path / "together", 2)
    assert len(alone) > 3 * 10
    assert len(designs_together) == 7  # present, distances −8, 0, 8, three draws of random words: each made once
    assert designs_together == designs
    assert together.keys() == alone.keys()
    assert [name for name in alone if together[name] != alone[name]] == []
