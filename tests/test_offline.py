"""Fetched with a network, run without one; everything that is missing is reported before a run begins."""

import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import nibabel
import numpy as np
import pytest
import templateflow
from huggingface_hub import constants

from bids_app import cli, tools
from bids_app.networks.template_files import template_files
from bids_app.yeo_networks import SCHEMES
from tests.archive import MAIN, Archive, served
from tests.conftest import FAST, ROOT

# A process in which whoever asks for the network is refused and written down.
BLOCKED = """
import os, socket
def refuse(*arguments, **_):
    with open(os.environ["BLOCKED_LOG"], "a") as log:
        log.write(f"{arguments}\\n")
    raise OSError("the network is blocked")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
"""
ONE = ("--participant-label", "01", "--task-id", "lighthouse", "--space", "fsaverage5")


def gifti(labels):
    image = nibabel.GiftiImage()
    array = nibabel.gifti.GiftiDataArray(labels.astype(np.int32), "NIFTI_INTENT_LABEL", "NIFTI_TYPE_INT32")
    image.add_gifti_data_array(array)
    return image.to_bytes()


def atlas_files(name, labels, names):
    left, right, table = template_files(name, "surface", "fsaverage5")
    rows = "".join(f"{number}\t{name}\n" for number, name in enumerate(names, start=1))
    made = {left: gifti(labels[0]), right: gifti(labels[1]), table: f"index\tname\n{rows}".encode()}
    return {f"tpl-fsaverage/{file}": content for file, content in made.items()}


@pytest.fixture
def archive(demo_data, tmp_path, monkeypatch):
    """The demo's model and atlases under their public names, and clients directed to this archive."""
    model = shutil.copytree(demo_data / "sourcedata" / "models" / "gpt2", tmp_path / "published")
    (model / "pytorch_model.bin").write_bytes(b"never fetched")
    demo_atlas = sorted((demo_data / "derivatives" / "atlas").glob("*fsaverage5*.label.gii"))
    labels = [np.asarray(nibabel.load(path).darrays[0].data) % 8 for path in demo_atlas]
    networks = SCHEMES[7].names
    templates = atlas_files("yeo7", labels, networks) | atlas_files("destrieux", labels, [f"G_{n}" for n in networks])
    published = Archive({"someone/tiny": model, "someone/other": model}, templates)
    with served(published):
        monkeypatch.setattr(constants, "ENDPOINT", published.url)
        files = f"{published.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        client = functools.partial(templateflow.TemplateFlowClient, s3_root=f"{published.url}/templateflow")
        monkeypatch.setattr(templateflow, "TemplateFlowClient", client)
        monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "no-templates"))
        yield published


def fetch(*arguments):
    return tools.main(["fetch", *map(str, arguments)])


def run_here(*arguments):
    return cli.main([str(argument) for argument in arguments])


def run_blocked(tmp_path, *arguments):
    """Run without network, cache and home; returns the finished process and its requests."""
    hooks = tmp_path / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "sitecustomize.py").write_text(BLOCKED)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "N2N_", "XDG_"))}
    environment = kept | {
        "PYTHONPATH": f"{hooks}{os.pathsep}{ROOT}",
        "BLOCKED_LOG": str(tmp_path / "asked.txt"),
        "HOME": str(tmp_path / "no-home"),
        "TEMPLATEFLOW_HOME": str(tmp_path / "no-templates"),
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "bids_app", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    asked = tmp_path / "asked.txt"
    return done, asked.read_text() if asked.exists() else ""


def results(out):
    """Files that a run leaves in OUT_DIR besides its work directory and lock."""
    return [path for path in out.rglob("*") if path.is_file() and not {".work", ".running"} & set(path.parts)]


def listing(folder):
    """Times of all files and folders; the note of which files were compared with their hashes left out."""
    return {path: path.lstat().st_mtime_ns for path in folder.rglob("*") if path.name != ".checked.json"}


def test_what_was_fetched_is_enough_for_a_run_without_a_network(archive, demo_data, tmp_path, capsys):
    resources = tmp_path / "my resources"
    options = ("--model", "someone/tiny", "--atlas", "yeo7")
    assert fetch(*options, "--space", "fsaverage5", "--to", resources) == 0
    assert f"the model someone/tiny (commit {MAIN}): 4 files" in capsys.readouterr().out
    names = {path.name for path in resources.rglob("*")}
    assert "model.safetensors" in names
    assert "pytorch_model.bin" not in names
    assert len(list(resources.rglob("tpl-*"))) == 4  # one folder, three files, none of them empty
    assert not (tmp_path / "no-templates").exists()
    before = listing(resources)

    out = tmp_path / "out"
    run = (demo_data, out, "participant", *options, *ONE, *FAST, "--analysis", "networks", "--atoms", "8")
    done, asked = run_blocked(tmp_path, *run, "--n-spins", "20", "--resources", resources)
    assert done.returncode == 0, done.stderr[-3000:]
    assert asked == ""
    assert listing(resources) == before
    assert not (tmp_path / "no-templates").exists()
    table = next(out.glob("sub-01/func/*_model-tiny_desc-families_networks.tsv")).read_text()
    assert "FrontoparietalControl" in table

    # What has read every story is not needed again; the atlas is.
    empty = tmp_path / "empty"
    empty.mkdir()
    again, asked = run_blocked(tmp_path, *run, "--resources", empty)
    assert again.returncode == 1
    assert "the atlas yeo7 in fsaverage5 is not in" in again.stderr
    assert "someone/tiny is not in" not in again.stderr
    assert asked == ""


def test_all_that_is_missing_is_reported_with_commands_that_bring_it(archive, demo_data, tmp_path, caplog):
    resources = tmp_path / "resources"
    resources.mkdir()
    out = tmp_path / "out"
    asked_for = ("--model", "someone/tiny", "someone/other", "--atlas", "yeo7", "--regions", "destrieux")
    run = (demo_data, out, "participant", *asked_for, *ONE, "--analysis", "networks", "forecast")
    assert run_here(*run, "--device", "cuda:99", "--resources", resources) == 1
    assert "5 things" in caplog.text
    assert "cuda:99" in caplog.text
    assert "Traceback" not in caplog.text
    assert not results(out)
    commands = re.findall(r'run "n2n (.+)" where there is a network', caplog.text)
    assert len(commands) == 4
    for command in commands:
        assert tools.main(shlex.split(command)) == 0
    caplog.clear()
    assert run_here(*run, "--dry-run", "--resources", resources) == 0
    assert "before it is computed" not in caplog.text


def test_a_second_fetch_keeps_the_commit_and_asks_for_nothing(archive, tmp_path):
    everything = ("--model", "someone/tiny", "--space", "fsaverage5", "--to", tmp_path / "resources")
    assert fetch(*everything) == 0
    before = (tmp_path / "resources" / "manifest.json").read_text()
    archive.commit = "f" * 40
    archive.asked.clear()
    assert fetch(*everything) == 0
    assert [path for path in archive.asked if "agent" not in path] == []
    assert (tmp_path / "resources" / "manifest.json").read_text() == before
    assert json.loads(before)["models"] == {"someone/tiny": MAIN}


def test_what_cannot_be_fetched_is_reported_and_the_rest_is_brought(archive, tmp_path, capsys):
    archive.gated.add("meta/secret")
    for path in [path for path in archive.templates if "hemi-R" in path]:
        del archive.templates[path]
    resources = tmp_path / "resources"
    models = ("no/such", "meta/secret", "someone/tiny", str(tmp_path / "published"))
    assert fetch("--model", *models, "--atlas", "yeo7", "--space", "fsaverage5", "--to", resources) == 1
    captured = capsys.readouterr()
    assert re.search(r"no/such cannot be fetched.*check the name", captured.err)
    assert re.search(r"meta/secret cannot be fetched.*HF_TOKEN", captured.err)
    assert re.search(r"published is a folder: copy it", captured.err)
    assert re.search(r"yeo7 in fsaverage5 cannot be fetched.*404", captured.err)
    assert "someone/tiny (commit" in captured.out
    assert not [path for path in resources.rglob("tpl-*hemi-R*") if path.is_file()]
    assert not list(resources.rglob(".draft*"))


def test_models_without_safetensors_are_refused(archive, tmp_path, capsys):
    (tmp_path / "published" / "model.safetensors").unlink()
    assert fetch("--model", "someone/tiny", "--to", tmp_path / "resources") == 1
    assert "safetensors" in capsys.readouterr().err
    assert not [path for path in archive.asked if path.startswith("GET") and "pytorch_model.bin" in path]


def test_files_cut_off_on_the_way_are_noticed(archive, demo_data, tmp_path, caplog):
    resources = tmp_path / "resources"
    assert fetch("--model", "someone/tiny", "--to", resources) == 0
    weights = next(resources.rglob("model.safetensors"))
    content = weights.read_bytes()
    weights.unlink()
    weights.write_bytes(content[:-1000])
    run = (demo_data, tmp_path / "out", "stimulus", "--model", "someone/tiny", "--resources", resources)
    assert run_here(*run) == 1
    assert "model.safetensors is not a complete safetensors file" in caplog.text


def test_too_little_memory_for_a_model_is_reported_before_it_is_loaded(demo_data, tmp_path, caplog):
    config = demo_data / "code" / "demo.toml"
    assert run_here(demo_data, tmp_path / "out", "stimulus", "--config-file", config, "--mem-mb", "1") == 1
    assert re.search(r"gpt2: 0\.2 million weights need 0\.4 GB in float32.*--mem-mb allows 1\.0 MB", caplog.text)
    assert "a larger --mem-mb" in caplog.text
    assert not results(tmp_path / "out")
