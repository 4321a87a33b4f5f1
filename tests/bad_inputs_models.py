"""Bad models, and what goes wrong while a run is under way; see `bad_inputs`."""

import json
import os
import shutil
import time

from tests.bad_inputs import Case
from tests.bad_inputs_data import write

DEEP = "[" * 100_000
WEIGHTS = "model.safetensors"


def model_case(name, message, spoil, **more):
    """A model that cannot be used: nothing is computed."""

    def spoilt(bench):
        spoil(bench.model)
        return "--model", bench.model

    return Case(f"model: {name}", message, spoilt, **more)


def config_with(**changes):
    def spoil(folder):
        path = folder / "config.json"
        write(path, json.loads(path.read_text()) | changes)

    return spoil


def _file(name, content):
    return lambda folder: write(folder / name, content)


def _without(*names):
    def spoil(folder):
        for name in names:
            (folder / name).unlink(missing_ok=True)

    return spoil


def _pickle(folder):
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")


def _index(content):
    def spoil(folder):
        (folder / WEIGHTS).rename(folder / "part.safetensors")
        write(folder / f"{WEIGHTS}.index.json", content)

    return spoil


def tensors_with(change):
    def spoil(folder):
        from safetensors.torch import load_file, save_file

        weights = load_file(folder / WEIGHTS)
        change(weights)
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})

    return spoil


def _nan(weights):
    weights["h.1.mlp.c_fc.weight" if "h.1.mlp.c_fc.weight" in weights else next(iter(weights))][0, 0] = float("nan")


def _vision(folder):
    from transformers import CLIPVisionConfig, CLIPVisionModel

    for name in ("config.json", WEIGHTS):
        (folder / name).unlink()
    size = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    CLIPVisionModel(CLIPVisionConfig(**size, image_size=32, patch_size=16)).save_pretrained(folder)


def _no_blocks(folder):
    from transformers import MambaConfig, MambaModel

    tokenizer = folder.with_name("tokenizer")
    shutil.move(folder, tokenizer)
    MambaModel(MambaConfig(vocab_size=4000, hidden_size=16, num_hidden_layers=1, state_size=4)).save_pretrained(folder)
    for path in tokenizer.glob("*tok*"):
        shutil.copy(path, folder)


def _larger_vocabulary(folder):
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    content["model"]["vocab"]["zebra"] = 50_000
    write(path, content)


MODELS = (
    model_case("index without a map", "weight_map", _index({})),
    model_case("index with a list", "weight_map", _index({"weight_map": ["a"]})),
    model_case("index out of its folder", "folder", _index({"weight_map": {"a": "../x.safetensors"}})),
    model_case("config broken", r"config\.json.*JSON", _file("config.json", "{")),
    model_case("config an empty object", "model_type", _file("config.json", "{}")),
    model_case("config deep", "nested too deeply", _file("config.json", DEEP)),
    model_case("config of an unknown type", "of type 'nothing'", config_with(model_type="nothing")),
    model_case("config of a huge width", "n_embd = 2147483648", config_with(n_embd=2**31)),
    model_case("config of a huge vocabulary", "vocab_size = 10000000000", config_with(vocab_size=10**10)),
    model_case("config with layers as text", "n_layer = '3'", config_with(n_layer="3")),
    model_case(
        "config with its own code", "auto_map", config_with(model_type="nothing", auto_map={"AutoModel": "code.Model"})
    ),
    model_case("config gone", r"config\.json", _without("config.json")),
    model_case(
        "no tokenizer", "tokenizer", _without("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt")
    ),
    model_case("tokenizer broken", "tokenizer", _file("tokenizer.json", "{")),
    model_case("tokenizer larger than the embedding", "has tokens up to 50000", _larger_vocabulary),
    model_case("weights NaN", "not finite", tensors_with(_nan)),
    model_case(
        "weights cut", "not a complete safetensors file", lambda f: write(f / WEIGHTS, (f / WEIGHTS).read_bytes()[:-99])
    ),
    model_case("weights empty", "not a complete safetensors file", _file(WEIGHTS, "")),
    model_case("weights gone", "(?i)weights|safetensors", _without(WEIGHTS)),
    model_case("weights as pickle only", "pickled weights can run code", _pickle),
    model_case("vision only", "(?i)text|vision|token", _vision),
    model_case("no feed-forward block", "(?i)feed-forward", _no_blocks, plain=False),
    model_case("an empty folder", r"config\.json", lambda f: (shutil.rmtree(f), f.mkdir())),
    model_case(
        "a pipe", r"config\.json", lambda f: ((f / "config.json").unlink(), os.mkfifo(f / "config.json")), seconds=30
    ),
    Case("model: a file", "is (a file|no folder|not a folder)|tale_words", lambda b: ("--model", b.align)),
    Case(
        "model: twice under one name",
        "",
        lambda b: ("--model", b.model, shutil.copytree(b.model, b.root / "x/m")),
        status=0,
    ),
    Case(
        "model: weights larger than memory",
        "(?i)memory|GB",
        lambda b: (config_with(n_embd=64)(b.model), ("--mem-mb", "10"))[1],
    ),
)


def _removed_during(bench):
    """Another process removes OUT_DIR as soon as it holds a file."""
    if os.fork():
        return
    limit = time.monotonic() + 20
    while time.monotonic() < limit and not (bench.out / "sub-01" / "func").is_dir():
        time.sleep(0.01)
    shutil.rmtree(bench.out, ignore_errors=True)
    os._exit(0)


DURING = (
    Case("during: OUT_DIR removed", "was removed or emptied while the run wrote into it", _removed_during, leaves=True),
)

CASES_OF_MODELS = (*MODELS, *DURING)
