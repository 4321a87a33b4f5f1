"""Bad models and atlases, and what goes wrong while a run is under way; see `bad_inputs`."""

import json
import os
import shutil
import time

import nibabel as nib
import numpy as np

from tests.bad_inputs import Case
from tests.bad_inputs_data import GRID, N_VERTICES, write, write_image

DEEP = "[" * 100_000
WEIGHTS = "model.safetensors"


def _model(name, said, spoil, **more):
    """A model that cannot be used; nothing is computed."""

    def spoilt(bench):
        spoil(bench.model)
        return "--model", bench.model

    return Case(f"model: {name}", said, spoilt, **more)


def _config(**changes):
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


def _tensors(change):
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
    _model("index without a map", "weight_map", _index({})),
    _model("index with a list", "weight_map", _index({"weight_map": ["a"]})),
    _model("index out of its folder", "folder", _index({"weight_map": {"a": "../x.safetensors"}})),
    _model("config broken", r"config\.json.*JSON", _file("config.json", "{")),
    _model("config an empty object", "model_type", _file("config.json", "{}")),
    _model("config deep", "nested too deep", _file("config.json", DEEP)),
    _model("config of an unknown type", "of type 'nothing'", _config(model_type="nothing")),
    _model("config of a huge width", "n_embd = 2147483648", _config(n_embd=2**31)),
    _model("config of a huge vocabulary", "vocab_size = 10000000000", _config(vocab_size=10**10)),
    _model("config with layers as text", "n_layer = '3'", _config(n_layer="3")),
    _model("config with its own code", "auto_map", _config(model_type="nothing", auto_map={"AutoModel": "code.Model"})),
    _model("config gone", r"config\.json", _without("config.json")),
    _model(
        "no tokenizer", "tokenizer", _without("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt")
    ),
    _model("tokenizer broken", "tokenizer", _file("tokenizer.json", "{")),
    _model("tokenizer larger than the embedding", "has tokens up to 50000", _larger_vocabulary),
    _model("weights NaN", "not finite", _tensors(_nan)),
    _model(
        "weights cut", "no complete safetensors file", lambda f: write(f / WEIGHTS, (f / WEIGHTS).read_bytes()[:-99])
    ),
    _model("weights empty", "no complete safetensors file", _file(WEIGHTS, "")),
    _model("weights gone", "(?i)weights|safetensors", _without(WEIGHTS)),
    _model("weights as pickle only", "pickled weights can run code", _pickle),
    _model("vision only", "(?i)text|vision|token", _vision),
    _model("no feed-forward block", "(?i)feed-forward", _no_blocks, plain=False),
    _model("an empty folder", r"config\.json", lambda f: (shutil.rmtree(f), f.mkdir())),
    _model(
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
        lambda b: (_config(n_embd=64)(b.model), ("--mem-mb", "10"))[1],
    ),
)

NETWORKS = ("--analysis", "networks", "--atoms", "4", "-w", "{bases}/work")


def _atlas(name, said, make, kind="volumes", **more):
    def spoil(bench):
        return "--atlas", make(bench)

    return Case(f"atlas: {name}", said, spoil, kind=kind, options=NETWORKS, **more)


LABELS = np.arange(np.prod(GRID)).reshape(GRID) % 3 + 1
TABLE = "index\tname\n1\tVis\n2\tDefault\n3\tCont\n"


def _labels(bench, data=LABELS, table=TABLE, name="tpl-MNI152NLin6Asym_atlas-A_dseg.nii.gz", **more):
    path = write_image(bench.root / name, np.asarray(data, dtype=np.int16), **more)
    if table is not None:
        write(bench.root / name.replace(".nii.gz", ".tsv"), table)
    return path


def _truncated(bench):
    path = _labels(bench)
    return write(path, path.read_bytes()[:60])


def _annot(bench, content=b""):
    return write(bench.root / "lh.a.annot", content)


ATLASES = (
    _atlas(
        "of a space that is not the data's",
        "space|MNI",
        lambda b: _labels(b, name="tpl-MNI152NLin2009cAsym_atlas-A_dseg.nii.gz"),
    ),
    _atlas(
        "labels missing from its table",
        r"\[?3",
        lambda b: _labels(b, table="index\tname\n1\tVis\n2\tDefault\n"),
        status=0,
    ),
    _atlas("without a table", "table", lambda b: _labels(b, table=None)),
    _atlas("broken table", r"dseg\.tsv", lambda b: _labels(b, table="garbage")),
    _atlas("table with a label twice", "twice|1", lambda b: _labels(b, table=TABLE + "1\tLimbic\n")),
    _atlas("truncated", "damaged|truncated|could not be read|cannot be read", _truncated),
    _atlas("all zero", "label|empty|no region|none", lambda b: _labels(b, np.zeros(GRID))),
    _atlas(
        "fractions",
        "whole|integer|label",
        lambda b: write_image(b.root / "tpl-MNI152NLin6Asym_atlas-A_dseg.nii.gz", LABELS + np.float32(0.4)),
    ),
    _atlas(
        "of four dimensions",
        "dimension|3D|4",
        lambda b: write_image(b.root / "tpl-MNI152NLin6Asym_atlas-A_dseg.nii.gz", np.ones((*GRID, 4), np.int16)),
    ),
    _atlas(
        "elsewhere",
        "overlap|outside|none|no ",
        lambda b: _labels(b, affine=np.array([[4, 0, 0, 900], [0, 4, 0, 0], [0, 0, 4, 0], [0, 0, 0, 1]])),
    ),
    _atlas("unknown format", "format|ending|\\.xyz", lambda b: write(b.root / "a.xyz", "x")),
    _atlas(
        "a folder without files", "empty|holds no|no atlas", lambda b: ((b.root / "atl").mkdir(), b.root / "atl")[1]
    ),
    _atlas(
        "a pipe",
        "There is no atlas file",
        lambda b: (os.mkfifo(b.root / "a.nii.gz"), b.root / "a.nii.gz")[1],
        seconds=30,
    ),
    _atlas("of a volume, for surfaces", "is a volume, and the data lie on a surface", _labels, kind="surfaces"),
    _atlas("of a volume, for regions", "--atlas .* is not used", _labels, kind="regions", status=0),
    _atlas("empty annot", "annot", _annot, kind="surfaces"),
    _atlas("broken gifti", "gii", lambda b: write(b.root / "a_hemi-L.label.gii", "<GIFTI"), kind="surfaces"),
    _atlas("of other vertices", "vertices", lambda b: _label_gifti(b, N_VERTICES - 4), kind="surfaces"),
)


def _label_gifti(bench, n):
    for hemi in "LR":
        labels = (np.arange(n) % 3 + 1).astype(np.int32)
        array = nib.gifti.GiftiDataArray(labels, "NIFTI_INTENT_LABEL", "NIFTI_TYPE_INT32")
        table = nib.gifti.GiftiLabelTable()
        for number, name in enumerate(("none", "Vis", "Default", "Cont")):
            label = nib.gifti.GiftiLabel(number, 1, 1, 1, 1)
            label.label = name
            table.labels.append(label)
        nib.save(nib.GiftiImage(darrays=[array], labeltable=table), bench.root / f"atlas_hemi-{hemi}.label.gii")
    return bench.root / "atlas_hemi-L.label.gii"


def _removed_during(bench):
    """OUT_DIR goes, from another process, as soon as something lies in it."""
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

CASES_OF_MODELS = (*MODELS, *ATLASES, *DURING)
