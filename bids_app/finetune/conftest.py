"""A small text, and tiny causal models of two families with a tokenizer trained on it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from transformers import GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from bids_app.demo.models import make_gpt2, save_model
from bids_app.finetune.model import ForecastingModel
from bids_app.finetune.recipe import Goal, Recipe
from bids_app.finetune.run import Request
from bids_app.finetune.text import Windows, cut_windows, read_corpus
from bids_app.finetune.trainer import Trainer
from bids_app.language.causal import CausalModel, load_causal_model

SMALL: dict[str, Any] = {"context": 24, "batch": 4, "queue": 150, "negatives": 100, "reset_every": 5, "checkpoints": 3}
WORDS = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "lmnr"]

MakeTrainer = Callable[..., Trainer]


def write_documents(folder: Path, documents: Sequence[str]) -> Path:
    folder.mkdir(parents=True)
    for number, document in enumerate(documents):
        (folder / f"{number:03d}.txt").write_text(document)
    return folder


@pytest.fixture(scope="session")
def documents() -> list[str]:
    rng = np.random.default_rng(0)
    chain = rng.dirichlet(np.full(len(WORDS), 0.1), len(WORDS))
    texts = []
    for _ in range(24):
        words = [0]
        while len(words) < int(rng.integers(60, 160)):
            words.append(int(rng.choice(len(WORDS), p=chain[words[-1]])))
        texts.append(" ".join(WORDS[word] for word in words) + ".")
    return texts


@pytest.fixture(scope="session")
def text_folder(documents: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_documents(tmp_path_factory.mktemp("corpus") / "text", documents)


@pytest.fixture(scope="session")
def model_folders(documents: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """GPT-2, whose head shares the embeddings, and Llama, whose head has its own weights."""
    root = tmp_path_factory.mktemp("models")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        body, tokenizer = make_gpt2(documents, n_layers=3)
        gpt2 = GPT2LMHeadModel(body.config)
        llama = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=body.config.vocab_size,
                hidden_size=32,
                num_hidden_layers=3,
                num_attention_heads=4,
                intermediate_size=48,
                max_position_embeddings=64,
                tie_word_embeddings=False,
                bos_token_id=0,
                eos_token_id=0,
            )
        )
    save_model(root / "gpt2", gpt2, tokenizer)
    save_model(root / "llama", llama, tokenizer)
    return {name: root / name for name in ("gpt2", "llama")}


@pytest.fixture
def source(model_folders: dict[str, Path]) -> CausalModel:
    return load_causal_model(str(model_folders["gpt2"]), device="cpu")


@pytest.fixture
def make_trainer(model_folders: dict[str, Path], text_folder: Path, tmp_path: Path) -> MakeTrainer:
    """A trainer of a fresh model: `make_trainer(Goal(0.5), at_once=2, steps=8)`."""

    def make(goal: Goal, *, family: str = "gpt2", at_once: int | None = None, **numbers: Any) -> Trainer:
        fresh = load_causal_model(str(model_folders[family]), device="cpu")
        recipe = Recipe(**{"steps": 10, "layer": 2, **SMALL, **numbers})
        windows = cut_windows(read_corpus(text_folder, fresh.tokenizer, tmp_path / "cache"), recipe)
        return Trainer(ForecastingModel(fresh.model, recipe, goal), windows, Accelerator(cpu=True), at_once)

    return make


@pytest.fixture
def windows(source: CausalModel, text_folder: Path, tmp_path: Path) -> Windows:
    return cut_windows(
        read_corpus(text_folder, source.tokenizer, tmp_path / "cache"), Recipe(steps=10, layer=2, **SMALL)
    )


@pytest.fixture
def request_for(model_folders: dict[str, Path], text_folder: Path, tmp_path: Path) -> Callable[..., Request]:
    """A request: `request_for(goals=(Goal(0.5),), steps=8)`; numbers of the recipe by name."""

    def make(**given: Any) -> Request:
        numbers = {
            "steps": 10,
            **SMALL,
            **{name: given.pop(name) for name in list(given) if name in Recipe.__annotations__ and name != "layer"},
        }
        usual: dict[str, Any] = {
            "text": text_folder,
            "model": str(model_folders["gpt2"]),
            "target": tmp_path / "tuned",
            "goals": (Goal(0.5),),
            "device": "cpu",
        }
        return Request(**{**usual, **given}, numbers=numbers)

    return make
