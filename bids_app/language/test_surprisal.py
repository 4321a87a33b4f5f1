"""Surprisal is the loss that transformers computes, and the pseudo-log-likelihood written out."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bids_app.language.lesions import lesion
from bids_app.language.models import LanguageModel, load_model
from bids_app.language.surprisal import surprisal
from bids_app.language.tokens import tokenize_words


@pytest.fixture(scope="module", params=["gpt2", "llama2"])
def causal(request: pytest.FixtureRequest, model_folders: dict[str, Path]) -> LanguageModel:
    return load_model(model_folders[request.param], device="cpu", head=True)


def test_it_sums_to_the_loss_of_transformers(causal: LanguageModel, story: list[str]) -> None:
    words = story[:14]
    tokens = tokenize_words(causal.tokenizer, words)
    ids = torch.tensor([[*tokens.prefix, *tokens.ids]])
    with torch.inference_mode():
        loss = causal.model(input_ids=ids, labels=ids).loss
    found = surprisal(causal, words)
    n_predicted = ids.shape[1] - 1
    first = np.zeros(0)
    if not tokens.prefix:  # the rest of the first word is still predicted
        assert np.isnan(found[0])
        logits = causal.model(input_ids=ids).logits[0].log_softmax(dim=-1)
        first = np.array([-float(logits[i - 1, ids[0, i]]) for i in range(1, int(tokens.tokens_per_word[0]))])
    assert np.nansum(found) + first.sum() == pytest.approx(float(loss) * n_predicted, rel=1e-5)


def test_each_word_is_the_sum_of_its_tokens(causal: LanguageModel, story: list[str]) -> None:
    words = story[:14]
    tokens = tokenize_words(causal.tokenizer, words)
    ids = torch.tensor([[*tokens.prefix, *tokens.ids]])
    with torch.inference_mode():
        log_p = causal.model(input_ids=ids).logits[0].double().log_softmax(dim=-1)
    offset = len(tokens.prefix)
    expected = np.zeros(len(words))
    for index, (token, word) in enumerate(zip(tokens.ids, tokens.word, strict=True)):
        before = index + offset - 1
        expected[word] += np.nan if before < 0 else -float(log_p[before, token])
    np.testing.assert_allclose(surprisal(causal, words), expected, rtol=1e-5)


def test_a_long_text_is_read_in_windows(causal: LanguageModel, long_story: list[str]) -> None:
    found = surprisal(causal, long_story, 20)
    np.testing.assert_allclose(surprisal(causal, long_story, 20, chunk_tokens=70), found, rtol=1e-5)
    assert np.isfinite(found[1:]).all()
    assert (found[1:] > 0).all()


def test_of_a_masked_model_it_is_the_pseudo_log_likelihood(masked_model: LanguageModel, story: list[str]) -> None:
    words = story[:9]
    tokens = tokenize_words(masked_model.tokenizer, words)
    ids = torch.tensor([[*tokens.prefix, *tokens.ids, *tokens.suffix]])
    expected = np.zeros(len(words))
    for index, (token, word) in enumerate(zip(tokens.ids, tokens.word, strict=True)):
        hidden = ids.clone()
        hidden[0, index + len(tokens.prefix)] = masked_model.tokenizer.mask_token_id
        with torch.inference_mode():
            log_p = (
                masked_model.model(input_ids=hidden).logits[0, index + len(tokens.prefix)].double().log_softmax(dim=-1)
            )
        expected[word] -= float(log_p[token])
    np.testing.assert_allclose(surprisal(masked_model, words), expected, rtol=1e-5)


def test_a_lesion_changes_it(causal: LanguageModel, story: list[str]) -> None:
    intact = surprisal(causal, story)
    with lesion(causal, [], "zero"):
        np.testing.assert_array_equal(surprisal(causal, story), intact)
    with lesion(causal, {0: np.arange(20)}, "zero"):
        assert np.nanmax(np.abs(surprisal(causal, story) - intact)) > 0.01


def test_models_without_a_head_are_refused(language_models: dict[str, LanguageModel], minilm: LanguageModel) -> None:
    with pytest.raises(ValueError, match=r"gpt2.* has no head that predicts words: load it with load_model"):
        surprisal(language_models["gpt2"], ["a", "b"])
    with pytest.raises(ValueError, match="which predicts a masked word: choose a model"):
        load_model(minilm.name, head=True)
    with pytest.raises(ValueError, match="random weights predicts no words"):
        load_model(language_models["gpt2"].name, untrained_seed=1, head=True)
