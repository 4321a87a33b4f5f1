"""Bad input: one sentence with the problem, its location and what to do; a non-zero status; no data lost."""

import shutil
from pathlib import Path

import pytest

from bids_app.bids.container import CONTAINER_TAG
from bids_app.bids.outputs import find_maps
from tests.conftest import run

QUICK = ("--analysis", "brainscore", "--n-permutations", "50", "--omp-nthreads", "1", "--noise-ceiling", "none")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--participant-label", "99"), "99"),
        (("--task-id", "nosuchtask"), "nosuchtask"),
        (("--space", "fsLR"), "fsLR"),
        (("--layer", "9"), "--layer 9"),
        (("--model", "no/such-model"), "no/such-model"),
        (("--atlas", "nosuchatlas", "--analysis", "networks"), "nosuchatlas"),
        (("--device", "cuda"), "cuda"),
        (("-d", "nowhere"), "nowhere"),
    ],
)
def test_one_sentence(demo_data, tmp_path, arguments, message):
    config = demo_data / "code" / "demo.toml"
    done = run("bids_app", demo_data, tmp_path, "participant", "--config-file", config, *QUICK, *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_group_level_without_results(tmp_path):
    done = run("bids_app", tmp_path, tmp_path, "group")
    assert done.returncode == 1
    assert "run the participant level first" in done.stderr


def test_a_participant_whose_links_are_missing_is_named(demo, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(demo.out, out)
    record = next((out / "logs" / "complete").glob("sub-02_*_desc-families_complete.json"))
    for path in (record, *(out / "sub-02").rglob("*_desc-families_networks.*")):  # as if it had stopped before these
        path.unlink()
    done = run("bids_app", demo.data, out, "group")
    assert done.returncode == 1
    assert "sub-02 has maps of families, but no table of their links" in done.stderr
    assert "IndexError" not in done.stderr
    without = run("bids_app", demo.data, out, "group", "--exclude-participant-label", "02")
    assert without.returncode == 0, without.stderr


def test_a_folder_that_is_no_data_set_needs_to_be_meant(demo_data, tmp_path):
    folder = tmp_path / "data"
    shutil.copytree(demo_data, folder, ignore=shutil.ignore_patterns("*.gii", "*.nii.gz", "dataset_description.json"))
    done = run("bids_app", folder, tmp_path / "out", "participant")
    assert done.returncode == 1
    assert "--skip-bids-validation" in done.stderr
    meant = run("bids_app", folder, tmp_path / "out", "participant", "--skip-bids-validation")
    assert "No preprocessed BOLD" in meant.stderr


def test_a_participant_that_fails_leaves_the_others_alone(demo_data, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(demo_data, data, ignore=shutil.ignore_patterns("*MNI*"))
    broken = next((data / "derivatives" / "fmriprep" / "sub-01" / "func").glob("*task-orchard_hemi-R*.func.gii"))
    broken.write_bytes(broken.read_bytes()[:100_000])
    config = data / "code" / "demo.toml"
    out = tmp_path / "out"
    done = run("bids_app", data, out, "participant", "--config-file", config, "--task-id", "orchard", *QUICK)
    assert done.returncode == 1
    assert "sub-01 failed" in done.stderr
    assert broken.name in done.stderr
    assert {m.participant for m in find_maps(out, "brainscore", "r")} == {"02"}
    assert broken.name in (out / "sub-01.html").read_text()
    assert (out / "sub-02.html").exists()
    assert len(list((out / "logs").glob("crash-*_sub-01.txt"))) == 1


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="there is no /sys, where nobody can make a folder")
def test_an_out_dir_that_cannot_be_written(demo_data):
    done = run("bids_app", demo_data, "/sys/n2n", "participant")
    assert done.returncode == 1
    assert "OUT_DIR /sys/n2n cannot be written by user" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_data_set_in_a_container(monkeypatch, tmp_path):
    monkeypatch.setenv(CONTAINER_TAG, "neurons2networks:test")
    (tmp_path / "data").mkdir()
    done = run("bids_app", tmp_path / "data", tmp_path / "out", "participant", "--skip-bids-validation")
    assert done.returncode == 1
    assert f"is the volume mounted (-v FOLDER:{tmp_path / 'data'})?" in done.stderr


def test_a_home_that_does_not_exist(monkeypatch, demo_data, tmp_path):
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR", "TEMPLATEFLOW_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/dev/null/home")
    options = ("--config-file", demo_data / "code" / "demo.toml", "--participant-label", "01", "--task-id", "orchard")
    done = run("bids_app", demo_data, tmp_path, "participant", *options, *QUICK)
    assert done.returncode == 0, done.stderr
    assert "/dev/null" not in done.stderr
    assert (tmp_path / "sub-01.html").is_file()
    assert (tmp_path / ".work" / "cache" / "matplotlib").is_dir()
