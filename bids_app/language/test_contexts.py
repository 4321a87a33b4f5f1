from pathlib import Path

import numpy as np
import pytest
import torch

from bids_app.language.activations import read_activations
from bids_app.language.conftest_activations import CONTEXTS, layers
from bids_app.language.models import LanguageModel
from bids_app.language.tokens import tokenize_words


def test_exact_is_one_pass_per_word(causal_model: LanguageModel, long_story: list[str], tmp_path: Path) -> None:
    """Compare with forward passes made here, each ending at a word, with all the context that fits."""
    words = long_story[:70]
    result = read_activations(causal_model, words, "residual", "exact", tmp_path)
    tokens = tokenize_words(causal_model.tokenizer, words)
    ends = np.cumsum(tokens.tokens_per_word)
    for word in range(0, len(words), 3):
        window = tokens.ids[max(0, ends[word] - 64 + tokens.n_special) : ends[word]]
        ids = torch.tensor([[*tokens.prefix, *window]])
        with torch.inference_mode():
            state = causal_model.model(input_ids=ids, output_hidden_states=True).hidden_states[1]
        expected = state[0, -tokens.tokens_per_word[word] :].mean(dim=0).numpy()
        np.testing.assert_allclose(result.layer(0)[word], expected, rtol=1e-4, atol=1e-5)


def test_strided_is_exact_where_the_context_is_the_same(
    causal_model: LanguageModel, long_story: list[str], tmp_path: Path
) -> None:
    strided, exact = (
        layers(read_activations(causal_model, long_story, "ffn-out", c, tmp_path)) for c in ("auto", "exact")
    )
    ends = np.cumsum(tokenize_words(causal_model.tokenizer, long_story).tokens_per_word)
    within = ends <= 60
    for layer, other in zip(strided, exact, strict=True):
        np.testing.assert_allclose(layer[within], other[within], rtol=1e-4, atol=1e-5)
    assert not np.allclose(strided[-1][~within], exact[-1][~within], atol=1e-3)


@pytest.mark.parametrize("context", CONTEXTS)
def test_causal_models_do_not_see_later_words(
    causal_model: LanguageModel, long_story: list[str], tmp_path: Path, context: int | str
) -> None:
    changed = [*long_story[:90], *reversed(long_story[90:]), "more", "words"]
    before, after = (
        layers(read_activations(causal_model, text, "ffn-out", context, tmp_path)) for text in (long_story, changed)
    )
    for layer, other in zip(before, after, strict=True):
        np.testing.assert_allclose(layer[:90], other[:90], rtol=1e-5, atol=1e-5 * np.abs(layer).max())


@pytest.mark.parametrize(("context", "sees"), [("auto", True), (10, True), ("left", False), ("exact", False)])
def test_masked_models_see_later_words_unless_asked_not_to(
    language_models: dict[str, LanguageModel], long_story: list[str], tmp_path: Path, context: int | str, sees: bool
) -> None:
    changed = [*long_story[:90], *reversed(long_story[90:])]
    texts = (long_story, changed)
    before, after = (
        layers(read_activations(language_models["bert"], text, "ffn-out", context, tmp_path)) for text in texts
    )
    difference = max(np.abs(layer[85:90] - other[85:90]).max() for layer, other in zip(before, after, strict=True))
    assert (difference > 1e-3) if sees else (difference < 1e-5)
