"""Surprisal of a story is read once, and a model that predicts no words says so."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bids_app.demo.models import write_models
from bids_app.inputs.models import ModelRun
from bids_app.inputs.surprisal import NoSurprisalError, word_surprisal
from bids_app.inputs.test_futures import story_of
from bids_app.language.models import load_model
from bids_app.language.tokens import tokenize_words
from bids_app.settings import Settings

STORY = story_of(1)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_models(folder, [" ".join(STORY.words.text)], seed=0)
    return folder


def run_of(folder: Path, work: Path, *, untrained: bool = False) -> ModelRun:
    settings = Settings(work, work / "out", "participant", model=(str(folder),), work_dir=work / "work", device="cpu")
    return ModelRun(str(folder), untrained, settings)


def test_it_is_that_of_transformers_and_is_read_once(models: Path, tmp_path: Path) -> None:
    found = word_surprisal(run_of(models / "gpt2", tmp_path), STORY)
    whole = load_model(models / "gpt2", device="cpu", head=True)
    tokens = tokenize_words(whole.tokenizer, STORY.words.text)
    ids = torch.tensor(tokens.ids)[None]
    with torch.inference_mode():
        log_p = whole.model(input_ids=ids).logits[0].double().log_softmax(dim=-1)
    of_tokens = [np.nan, *(-float(log_p[index - 1, tokens.ids[index]]) for index in range(1, len(tokens.ids)))]
    expected = [np.sum(np.array(of_tokens)[tokens.word == word]) for word in range(len(STORY.words))]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    again = run_of(models / "gpt2", tmp_path)
    np.testing.assert_array_equal(word_surprisal(again, STORY), found)
    assert "loaded" not in vars(again)  # not read again


@pytest.mark.parametrize(
    ("name", "untrained", "said"),
    [
        ("bert", False, "only of causal models"),
        ("llama", False, "lack lm_head.weight"),
        ("gpt2", True, "a model with random weights predicts no words"),
    ],
)
def test_a_model_that_predicts_no_words_says_why(
    models: Path, tmp_path: Path, name: str, untrained: bool, said: str
) -> None:
    for _ in range(2):  # the second time from the cache
        with pytest.raises(NoSurprisalError, match=said):
            word_surprisal(run_of(models / name, tmp_path, untrained=untrained), STORY)
