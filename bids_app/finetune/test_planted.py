"""What can be forecast is learned, and what cannot is not."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from transformers import GPT2LMHeadModel

from bids_app.demo.models import make_gpt2, save_model
from bids_app.finetune.conftest import write_documents
from bids_app.finetune.model import ForecastingModel
from bids_app.finetune.recipe import Goal, Recipe
from bids_app.finetune.text import cut_windows, read_corpus
from bids_app.finetune.trainer import Trainer
from bids_app.language.causal import load_causal_model

SYLLABLES = [f"{a}{b}" for a in "bdfgklmnprstvz" for b in "aeiou"]
WORDS = [f" {first}{second}" for first in SYLLABLES for second in SYLLABLES][:600]
RECIPE = Recipe(
    steps=120, layer=0, context=40, batch=8, queue=1000, negatives=800, learning_rate=1e-2, reset_every=20, held_out=0.1
)


@pytest.fixture(scope="module")
def periodic(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Text and model: 8 words that return in each document, so that the embedding 8 ahead is the present one."""
    root = tmp_path_factory.mktemp("periodic")
    rng = np.random.default_rng(0)
    documents = ["".join(np.tile(rng.choice(WORDS, 8, replace=False), 5)) for _ in range(300)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        body, tokenizer = make_gpt2(documents, n_layers=2)
        model = GPT2LMHeadModel(body.config)
    torch.nn.init.zeros_(model.transformer.wpe.weight)  # or else the position ahead can be forecast in any document
    save_model(root / "model", model, tokenizer)
    return write_documents(root / "text", documents), root / "model"


def _held_out_loss(periodic: tuple[Path, Path], control: str, tmp_path: Path) -> float:
    text, folder = periodic
    source = load_causal_model(str(folder), device="cpu")
    windows = cut_windows(read_corpus(text, source.tokenizer, tmp_path), RECIPE)
    trainer = Trainer(ForecastingModel(source.model, RECIPE, Goal(1, control)), windows, Accelerator(cpu=True))
    for _ in range(RECIPE.steps):
        trainer.take_step()
    return trainer.held_out_losses()[1]


def test_targets_that_are_a_linear_function_of_the_states_are_forecast(
    periodic: tuple[Path, Path], tmp_path: Path
) -> None:
    assert _held_out_loss(periodic, "", tmp_path) < math.log(801) - 3


def test_targets_of_another_document_stay_at_chance(periodic: tuple[Path, Path], tmp_path: Path) -> None:
    loss = _held_out_loss(periodic, "shuffled", tmp_path)
    assert math.log(801) - 0.05 < loss < math.log(801) + 1  # what it learned of the training text costs a little
