"""Models that cannot be used: each is refused in one sentence that says what and where."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from bids_app.language.configuration import read_json
from bids_app.language.models import load_model
from bids_app.language.weights import INDEX_FILE, WEIGHTS_FILE


@pytest.fixture
def folder(model_folders: dict[str, Path], tmp_path: Path) -> Path:
    return shutil.copytree(model_folders["gpt2"], tmp_path / "gpt2")


def _edit(**changes: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return edit


def _write(name: str, content: bytes) -> Callable[[Path], int]:
    return lambda folder: (folder / name).write_bytes(content)


def _index(content: dict[str, dict[str, int | str] | list[str]] | list[int]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        (folder / WEIGHTS_FILE).rename(folder.parent / "outside.safetensors")
        (folder / INDEX_FILE).write_text(json.dumps(content))

    return edit


def _only(name: str) -> Callable[[Path], Path]:
    return lambda folder: (folder / WEIGHTS_FILE).rename(folder / name)


def _adapter(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "adapter_config.json").write_text("{}")


def _gguf(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "model.Q4.gguf").write_bytes(b"GGUF")


def _not_finite(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS_FILE)
    weights["transformer.h.1.mlp.c_fc.weight"][0, 0] = torch.nan
    save_file(weights, folder / WEIGHTS_FILE, metadata={"format": "pt"})


def _cut(folder: Path) -> None:
    path = folder / WEIGHTS_FILE
    path.write_bytes(path.read_bytes()[:-100])


def _dangling(name: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(folder.parent / ".git" / "annex" / "MD5E-s1")

    return edit


def _pipe(name: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return edit


BAD = {
    "a link without content": (_dangling("config.json"), r"config\.json is a link to content that is not here"),
    "weights not here": (_dangling(WEIGHTS_FILE), r"safetensors is a link to content that is not here.*datalad get"),
    "a pipe": (_pipe("config.json"), r"config\.json is not a file"),
    "a tokenizer that is a pipe": (_pipe("tokenizer.json"), r"tokenizer\.json is not a file"),
    "empty configuration": (_write("config.json", b""), r"config\.json cannot be read as JSON"),
    "broken configuration": (_write("config.json", b"{"), r"config\.json cannot be read as JSON"),
    "configuration of other bytes": (_write("config.json", b"\xff\xfe\x00"), r"config\.json cannot be read as JSON"),
    "deep configuration": (_write("config.json", b"[" * 100_000), r"config\.json .* nested too deeply"),
    "empty object": (_write("config.json", b"{}"), "names no model_type"),
    "a list": (_write("config.json", b"[1]"), "must hold a JSON object"),
    "unknown type": (_edit(model_type="nothing"), "of type 'nothing': choose another model"),
    "a type that is a number": (_edit(model_type=5), "names no model_type"),
    "code of its own": (
        _edit(model_type="nothing", auto_map={"AutoModel": "code.Model"}),
        r"the code that it brings \(auto_map\) is never run",
    ),
    "fewer layers than the weights": (
        _edit(n_layer=1),
        r"blocks that config\.json leaves out, such as (transformer\.)?h\.1\.",
    ),
    "layers in words": (_edit(n_layer="3"), "n_layer = '3' must be a whole number"),
    "layers in fractions": (_edit(n_layer=2.5), "n_layer = 2.5 must be a whole number"),
    "a million layers": (_edit(n_layer=10**6), "n_layer = 1000000 is more than a model can have"),
    "a vocabulary of 10^10": (_edit(vocab_size=10**10), "vocab_size = 10000000000 is more than a model can have"),
    "a width of 2^31": (_edit(n_embd=2**31), "n_embd = 2147483648 is more than a model can have"),
    "negative layers": (_edit(n_layer=-1), "n_layer = -1 must be a whole number, not negative"),
    "a width beside the weights": (_edit(n_embd=64), "cannot be read into a gpt2"),
    "a vocabulary beside the weights": (_edit(vocab_size=5000), "cannot be read into a gpt2"),
    "quantised": (_edit(quantization_config={"quant_method": "gptq", "bits": 4}), r"are quantised \(gptq\)"),
    "a LoRA adapter": (_adapter, "but a LoRA adapter: merge it"),
    "a GGUF file": (_gguf, r"but model\.Q4\.gguf: GGUF files cannot be read"),
    "pickles alone": (_only("pytorch_model.bin"), r"only pytorch_model\.bin, and pickled weights can run code"),
    "a pickle of another name": (_only("model.pt"), r"only model\.pt, and pickled weights can run code"),
    "weights of another name": (_only("weights.safetensors"), r"only weights\.safetensors"),
    "weights cut off": (_cut, "is not a complete safetensors file"),
    "empty weights": (_write(WEIGHTS_FILE, b""), "is not a complete safetensors file"),
    "weights that are text": (_write(WEIGHTS_FILE, b"version https://git-lfs"), "is not a complete safetensors file"),
    "weights not finite": (_not_finite, r"not finite, in h\.1\.mlp\.c_fc\.weight"),
    "an index without a map": (_index({}), "must hold a weight_map"),
    "an index with a list": (_index({"weight_map": ["a"]}), "must hold a weight_map"),
    "an index that is a list": (_index([1]), "must hold a JSON object"),
    "an index of numbers": (_index({"weight_map": {"a": 1}}), "must hold a weight_map"),
    "an index out of its folder": (_index({"weight_map": {"a": "../outside.safetensors"}}), "in the same folder"),
    "an index to anywhere": (_index({"weight_map": {"a": "/etc/passwd"}}), "in the same folder"),
    "an index of a pickle": (_index({"weight_map": {"a": "model.bin"}}), "in the same folder"),
    "broken tokenizer": (_write("tokenizer.json", b"{"), "tokenizer of the model"),
    "deep tokenizer": (_write("tokenizer.json", b"[" * 100_000), "tokenizer of the model"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_models_are_refused_in_one_sentence(folder: Path, name: str) -> None:
    edit, message = BAD[name]
    edit(folder)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        load_model(folder, device="cpu")
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value) or "gpt2" in str(caught.value)


@pytest.mark.parametrize("changes", [{"n_layer": 10**6}, {"n_embd": 2**31}, {"n_embd": 17}, {"vocab_size": 10**10}])
def test_untrained_models_are_not_built_from_absurd_sizes(folder: Path, changes: dict[str, int]) -> None:
    _edit(**changes)(folder)
    with pytest.raises(ValueError, match=r"n_embd|n_layer|vocab_size|No gpt2 can be made"):
        load_model(folder, device="cpu", untrained_seed=0)


def test_a_tokenizer_of_another_model_is_refused(folder: Path) -> None:
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    content["model"]["vocab"]["zebra"] = 5000
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="has tokens up to 5000, but the model reads only tokens below 420"):
        load_model(folder, device="cpu")


def test_json_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("1e999")
    with pytest.raises(ValueError, match=r"x\.json must hold a JSON object"):
        read_json(path)
