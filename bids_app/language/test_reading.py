"""Reading a story that is rolled, against forward passes on the rolled tokens; test_contexts has the others."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from bids_app.language.activations import read_activations
from bids_app.language.conftest_activations import layers
from bids_app.language.models import LanguageModel
from bids_app.language.reading import WordRule
from bids_app.language.tokens import Tokens, tokenize_words

MINIMUM = 32  # half of what the models hold


def _states(language_model: LanguageModel, tokens: Tokens, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """States (n_layers − 1, n_ids, n_units) of one forward pass; those after the last layer are normalised."""
    with torch.inference_mode():
        read = torch.tensor([[*tokens.prefix, *ids]])
        states = language_model.model(input_ids=read, output_hidden_states=True).hidden_states[1:-1]
    return torch.stack(states)[:, 0, len(tokens.prefix) :].numpy()


def _text_with_tokens(
    language_model: LanguageModel, long_story: list[str]
) -> tuple[list[str], Tokens, npt.NDArray[np.int64]]:
    """Return words, their tokens, and the number of tokens up to the end of each word."""
    tokens = tokenize_words(language_model.tokenizer, long_story)
    return long_story, tokens, np.cumsum(tokens.tokens_per_word)


@pytest.mark.parametrize("subtoken", ["mean", "last"])
def test_rolled_is_one_pass_over_the_rolled_story_at_its_start(
    causal_model: LanguageModel, long_story: list[str], tmp_path: Path, subtoken: str
) -> None:
    words, tokens, ends = _text_with_tokens(causal_model, long_story)
    result = read_activations(causal_model, words, "residual", "rolled", tmp_path, subtoken=subtoken)
    states = _states(causal_model, tokens, np.roll(tokens.ids, MINIMUM)[: 64 - tokens.n_special])
    early = np.flatnonzero(ends <= MINIMUM - tokens.n_special)
    assert len(early) >= 5
    for word in early:
        span = slice(MINIMUM + ends[word] - tokens.tokens_per_word[word], MINIMUM + ends[word])
        for layer, state in enumerate(states):
            expected = state[span].mean(axis=0) if subtoken == "mean" else state[span][-1]
            np.testing.assert_allclose(result.layer(layer)[word], expected, rtol=1e-4, atol=1e-5)


def test_rolled_is_left_once_the_story_is_long_enough(
    causal_model: LanguageModel, long_story: list[str], tmp_path: Path
) -> None:
    words, tokens, ends = _text_with_tokens(causal_model, long_story)
    rolled, left = (layers(read_activations(causal_model, words, "ffn-out", c, tmp_path)) for c in ("rolled", "left"))
    late = ends - tokens.tokens_per_word >= MINIMUM
    assert late.sum() > 100
    for layer, other in zip(rolled, left, strict=True):
        np.testing.assert_allclose(layer[late], other[late], rtol=1e-4, atol=1e-4)  # values up to 10, in float32
    assert np.abs(rolled[-1][~late] - left[-1][~late]).max(axis=1).min() > 1e-3


def test_a_short_story_is_read_up_to_the_own_word(
    causal_model: LanguageModel, story: list[str], tmp_path: Path
) -> None:
    """Each early token is the last of a pass over all tokens but those of the longest word, its own included."""
    words, tokens, ends = _text_with_tokens(causal_model, story[:4])
    n_before = len(tokens) - int(tokens.tokens_per_word.max())
    assert 0 < n_before < MINIMUM
    result = read_activations(causal_model, words, "residual", "rolled", tmp_path)
    for word in np.flatnonzero(ends <= n_before):
        span = range(ends[word] - tokens.tokens_per_word[word], ends[word])
        passes = [
            _states(causal_model, tokens, np.roll(tokens.ids, n_before - token)[: n_before + 1]) for token in span
        ]
        expected = np.mean([states[:, -1] for states in passes], axis=0)
        for layer, row in enumerate(expected):
            np.testing.assert_allclose(result.layer(layer)[word], row, rtol=1e-4, atol=1e-5)


def test_the_leak_of_rolled_is_there_and_ends(
    causal_model: LanguageModel, long_story: list[str], tmp_path: Path
) -> None:
    words, tokens, ends = _text_with_tokens(causal_model, long_story)
    changed = [*words[:-1], "rain" if words[-1] != "rain" else "way"]
    before, after = (
        layers(read_activations(causal_model, text, "ffn-out", "rolled", tmp_path)) for text in (words, changed)
    )
    late = (ends - tokens.tokens_per_word >= MINIMUM) & (np.arange(len(words)) < len(words) - 1)
    assert np.abs(before[-1][0] - after[-1][0]).max() > 1e-3
    for layer, other in zip(before, after, strict=True):
        np.testing.assert_allclose(layer[late], other[late], rtol=1e-5, atol=1e-5 * np.abs(layer).max())


def test_chunks_do_not_change_a_rolled_story(
    causal_model: LanguageModel, long_story: list[str], tmp_path: Path
) -> None:
    whole, chunked = (
        layers(
            read_activations(
                causal_model, long_story[:90], "ffn-out", "rolled", tmp_path / str(chunk), chunk_tokens=chunk
            )
        )
        for chunk in (1, 4096)
    )
    for alone, together in zip(whole, chunked, strict=True):
        np.testing.assert_allclose(alone, together, rtol=1e-5, atol=1e-5 * np.abs(alone).max())


@pytest.mark.parametrize("words", [["tree"], ["a", "xq" * 50, "tree"], ["", "a", "tree"]])
def test_rolled_stories_of_few_words_have_all_their_rows(
    causal_model: LanguageModel, tmp_path: Path, words: list[str]
) -> None:
    result = read_activations(causal_model, words, "ffn-out", "rolled", tmp_path)
    spoken = [word != "" for word in words]
    assert np.isfinite(result.layer(0)).all()
    assert (np.abs(result.layer(0)).max(axis=1) > 0).tolist() == spoken


def test_masked_models_cannot_be_rolled(
    language_models: dict[str, LanguageModel], story: list[str], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="'rolled' is for causal models"):
        read_activations(language_models["bert"], story, "ffn-out", "rolled", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_row_is_the_weighted_sum_of_the_tokens_of_a_word() -> None:
    random = np.random.default_rng(0)
    counts = np.array([1, 3, 1, 2, 7, 1])
    word = np.repeat(np.arange(len(counts)), counts)
    activations = random.standard_normal((2, 12, 5)).astype(np.float32)
    window, position = random.integers(2, size=len(word)), random.integers(12, size=len(word))
    weight = random.random(len(word)).astype(np.float32)
    rule = WordRule(window, position, weight, np.flatnonzero(np.diff(word, prepend=-1)), torch.device("cpu"))
    expected = np.zeros((len(counts), 5))
    for token in range(len(word)):
        expected[word[token]] += weight[token] * activations[window[token], position[token]].astype(np.float64)
    np.testing.assert_allclose(rule(torch.from_numpy(activations)).numpy(), expected, rtol=1e-5, atol=1e-6)
