"""Other data and other settings of the main job: volumes, several models, sweeps, controls, pooling, all layers."""

from itertools import combinations

import pytest

from bids_app.bids.derivatives import read_sidecar, read_table
from bids_app.bids.outputs import find_maps, find_outputs
from tests.catalogue_check import unlisted
from tests.conftest import run, succeed

QUICK = ("--n-permutations", "100", "--n-spins", "99", "--omp-nthreads", "1", "--participant-label", "01")
WITHOUT_EVIDENCE = ("--analysis", "networks", "brainscore", *QUICK)


def test_volumes(demo_data, tmp_path):
    atlas = next((demo_data / "derivatives" / "atlas").glob("*MNI*_dseg.nii.gz"))
    model = demo_data / "sourcedata" / "models" / "gpt2"
    options = ("--space", "MNI152NLin6Asym", "--task-id", "orchard", "--encoding-penalty", "0.3", *WITHOUT_EVIDENCE)
    succeed("bids_app", demo_data, tmp_path, "participant", "--model", model, "--atlas", atlas, *options)
    maps, geometry = find_maps(tmp_path, "families", "beta")[0].load()
    assert geometry.kind == "volume"
    assert maps.shape[1] == geometry.n_targets
    assert 32 < len(maps) <= 64
    assert find_outputs(tmp_path, "networks", desc="families")
    assert find_maps(tmp_path, "noiseceiling", "r")
    succeed("bids_app", demo_data, tmp_path, "group")
    assert (tmp_path / "group.html").stat().st_size > 1000


def test_models_sweeps_controls_pooling_and_layers_in_one_run(demo_data, tmp_path):
    models = [demo_data / "sourcedata" / "models" / name for name in ("bert", "llama")]
    sweep = ("--atoms", "8", "16", "--controls", "untrained", "shifted", "--pool-tasks", "--layer", "all")
    options = ("--atlas", "none", "--encoding-penalty", "0.5", "--noise-ceiling", "none", *sweep, *WITHOUT_EVIDENCE)
    succeed("bids_app", demo_data, tmp_path, "participant", "--model", *models, *options)
    scores = [m for m in find_maps(tmp_path, stat="r") if "parcels" not in m.entities["desc"]]
    outputs = {(m.entities["model"], m.entities["desc"]) for m in scores}
    kinds = ("families8", "families16", "families8Shifted", "families16Shifted", "brainscore")
    labels = ("bert", "llama", "bertUntrained", "llamaUntrained")
    assert outputs == {(label, kind) for label in labels for kind in kinds}
    score = find_maps(tmp_path, "brainscore", "r", model="bert")[0]
    assert "task" not in score.entities
    layers = score.sidecar["Layers"]
    assert isinstance(layers, list)
    assert score.load()[0].shape[0] == len(layers) > 1
    succeed("bids_app", demo_data, tmp_path, "group")
    comparison = (tmp_path / "group" / "model-comparison.tsv").read_text()
    assert all(label in comparison for label in labels)
    expected = [list(pair) for pair in combinations(sorted(labels), 2)]
    for desc in ("families8", "families16"):
        path = tmp_path / "group" / f"desc-{desc}_matching.tsv"
        pairs = read_sidecar(path)["Pairs"]
        assert isinstance(pairs, list)
        assert [pair["Models"] for pair in pairs] == expected
        assert read_table(path)[["model", "other_model"]].drop_duplicates().to_numpy().tolist() == expected
    assert not [problem for problem in unlisted(tmp_path) if "matching" in problem]


@pytest.mark.parametrize("context", ["left", "exact", "64"])
def test_stimulus_level_alone(demo_data, tmp_path, context):
    model = demo_data / "sourcedata" / "models" / ("bert" if context == "left" else "gpt2")
    options = ("--model", model, "--context", context, "--task-id", "orchard", "--atoms", "8")
    done = run("bids_app", demo_data, tmp_path, "stimulus", "--analysis", "networks", *options)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("stimuli/orchard_audio_model-*_desc-families_timeseries.tsv.gz"))
    assert list(tmp_path.glob("model-*_desc-families_loadings.parquet"))
