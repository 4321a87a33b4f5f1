from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bids_app.language import activations, reading
from bids_app.language.activations import Activations, activation_key, read_activations
from bids_app.language.conftest_activations import Calls
from bids_app.language.models import LanguageModel


def test_only_what_is_missing_is_read(
    language_models: dict[str, LanguageModel], story: list[str], tmp_path: Path
) -> None:
    model, requests = language_models["gpt2"], [reading.Request("ffn-out", "mean"), reading.Request("residual", "last")]
    first = read_activations(model, story, "ffn-out", "auto", tmp_path)
    written = (first.folder / "layer-000.npy").stat().st_mtime_ns
    assert activations.read_all(model, story, requests, "auto", tmp_path)[0] == first
    assert (first.folder / "layer-000.npy").stat().st_mtime_ns == written
    with Calls(model) as calls:
        activations.read_all(model, story, requests, "auto", tmp_path)
    assert calls.sizes == []


def test_the_cache_is_used(language_models: dict[str, LanguageModel], story: list[str], tmp_path: Path) -> None:
    first = read_activations(language_models["gpt2"], story, "ffn-out", "auto", tmp_path)
    with Calls(language_models["gpt2"]) as calls:
        again = read_activations(language_models["gpt2"], story, "ffn-out", "auto", tmp_path, chunk_tokens=64)
        assert calls.sizes == []
        read_activations(language_models["gpt2"], story, "ffn-out", "auto", tmp_path, subtoken="last")
        assert calls.sizes
    assert again == first == Activations.open(first.folder)
    assert len(list(tmp_path.iterdir())) == 2


def test_the_key_holds_all_that_determines_the_numbers() -> None:
    settings: dict[str, Any] = {
        "weights_hash": "w",
        "texts": ["a", "b"],
        "kind": "ffn-out",
        "context": "auto",
        "dtype": "float32",
    }
    changes: list[dict[str, Any]] = [
        {},
        {"weights_hash": "v"},
        {"texts": ["ab"]},
        {"texts": ["b", "a"]},
        {"kind": "ffn-in"},
        {"context": "left"},
        {"context": "rolled"},
        {"context": 512},
        {"context": "512"},
        {"dtype": "float16"},
        {"subtoken": "last"},
        {"stored": "float16"},
    ]
    keys = [activation_key(**(settings | change)) for change in changes]
    assert len(set(keys)) == len(changes)
    assert keys[0] == activation_key(**settings, subtoken="mean")


def test_another_process_may_finish_first(
    language_models: dict[str, LanguageModel], story: list[str], tmp_path: Path
) -> None:
    model = language_models["gpt2"]
    nested: list[Activations | None] = []

    def finish_first(*_: object) -> None:
        if not nested:
            nested.append(None)
            nested[0] = read_activations(model, story, "ffn-out", "auto", tmp_path)

    handle = model.model.register_forward_pre_hook(finish_first)
    try:
        result = read_activations(model, story, "ffn-out", "auto", tmp_path)
    finally:
        handle.remove()
    assert result == nested[0]
    assert [path.name for path in tmp_path.iterdir()] == [result.folder.name]


def test_a_failure_leaves_nothing_behind(
    language_models: dict[str, LanguageModel], story: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(reading.Reader, "read", fail)
    with pytest.raises(MemoryError):
        read_activations(language_models["gpt2"], story, "ffn-out", "auto", tmp_path)
    assert list(tmp_path.iterdir()) == []


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def _zero_a_block(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:200] + bytes(100) + content[300:])


@pytest.mark.parametrize("name", ["layer-001.npy", "activations.json", "manifest.json"])
@pytest.mark.parametrize(
    "damage", [_cut, _zero_a_block, lambda path: path.write_bytes(b""), lambda path: path.unlink()]
)
def test_damaged_activations_are_made_again(
    language_models: dict[str, LanguageModel],
    story: list[str],
    tmp_path: Path,
    name: str,
    damage: Callable[[Path], int | None],
) -> None:
    model = language_models["gpt2"]
    first = read_activations(model, story, "ffn-out", "auto", tmp_path)
    whole = {path.name: path.read_bytes() for path in first.folder.iterdir()}
    damage(first.folder / name)
    again = read_activations(model, story, "ffn-out", "auto", tmp_path)
    assert {path.name: path.read_bytes() for path in again.folder.iterdir()} == whole
