import json
import math
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, BertConfig, BertModel

from bids_app import disk
from bids_app.checksums import find_damage
from bids_app.demo.models import save_model
from bids_app.finetune import progress
from bids_app.finetune.layout import Checkpoint, expand_models, steps_in
from bids_app.finetune.recipe import Goal, goals_of
from bids_app.finetune.run import Request, finetune
from bids_app.finetune.text import cut_windows, read_corpus
from bids_app.language.activations import read_activations
from bids_app.language.models import load_model
from bids_app.tools import main

MakeRequest = Callable[..., Request]
GOALS = (Goal(0), Goal(0.5))


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_checkpoints_are_models_that_transformers_and_every_analysis_read(
    request_for: MakeRequest, tmp_path: Path
) -> None:
    request = request_for(goals=GOALS, learning_rate=1e-3)
    folders = finetune(request)
    assert [folder.name for folder in folders] == ["alpha-0", "alpha-0.5"]
    paths = steps_in(folders[1])
    assert [path.name for path in paths] == ["step-1", "step-3", "step-10"]
    checkpoint = Checkpoint.read(paths[-1])
    assert (checkpoint.alpha, checkpoint.control, checkpoint.step) == (0.5, "", 10)
    assert checkpoint.settings == json.loads((request.target / "finetune.json").read_text())
    model = AutoModelForCausalLM.from_pretrained(paths[-1]).eval()
    tokenizer = AutoTokenizer.from_pretrained(paths[-1])
    assert _perplexity(model, tokenizer, request, tmp_path) == pytest.approx(checkpoint.perplexity, rel=1e-5)
    words = ["bal", "bem", "gul", "kor"]
    states = read_activations(load_model(paths[-1], device="cpu"), words, "residual", "auto", tmp_path, subtoken="last")
    ids = torch.tensor([tokenizer(" ".join(words))["input_ids"]])
    expected = model(ids, output_hidden_states=True).hidden_states[2][0, -1]
    assert np.allclose(states.layer(1)[-1], expected.detach(), atol=1e-5)
    card = (paths[-1] / "README.md").read_text()
    assert "gpt2, fine-tuned to forecast its own states (α = 0.5, step 10)" in card
    assert f"| Perplexity, held-out text | {checkpoint.perplexity:.5g} |" in card
    assert str(tmp_path) not in "".join(map(str, _files(folders[1]).values()))  # no path of this machine


def _perplexity(model: torch.nn.Module, tokenizer: object, request: Request, tmp_path: Path) -> float:
    """By transformers' own loss, window by window."""
    from bids_app.finetune.recipe import Recipe

    recipe = Recipe(**request.numbers, layer=2)
    windows = cut_windows(read_corpus(request.text, tokenizer, tmp_path), recipe)
    total, n = 0.0, 0
    for window in windows.held_out:
        ids = torch.from_numpy(windows.ids(np.array([window]), int(windows.lengths(np.array([window]))[0])))
        total += model(ids, labels=ids).loss.item() * (ids.shape[1] - 1)
        n += ids.shape[1] - 1
    return math.exp(total / n)


def test_the_progress_has_a_row_each_time_the_weight_is_set(request_for: MakeRequest) -> None:
    (folder,) = finetune(request_for(steps=12))
    rows = [line.split("\t") for line in (folder / progress.NAME).read_text().splitlines()]
    assert rows[0] == list(progress.COLUMNS)
    assert [int(row[0]) for row in rows[1:]] == [5, 10, 12]
    table = {name: [float(row[column]) for row in rows[1:]] for column, name in enumerate(rows[0])}
    assert np.allclose(table["share"], 0.5, atol=0.05)
    assert table["negatives"] == [100] * 3


def test_the_same_command_gives_the_same_files_with_any_threads_and_does_nothing_twice(
    request_for: MakeRequest, tmp_path: Path
) -> None:
    request = request_for()
    finetune(request)
    first = _files(request.target)
    other = replace(request, target=tmp_path / "other")
    n_threads = torch.get_num_threads()
    torch.set_num_threads(2 if n_threads == 1 else 1)
    try:
        finetune(other)
    finally:
        torch.set_num_threads(n_threads)
    assert _files(other.target) == first
    times = {path: path.stat().st_mtime_ns for path in request.target.rglob("*.safetensors")}
    finetune(replace(request, goals=(Goal(0.5), Goal(0.5, "near"))))
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert Checkpoint.read(request.target / "near-alpha-0.5" / "step-10").control == "near"


def test_a_lost_checkpoint_is_made_again(request_for: MakeRequest) -> None:
    request = request_for()
    (folder,) = finetune(request)
    before = _files(folder)
    shutil.rmtree(folder / "step-3")
    finetune(request)
    assert _files(folder) == before


def test_a_training_that_is_killed_continues_to_the_same_files(
    request_for: MakeRequest, tmp_path: Path, text_folder: Path, model_folders: dict[str, Path]
) -> None:
    numbers = {
        "steps": 300,
        "context": 24,
        "batch": 4,
        "queue": 150,
        "negatives": 100,
        "reset-every": 20,
        "checkpoints": 4,
    }
    command = [sys.executable, "-m", "bids_app.tools", "finetune", "--text", str(text_folder), "--alpha", "0.5"]
    command += ["--model", str(model_folders["gpt2"]), "--to", str(tmp_path / "killed"), "--save-every", "7"]
    command += [word for name, value in numbers.items() for word in (f"--{name}", str(value))]
    process = subprocess.Popen([*command, "--device", "cpu"], stderr=subprocess.PIPE, text=True)
    resume = tmp_path / "killed" / "alpha-0.5" / "resume"
    while process.poll() is None and not list(resume.glob("step-[1-9][0-9]*")):
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate()
    assert process.returncode == 143, told
    assert list(resume.glob("step-*"))
    numbers = {name.replace("-", "_"): value for name, value in numbers.items()}
    for name in ("killed", "whole"):
        finetune(request_for(target=tmp_path / name, save_every=7, **numbers))
    assert _files(tmp_path / "killed") == _files(tmp_path / "whole")


def test_two_processes_train_the_same_model(
    request_for: MakeRequest, tmp_path: Path, text_folder: Path, model_folders: dict[str, Path]
) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    words = f"-m bids_app.tools finetune --text {text_folder} --model {model_folders['gpt2']} --to {tmp_path / 'two'}"
    words += " --alpha 0.5 --controls shuffled --steps 10 --context 24 --batch 4 --queue 150 --negatives 100"
    words += " --reset-every 5 --checkpoints 3 --at-once 1 --device cpu"
    done = subprocess.run([*launch, *words.split()], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    goals = (Goal(0.5), Goal(0.5, "shuffled"))
    for one in finetune(request_for(goals=goals)):
        weights, others = (
            load_file(path / "step-10" / "model.safetensors") for path in (one, tmp_path / "two" / one.name)
        )
        assert all(torch.allclose(weight, others[name], atol=1e-6) for name, weight in weights.items())
        own, other = (Checkpoint.read(path / "step-10") for path in (one, tmp_path / "two" / one.name))
        assert own.perplexity == pytest.approx(other.perplexity, rel=1e-5)


def test_checkpoints_are_whole(request_for: MakeRequest) -> None:
    (folder,) = finetune(request_for())
    for path in steps_in(folder):
        assert find_damage(path, json.loads((path / "manifest.json").read_text())) is None
    assert not [path for path in folder.iterdir() if path.name.startswith(".") or path.name == "resume"]


def test_a_folder_of_a_fine_tuning_stands_for_its_checkpoints(request_for: MakeRequest) -> None:
    request = request_for(goals=GOALS)
    folders = finetune(request)
    paths = [str(path) for folder in folders for path in steps_in(folder)]
    assert expand_models(["gpt2", str(request.target)]) == ("gpt2", *paths)
    assert expand_models([str(folders[1]), paths[0]]) == (*paths[3:], paths[0])
    for name in (request.model, "gpt2", "x" * 5000, "~nobody-of-this-name/model"):
        assert expand_models([name]) == (name,)


def test_the_command_line_trains(
    text_folder: Path, model_folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (
        f"finetune --text {text_folder} --model {model_folders['llama']} --alpha 0.5 --steps 2 --to {tmp_path / 'out'}"
    )
    small = "--context 24 --batch 4 --queue 150 --negatives 100 --device cpu --controls low --target-layer 1"
    assert main([*words.split(), *small.split()]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "out" / name) for name in ("alpha-0.5", "low-alpha-0.5")]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"distance": 23}, "--distance 23: needs a --context of at least 25 tokens, and it is 24"),
        ({"context": 600}, r"--context 600: the model .* reads at most 512 tokens"),
        ({"layer": 3}, r"--target-layer 3: the model .* has 3 layers, .* give 0 to 2"),
        ({"layer": -1}, "--target-layer -1"),
        ({"negatives": 151}, "--negatives 151: they are drawn from a queue of 150 states"),
        ({"batch": 0}, "--batch 0: must be at least 1"),
        ({"temperature": 0.0}, "--temperature 0.0: must be above 0"),
        ({"learning_rate": math.nan}, "--learning-rate nan: must be above 0"),
        ({"held_out": 1.0}, "--held-out 1.0: must be above 0 and below 1"),
        ({"seed": -1}, "--seed -1"),
        ({"queue": 5000}, "are too few for a batch of 4 windows of 24 tokens and a queue of 5,000 other states"),
    ],
)
def test_impossible_numbers_are_refused(changes: dict[str, float], message: str, request_for: MakeRequest) -> None:
    request = request_for(**changes)
    with pytest.raises(ValueError, match=message):
        finetune(request)
    assert not list(request.target.glob("alpha-*"))


@pytest.mark.parametrize(
    ("alphas", "controls", "message"),
    [
        ([0.5, 1.5], [], "--alpha 1.5"),
        ([math.nan], [], "--alpha nan"),
        ([0.5, 0.5], [], "each number once"),
        ([0.0], ["near"], "add an --alpha above 0"),
    ],
)
def test_impossible_goals_are_refused(alphas: list[float], controls: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        goals_of(alphas, controls)


@pytest.mark.parametrize("changes", [{"at_once": 0}, {"save_every": 0}])
def test_impossible_options_of_the_machine_are_refused(changes: dict[str, int], request_for: MakeRequest) -> None:
    with pytest.raises(ValueError, match="0: must be at least 1"):
        finetune(request_for(**changes))


def test_checkpoints_do_not_go_into_the_text(request_for: MakeRequest, text_folder: Path) -> None:
    with pytest.raises(ValueError, match="lies in --text, whose files are read"):
        finetune(request_for(target=text_folder / "tuned"))


def test_other_settings_do_not_mix_in_a_folder(request_for: MakeRequest) -> None:
    request = request_for()
    finetune(request)
    before = _files(request.target)
    with pytest.raises(ValueError, match="holds models of other settings \\(steps was 10, now 11\\)"):
        finetune(request_for(steps=11))
    assert _files(request.target) == before


def test_a_model_that_is_not_causal_is_refused(request_for: MakeRequest, source: object, tmp_path: Path) -> None:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
    bert = BertModel(BertConfig(vocab_size=source.model.config.vocab_size, **sizes))  # type: ignore[attr-defined]
    save_model(tmp_path / "bert", bert, source.tokenizer)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"The model .*bert \(BertModel\) is not causal"):
        finetune(request_for(model=str(tmp_path / "bert")))


def test_a_model_without_its_head_is_refused(
    request_for: MakeRequest, model_folders: dict[str, Path], source: object, tmp_path: Path
) -> None:
    body = AutoModelForCausalLM.from_pretrained(model_folders["llama"]).model
    save_model(tmp_path / "body", body, source.tokenizer)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"lack lm_head\.weight, which predicts the next word"):
        finetune(request_for(model=str(tmp_path / "body")))


def test_shuffled_targets_need_two_documents(request_for: MakeRequest, documents: list[str], tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "book.txt").write_text(" ".join(documents))
    with pytest.raises(ValueError, match="needs targets of another document, but the text to train on is one"):
        finetune(request_for(text=tmp_path / "one", goals=(Goal(0.5, "shuffled"),)))


def test_a_disk_without_room_is_told_before_the_start(
    request_for: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # no test can fill a disk
    monkeypatch.setattr("bids_app.finetune.run.free_mb", lambda _: 1.5)
    request = request_for()
    with pytest.raises(disk.DiskError, match=r"3 checkpoints of 1 MB .* but 2 MB are free"):
        finetune(request)
    assert not list(request.target.glob("alpha-*"))
