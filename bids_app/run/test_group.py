from pathlib import Path

import numpy as np
import pytest
from scipy.stats import wilcoxon

from bids_app.analyses.test_distance_group import GEOMETRY, write_labels, writer_of
from bids_app.bids.derivatives import read_table
from bids_app.bids.outputs import find_outputs
from bids_app.inputs.atlases import write_regions
from bids_app.machine.agreement import NoResultsError
from bids_app.run.group import run_group
from bids_app.settings import Settings


def test_nothing_to_summarise_is_reported(tmp_path: Path) -> None:
    with pytest.raises(NoResultsError, match="run the participant level first"):
        run_group(Settings(tmp_path, tmp_path, "group"), "group")


def test_brain_scores_of_layers_without_the_second_atlas(tmp_path: Path) -> None:
    labels = np.tile(np.repeat([0, 1], 10), 2)
    regions = write_labels(tmp_path, "Parts", labels, ["Front", "Back"])
    settings = Settings(tmp_path, tmp_path / "out", "group", regions=regions)
    scores = np.random.default_rng(0).random((6, 2, GEOMETRY.n_targets)).astype(np.float32)
    for row, layer_scores in enumerate(scores):
        writer_of(settings.out_dir, f"{row + 1:02d}").maps("brainscore", "r", layer_scores, ["layer-01", "layer-02"])
    write_regions(GEOMETRY, settings)
    run_group(settings, "group")
    table = read_table(find_outputs(settings.out_dir, "networks", "group", desc="brainscore")[0].paths[0])
    assert list(table.columns) == ["map", "region", "mean", "low", "high", "p", "participants"]
    assert table[["map", "region"]].to_numpy().tolist() == [["layer-01", "all"], ["layer-02", "all"]]
    layer_scores = scores.mean(axis=2, dtype=float)
    np.testing.assert_allclose(table["mean"], layer_scores.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(table["p"], wilcoxon(layer_scores, axis=0).pvalue, rtol=1e-6)
    compared = read_table(settings.out_dir / "group" / "model-comparison.tsv").iloc[0]
    best = int(layer_scores.mean(axis=0).argmax())
    assert compared["measure"] == f"r (layer-0{best + 1})"
    assert np.isclose(compared["mean"], layer_scores.mean(axis=0)[best])
