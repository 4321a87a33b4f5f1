"""Features of words are means over tokens of the features of each, and sparse; a wrong autoencoder is noticed."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bids_app.language.activations import read_states
from bids_app.language.autoencoder import Autoencoder
from bids_app.language.conftest_autoencoder import expected, save, tensors
from bids_app.language.features import FeatureActivations, read_features
from bids_app.language.models import LanguageModel
from bids_app.language.token_states import TokenStates
from bids_app.language.tokens import tokenize_words
from bids_app.language.windows import plan_windows

WIDTH, N, LAYER = 32, 200, 1


def _read(
    model: LanguageModel, words: list[str], folder: Path, made: dict[str, Any], **more: Any
) -> FeatureActivations:
    autoencoder = Autoencoder.open(save(folder / "sae", made, **more.pop("config", {})))
    return read_features(model, words, autoencoder, folder / "out", **more)


@torch.inference_mode()
def _hidden(model: LanguageModel, words: list[str]) -> tuple[Any, Any]:
    """Output of the block at each token, from transformers; and the tokens."""
    tokens = tokenize_words(model.tokenizer, words)
    ids = torch.tensor([[*tokens.prefix, *tokens.ids, *tokens.suffix]])
    states = model.model(input_ids=ids, output_hidden_states=True).hidden_states[LAYER + 1][0]
    return states[len(tokens.prefix) :][: len(tokens)].numpy(), tokens


@pytest.mark.parametrize("name", ["gpt2", "bert", "llama3"])
def test_features_of_words_are_means_over_their_tokens(
    name: str, language_models: dict[str, LanguageModel], story: list[str], tmp_path: Path
) -> None:
    model, words, made = language_models[name], [*story[:14], ""], tensors(WIDTH, N)
    states, tokens = _hidden(model, words)
    features = expected(states, made)
    reference = np.array(
        [
            features[tokens.word == word].mean(axis=0) if (tokens.word == word).any() else np.zeros(N)
            for word in range(15)
        ]
    )
    found = _read(model, words, tmp_path, made)
    assert tokens.tokens_per_word.max() > 1
    np.testing.assert_allclose(found.values.toarray(), reference, atol=1e-4)
    assert (found.n_words, found.units) == (15, (0, N, 0))
    np.testing.assert_array_equal(found.columns(LAYER, np.array([5, 3])), found.values.toarray()[:, [5, 3]])
    np.testing.assert_array_equal(found.is_active, (found.values.toarray() != 0).any(axis=0))
    with pytest.raises(ValueError, match="no features in layer 0"):
        found.columns(0, np.array([1]))


def test_token_states_do_not_depend_on_batches(language_model: LanguageModel, long_story: list[str]) -> None:
    tokens = tokenize_words(language_model.tokenizer, long_story)
    assert len(plan_windows(tokens, language_model.max_tokens, language_model.is_causal)) > 1
    one, other = (TokenStates(language_model, tokens, "ffn-out", 2) for _ in range(2))
    for states, chunk in ((one, 1), (other, 500)):
        with pytest.raises(ValueError, match="no token to read"):
            _ = states.values
        read_states(language_model, tokens, states, "auto", chunk)
    np.testing.assert_allclose(one.values, other.values, atol=1e-4)
    with pytest.raises(ValueError, match="has 3 layers, counted from 1; there is no layer 4"):
        TokenStates(language_model, tokens, "ffn-out", 3)


def test_an_autoencoder_that_fits_rebuilds_the_activations_and_another_is_noticed(
    language_models: dict[str, LanguageModel], story: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((WIDTH, WIDTH)))[0].astype(np.float32)
    both = np.concatenate([basis, -basis], axis=1)  # ReLU keeps one of each pair of directions
    exact = {"W_enc": both, "b_enc": np.zeros(64, np.float32), "W_dec": both.T, "b_dec": np.zeros(WIDTH, np.float32)}
    model = language_models["gpt2"]
    with caplog.at_level(logging.WARNING):
        facts = _read(model, story, tmp_path / "fits", exact).facts
    assert facts["AutoencoderR2"] == pytest.approx(1, abs=1e-5)
    assert facts["ActivePerToken"] == pytest.approx(WIDTH)
    assert not caplog.messages
    with caplog.at_level(logging.WARNING):
        _read(model, story, tmp_path / "not", tensors(WIDTH, N))
    assert any("is it of this model, layer and hook?" in message for message in caplog.messages)


def test_activations_are_centred_for_an_autoencoder_that_was_trained_so(
    language_models: dict[str, LanguageModel], story: list[str], tmp_path: Path
) -> None:
    made = tensors(WIDTH, N)
    centred: dict[str, Any] = {"config": {"model_from_pretrained_kwargs": {"center_writing_weights": True}}}
    for name, is_centred in (("gpt2", True), ("llama1", False)):  # Llama has no layer normalisation that centres
        states, tokens = _hidden(language_models[name], story[:9])
        states = states - states.mean(axis=1, keepdims=True) if is_centred else states
        features = expected(states, made)
        reference = np.array([features[tokens.word == word].mean(axis=0) for word in range(9)])
        found = _read(language_models[name], story[:9], tmp_path / name, made, **centred)
        np.testing.assert_allclose(found.values.toarray(), reference, atol=1e-4)


def test_an_autoencoder_of_another_width_or_layer_is_refused(
    language_models: dict[str, LanguageModel], story: list[str], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="reads 48 units, and the layer has 32: it belongs to another model"):
        _read(language_models["gpt2"], story, tmp_path, tensors(48, N))
    with pytest.raises(ValueError, match="there is no layer 8"):
        _read(language_models["gpt2"], story, tmp_path, tensors(WIDTH, N), layer=7)
