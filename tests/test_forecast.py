"""Predictive coding on a demo in which one region follows the present word, one the word 8 ahead, one neither."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bids_app.bids.derivatives import read_table
from bids_app.bids.outputs import find_maps, find_outputs
from bids_app.demo.evaluate import evaluate
from tests.catalogue_check import unlisted
from tests.conftest import make_once, run, succeed

DISTANCES = ("-4", "4", "8", "12")
OPTIONS = ("--analysis", "brainscore", "forecast", "depth", "--distances", *DISTANCES, "--regions", "none")


@pytest.fixture(scope="module")
def forecast(tmp_path_factory):
    def make(folder):
        demo = ("demo", folder / "data", "--plant", "forecast", "--participants", "1", "--space", "fsaverage5")
        succeed("bids_app.tools", *demo)
        done = analyse(folder)
        assert done.returncode == 0, done.stderr[-4000:]
        (folder / "log.txt").write_text(done.stderr)
        succeed("bids_app", folder / "data", folder / "out", "group")

    return make_once(tmp_path_factory, "forecast", make)


def analyse(folder, *options):
    config = folder / "data" / "code" / "demo.toml"
    fixed = ("--config-file", config, "--n-permutations", "2000", "--omp-nthreads", "1", *OPTIONS)
    return run("bids_app", folder / "data", folder / "out", "participant", *fixed, *options)


def test_planted_distance_and_layer_come_back(forecast):
    table = evaluate(forecast / "data", forecast / "out").set_index("planted")
    assert table["d"]["ahead"] == 8
    assert table["d"]["present"] <= table["d"]["ahead"] - 4
    assert abs(table["k"]["ahead"] - table["planted_layer"]["ahead"]) <= 1
    assert table["gain"]["ahead"] > 5 * abs(table["gain"]["nothing"])
    assert table["significant"]["ahead"] > 0.2
    assert 0.02 < table["significant"]["nothing"] < 0.08


def test_what_is_written_is_what_the_catalogue_lists(forecast):
    assert unlisted(forecast / "out") == []


def test_zero_and_the_tested_distance_are_always_there(forecast):
    (gains,) = find_maps(forecast / "out", "forecast", "r")
    assert gains.sidecar["Distances"] == [-4, 0, 4, 8, 12]
    assert gains.sidecar["Maps"] == ["distance-4", "distance+0", "distance+4", "distance+8", "distance+12"]
    assert gains.sidecar["TestedDistance"] == 8
    values, _ = gains.load()
    (best,) = find_maps(forecast / "out", "forecastdistance", "d")
    distance = best.load()[0][0]
    known = np.isfinite(distance)
    assert np.array_equal(distance[known], np.array([-4, 0, 4, 8, 12])[values[:, known].argmax(axis=0)])


def test_the_base_is_the_brain_score_of_that_layer(forecast):
    base, score = (find_maps(forecast / "out", desc, "r")[0].load()[0][0] for desc in ("forecastbase", "brainscore"))
    np.testing.assert_allclose(base, score, atol=1e-4)


def test_curves_are_means_over_regions_of_the_maps(forecast):
    table = read_table(find_outputs(forecast / "out", "networks", desc="forecast")[0].paths[0])
    curve = table[(table["region"] == "all") & (table["window"] == "distance")]
    values = find_maps(forecast / "out", "forecast", "r")[0].load()[0]
    np.testing.assert_allclose(curve["r"].to_numpy(float), np.nanmean(values, axis=1), atol=1e-5)
    control = find_maps(forecast / "out", "forecastrandom", "r")[0].load()[0]
    random = table[(table["region"] == "all") & (table["window"] == "random")]["r"].to_numpy(float)
    np.testing.assert_allclose(random, [np.nanmean(control)], atol=1e-5)
    assert {"networks", "all"} == set(table["atlas"])


def test_nobody_else_heard_the_story(forecast):
    assert "no noise ceiling: there is no other participant" in (forecast / "log.txt").read_text()
    assert not find_maps(forecast / "out", "noiseceiling")


def test_reports_and_group(forecast):
    assert "not run" not in (forecast / "out" / "sub-01.html").read_text()
    for desc in ("forecast", "forecastcontrast", "forecastdistance", "forecastdepth"):
        assert find_maps(forecast / "out", desc, level="group"), desc
    validator = Path(sys.executable).with_name("bids-validator-deno")
    done = subprocess.run(
        [validator, forecast / "out", "--ignoreWarnings"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_started_again_it_only_says_what_is_there(forecast):
    before = {path: path.stat().st_mtime_ns for path in (forecast / "out").glob("sub-*/func/*")}
    done = analyse(forecast)
    assert done.returncode == 0
    assert {path: path.stat().st_mtime_ns for path in (forecast / "out").glob("sub-*/func/*")} == before
    other = analyse(forecast, "--window", "5")
    assert other.returncode == 1
    assert "window was 7, now 5" in other.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--window", "5000"), "window=5000"),
        (("--distances", "8", "90000"), "90000"),
        (("--tested-distance", "-90000"), "-90000"),
        (("--folds", "200"), "few"),
        (("--regions", "nosuchatlas"), "--regions nosuchatlas"),
        (("--context", "rolled", "--model", "bert"), "rolled"),
        (("--distances", "8", "8"), "each must be given once"),
        (("--significance", "0"), "significance = 0.0"),
    ],
)
def test_one_sentence(forecast, tmp_path, options, message):
    if "bert" in options:
        data = tmp_path / "data"
        succeed("bids_app.tools", "demo", data, "--participants", "1", "--stories", "1", "--space", "fsaverage5")
        options = (*options[:-1], str(data / "sourcedata" / "models" / "bert"))
    config = forecast / "data" / "code" / "demo.toml"
    fixed = ("--config-file", config, "--analysis", "forecast", "--layer", "1", "--omp-nthreads", "1")
    done = run("bids_app", forecast / "data", tmp_path / "out", "participant", *fixed, *options)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
