"""The main job on the demo data set: files, names, and the planted truth."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bids_app.bids.derivatives import read_sidecar
from bids_app.bids.outputs import find_maps
from bids_app.demo.evaluate import evaluate
from bids_app.language.models import load_model
from tests.conftest import Demo

STORED = Path(__file__).with_name("demo_outputs.txt")


def files_of(out):
    """Names of all outputs except the work directory and locks; logs by their kind."""
    paths = (p.relative_to(out) for p in out.rglob("*") if p.is_file() and p.name not in (".lock", ".running"))
    return sorted({str(p) if p.parts[0] != "logs" else f"logs/*{p.suffix}" for p in paths if p.parts[0] != ".work"})


def times(out):
    """When each map and table was written."""
    return {path: path.stat().st_mtime_ns for path in out.glob("sub-*/func/*")}


def test_files_are_those_that_users_expect(demo):
    assert files_of(demo.out) == STORED.read_text().splitlines()


def test_bids_validator_reports_no_error(demo):
    validator = Path(sys.executable).with_name("bids-validator-deno")
    done = subprocess.run([validator, demo.out, "--ignoreWarnings"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_planted_links_come_back(demo):
    table = evaluate(demo.data, demo.out)
    assert (table["links"] == "conditional").all()
    table = table[table["of"] == "all"].set_index("participant")
    assert (table["atom_correlation"] > 0.95).all()
    assert (table["precision"] >= 0.95).all()
    assert (table.drop(index=["group", "replicated"])["recall"] >= 0.95).all()
    assert (table["recall"] > 0.8).all()  # two participants are few for a t-test


def test_loadings_tell_which_weights_they_came_from(demo):
    sidecar = read_sidecar(next(demo.out.glob("model-gpt2_desc-families_loadings.parquet")))
    assert sidecar["ModelWeightsHash"] == load_model(demo.data / "sourcedata" / "models" / "gpt2").weights_hash
    assert sidecar["ModelRevision"] is None  # a folder has no commit


def test_brain_score_is_high_where_the_model_drives_the_brain(demo):
    scores = find_maps(demo.out, "brainscore", "r")[0].load()[0][0]
    fits = find_maps(demo.out, "families", "r")[0].load()[0][0]
    finite = np.isfinite(scores)
    assert np.array_equal(finite, np.isfinite(fits))
    # Two different maps from the same model to the same responses agree on where it drives them.
    assert np.corrcoef(scores[finite], fits[finite])[0, 1] > 0.2
    assert 0.40 < np.isfinite(scores).mean() < 0.95  # no values on the medial wall


def test_group_maps_are_means_of_the_participants(demo):
    group = find_maps(demo.out, "brainscore", "mean", level="group")[0]
    of_participants = [m.load()[0] for m in find_maps(demo.out, "brainscore", "r")]
    assert len(of_participants) == 2
    np.testing.assert_allclose(group.load()[0], np.mean(of_participants, axis=0), atol=1e-6)


def test_the_group_page_tells_one_share_of_the_ceiling(demo):
    page = (demo.out / "group.html").read_text()
    first, caption = (re.findall(text, page)[:1] for text in (r"(\d+) % of what other part", r"reach (\d+) % of it"))
    panel = pd.read_csv(next((demo.out / "group").glob("*_desc-evidence_networks.tsv")), sep="\t")
    rows = panel[(panel["claim"] == "brain score") & (panel["check"] == "share of the ceiling")]
    assert first == caption == [f"{100 * rows['value'].iloc[0]:.0f}"]


def test_sources_are_bids_uris_of_files_that_exist(demo):
    sources = find_maps(demo.out, "families", "beta")[0].sidecar["Sources"]
    assert isinstance(sources, list)
    roots = {"raw": demo.data, "fmriprep": demo.data / "derivatives" / "fmriprep"}
    for uri in sources:
        _, name, path = uri.split(":", 2)
        assert (roots[name] / path).is_file()


@pytest.fixture
def copy(demo, tmp_path):
    """A copy of the results, for tests that change them."""
    return Demo(demo.data, Path(shutil.copytree(demo.out, tmp_path / "out")))


def test_started_again_it_computes_nothing(copy):
    before = times(copy.out)
    done = copy.participant(copy.out, "--participant-label", "01")
    assert done.returncode == 0, done.stderr
    assert "there already" in done.stderr
    assert before == times(copy.out)


def test_outputs_of_other_settings_are_not_overwritten(copy):
    before, settings = times(copy.out), sorted(copy.out.glob("logs/*.toml"))
    done = copy.participant(copy.out, "--folds", "4")
    assert done.returncode == 1
    assert "folds was 5, now 4" in done.stderr
    assert before == times(copy.out)
    assert settings == sorted(copy.out.glob("logs/*.toml"))


def test_one_process_gives_the_same_bits_as_two(demo, tmp_path):
    done = demo.participant(tmp_path, "--participant-label", "sub-02")
    assert done.returncode == 0, done.stderr
    for path in sorted((tmp_path / "sub-02" / "func").glob("*.gii")):
        assert path.read_bytes() == (demo.out / "sub-02" / "func" / path.name).read_bytes(), path.name


def test_dry_run_writes_nothing(demo, tmp_path):
    done = demo.participant(tmp_path / "none", "--dry-run")
    assert done.returncode == 0
    assert "would compute sub-01: " in done.stderr
    assert not (tmp_path / "none").exists()


def test_reports_only_writes_the_reports_again(copy):
    report = copy.out / "sub-01.html"
    before = report.read_bytes()
    report.unlink()
    done = copy.participant(copy.out, "--reports-only", "--participant-label", "01")
    assert done.returncode == 0, done.stderr
    assert report.read_bytes() == before


def test_model_comparison_has_an_interval_for_every_measure(demo):
    table = pd.read_csv(demo.out / "group" / "model-comparison.tsv", sep="\t", na_values="n/a")
    scores = table[table["analysis"] == "brainscore"]
    assert len(scores) == 1
    assert ((scores["low"] <= scores["mean"]) & (scores["mean"] <= scores["high"])).all()


@pytest.mark.parametrize("level", ["participant", "group"])
def test_reports_show_pictures_that_exist(demo, level):
    page = demo.out / ("sub-01.html" if level == "participant" else "group.html")
    text = page.read_text()
    files = [piece.split('"')[0] for piece in text.split('href="')[1:] if "/figures/" in piece.split('"')[0]]
    assert len(files) > 6
    assert all((demo.out / file).is_file() for file in files)
    assert text.count('src="data:image/') >= len(files) / 2  # each is a PNG and an SVG, and one of them in the page
    assert text.count("src=") == text.count('src="data:image/')
