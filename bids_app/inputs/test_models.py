"""A model counts by the content of its files; its activations are found again only while they are whole."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bids_app.bids.events import Stimulus
from bids_app.bids.words import Words
from bids_app.checksums import MANIFEST, write_manifest
from bids_app.conftest import write
from bids_app.inputs.models import ModelRun
from bids_app.inputs.timing import Story, timing_of
from bids_app.language import activations as language
from bids_app.settings import Settings

WORDS = Words(np.array([0.0, 1.0]), np.full(2, 0.5), ("a", "b"))
STORY = Story("tale", WORDS, timing_of([Stimulus("tale", "tale.wav", 0.0, ((0.0, 2.0),))], 1.0, 4))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for name in ("config.json", "model.safetensors", "vocab.txt"):
        write(tmp_path / "model" / name, f"content of {name}")
    return tmp_path / "model"


def run_of(folder: Path | str, work: Path, **changes: Any) -> ModelRun:
    settings = Settings(work, work / "out", "participant", model=(str(folder),), work_dir=work / "work", **changes)
    return ModelRun(str(folder), False, settings)


def test_a_copied_or_touched_model_is_the_same(model: Path, tmp_path: Path) -> None:
    identity = run_of(model, tmp_path).identity()
    for path in model.iterdir():
        os.utime(path, (0, 0))
    copy = shutil.copytree(model, tmp_path / "copy" / "model", copy_function=shutil.copyfile)
    write(copy / "README.md", "notes are no part of the model")
    assert run_of(model, tmp_path).identity() == run_of(copy, tmp_path).identity() == identity


def test_a_damaged_memory_of_a_model_is_no_other_model(model: Path, tmp_path: Path) -> None:
    before = run_of(model, tmp_path).files
    (kept,) = (tmp_path / "work" / "activations" / "models").iterdir()
    digest = before["model.safetensors"]
    kept.write_text(kept.read_text().replace(digest, digest[::-1]))
    assert run_of(model, tmp_path).files == before


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "vocab.txt"])
def test_a_model_that_is_replaced_in_place_is_another(model: Path, tmp_path: Path, name: str) -> None:
    before = run_of(model, tmp_path).files
    path = model / name
    state = path.stat()
    path.write_text(path.read_text().replace("content", "CONTENT"))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))  # even so
    after = run_of(model, tmp_path).files
    assert {key for key in after if after[key] != before[key]} == {name}
    assert run_of(model, tmp_path, context="left").identity() != run_of(model, tmp_path).identity()


def test_a_model_of_the_hub_counts_by_its_files_and_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "home" / "models" / "models--a--gpt2"
    for commit, weights in (("1" * 40, "old"), ("2" * 40, "new")):
        write(cache / "snapshots" / commit / "model.safetensors", weights)
    monkeypatch.setenv("N2N_HOME", str(tmp_path / "home"))
    identities = []
    for commit in ("1" * 40, "2" * 40):
        write(cache / "refs" / "main", commit)
        identities.append(run_of("a/gpt2", tmp_path).files)
    assert identities[0].keys() == identities[1].keys() == {"model.safetensors"}
    assert identities[0] != identities[1]
    shutil.rmtree(tmp_path / "home")
    assert run_of("a/gpt2", tmp_path).files == identities[1]
    assert run_of("b/gpt2", tmp_path).files == {"name": "b/gpt2", "revision": "None"}


@pytest.fixture
def extracted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Texts that were read, by a stand-in for a language model."""
    read: list[object] = []

    def read_activations(
        _: object, texts: tuple[str, str], kind: str, context: str, cache: Path, *, subtoken: str, stored: str
    ) -> SimpleNamespace:
        assert stored == "float32"
        read.append(texts)
        folder = cache / "made"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        np.save(folder / "layer-000.npy", np.ones((2, 3), dtype=np.float32))
        description = {"n_words": 2, "units": [3], "revision": None, "weights_hash": "x"}
        (folder / "activations.json").write_text(json.dumps(description))
        write_manifest(folder, folder / MANIFEST, folder.name)
        return SimpleNamespace(folder=folder)

    monkeypatch.setattr(language, "read_activations", read_activations)
    return read


def cut_layer(work: Path) -> None:
    path = work / "activations" / "made" / "layer-000.npy"
    path.write_bytes(path.read_bytes()[:-4])


def remove_layer(work: Path) -> None:
    (work / "activations" / "made" / "layer-000.npy").unlink()


def empty_description(work: Path) -> None:
    (work / "activations" / "made" / "activations.json").write_text("")


def remove_folder(work: Path) -> None:
    shutil.rmtree(work / "activations" / "made")


def cut_pointer(work: Path) -> None:
    next((work / "activations" / "requests").glob("????????????????????")).write_text("ma")


@pytest.mark.parametrize("damage", [cut_layer, remove_layer, empty_description, remove_folder, cut_pointer])
def test_damaged_activations_are_noticed_before_the_model_is_needed_and_made_again(
    model: Path, tmp_path: Path, extracted: list[object], damage: Callable[[Path], None]
) -> None:
    run = run_of(model, tmp_path)
    run.__dict__["loaded"] = None
    for _ in range(2):
        assert run.activations(STORY, "residual", "last").n_layers == 1
    assert len(extracted) == 1
    assert run.has_read(STORY, "residual", "last")
    damage(tmp_path / "work")
    assert not run.has_read(STORY, "residual", "last")
    np.testing.assert_array_equal(run.activations(STORY, "residual", "last").layer(0), np.ones((2, 3)))
    assert len(extracted) == 2
