"""Many lesions in few passes are what each gives alone, and the intact model is what other analyses read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bids_app.language.activations import Activations, read_activations
from bids_app.language.lesioned import LesionedWords, LesionReader
from bids_app.language.lesions import layers_of, lesion
from bids_app.language.models import LanguageModel, load_model
from bids_app.language.surprisal import copies_around, copies_of, surprisal
from bids_app.language.tokens import tokenize_words
from bids_app.language.windows import plan_windows

LAYER = 1
SETS: list[dict[int, Any]] = [{}, {0: np.array([1, 5])}, {2: np.array([3])}, {0: np.array([7]), 1: np.arange(9)}, {}]


@pytest.fixture(scope="module", params=["gpt2", "llama1", "bert"])
def model(request: pytest.FixtureRequest, model_folders: dict[str, Path]) -> LanguageModel:
    return load_model(model_folders[request.param], device="cpu", head=request.param != "bert")


@pytest.fixture(scope="module")
def intact(model: LanguageModel, long_story: list[str], tmp_path_factory: pytest.TempPathFactory) -> Activations:
    bare = load_model(model.name, device="cpu")
    return read_activations(bare, long_story, "ffn-out", "auto", tmp_path_factory.mktemp("intact"))


def _reader(model: LanguageModel, intact: Activations, words: list[str], **changes: Any) -> LesionReader:
    rng = np.random.default_rng(3)
    tokens = tokenize_words(model.tokenizer, words)
    given: dict[str, Any] = {
        "language_model": model,
        "tokens": tokens,
        "windows": plan_windows(tokens, model.max_tokens, model.is_causal),
        "reference": layers_of(intact),
        "layer": LAYER,
        "projections": [rng.standard_normal((n, 4)).astype(np.float32) for n in intact.units],
        "with_surprisal": model.is_causal,
        "chunk_tokens": 200,
    }
    return LesionReader(**{**given, **changes})


@pytest.fixture(scope="module")
def found(model: LanguageModel, intact: Activations, long_story: list[str]) -> LesionedWords:
    return _reader(model, intact, long_story).read(SETS)


def test_without_units_it_is_the_intact_model(
    model: LanguageModel, intact: Activations, found: LesionedWords, long_story: list[str], tmp_path: Path
) -> None:
    bare = load_model(model.name, device="cpu")
    states = read_activations(bare, long_story, "residual", "auto", tmp_path, subtoken="last").layer(LAYER)
    np.testing.assert_allclose(found.states[0], states, atol=1e-4, rtol=1e-5)
    projections = _reader(model, intact, long_story).projections
    expected = sum(intact.layer(layer) @ weights for layer, weights in enumerate(projections))
    np.testing.assert_allclose(found.courses[0], expected, atol=1e-3, rtol=1e-4)
    if model.is_causal:
        assert found.surprisal is not None
        np.testing.assert_allclose(found.surprisal[0], surprisal(model, long_story), rtol=1e-4)
    else:
        assert found.surprisal is None


def test_dose_zero_is_the_intact_model_bit_for_bit(found: LesionedWords) -> None:
    np.testing.assert_array_equal(found.states[4], found.states[0])
    np.testing.assert_array_equal(found.courses[4], found.courses[0])
    if found.surprisal is not None:
        np.testing.assert_array_equal(found.surprisal[4], found.surprisal[0])


@pytest.mark.parametrize("kind", ["mean", "resample"])
def test_each_lesion_is_as_alone(model: LanguageModel, intact: Activations, long_story: list[str], kind: str) -> None:
    together = _reader(model, intact, long_story, kind=kind).read(SETS)
    for number in (1, 3):
        alone = _reader(model, intact, long_story, kind=kind, chunk_tokens=64).read(SETS[number : number + 1])
        np.testing.assert_allclose(alone.states[0], together.states[number], atol=1e-4, rtol=1e-4)
        np.testing.assert_allclose(alone.courses[0], together.courses[number], atol=1e-3, rtol=1e-4)
        assert np.abs(together.states[number] - together.states[0]).max() > 1e-3
        if together.surprisal is not None and alone.surprisal is not None:
            np.testing.assert_allclose(alone.surprisal[0], together.surprisal[number], rtol=1e-3)


def test_it_is_a_lesion_of_the_running_model(
    model: LanguageModel, intact: Activations, found: LesionedWords, long_story: list[str], tmp_path: Path
) -> None:
    bare = load_model(model.name, device="cpu")
    with lesion(bare, SETS[1], "mean", intact):
        states = read_activations(bare, long_story, "residual", "auto", tmp_path, subtoken="last").layer(LAYER)
    np.testing.assert_allclose(found.states[1], states, atol=1e-4, rtol=1e-4)
    if model.is_causal and found.surprisal is not None:
        with lesion(model, SETS[1], "mean", intact):
            np.testing.assert_allclose(found.surprisal[1], surprisal(model, long_story), rtol=1e-3)


def test_a_lesion_above_the_layer_leaves_its_states(found: LesionedWords) -> None:
    np.testing.assert_allclose(found.states[2], found.states[0], atol=1e-5)
    assert np.abs(found.courses[2] - found.courses[0]).max() > 1e-3


def test_resampling_gives_each_word_the_values_of_another(
    model: LanguageModel, intact: Activations, long_story: list[str]
) -> None:
    """The course of one lesioned unit is the one of the text in another order, so mean and variance are kept."""
    projections = [np.zeros((n, 1), dtype=np.float32) for n in intact.units]
    projections[0][5] = 1
    reader = _reader(model, intact, long_story, kind="resample", projections=projections, with_surprisal=False)
    course = reader.read([{0: np.array([5, 6])}]).courses[0, :, 0]
    own = intact.layer(0)[:, 5]
    np.testing.assert_allclose(np.sort(course), np.sort(own), atol=1e-5)
    assert (np.abs(course - own) > 1e-4).mean() > 0.8  # some words recur


def test_masked_words_have_the_pseudo_log_likelihood_of_the_lesioned_model(
    masked_model: LanguageModel, story: list[str], tmp_path: Path
) -> None:
    words = story[:12]
    bare = load_model(masked_model.name, device="cpu")
    reference = read_activations(bare, words, "ffn-out", "auto", tmp_path)
    reader = _reader(masked_model, reference, words)
    copies = copies_of(list(reader.windows))
    found = reader.read_masked(SETS, copies)
    for number, units in enumerate(SETS):
        with lesion(masked_model, units, "mean", reference):
            np.testing.assert_allclose(found[number], surprisal(masked_model, words), rtol=1e-5)
    np.testing.assert_array_equal(found[0], found[4])
    assert np.abs(found[0] - found[1]).max() > 1e-3


def test_copies_around_some_words_mask_each_of_their_tokens_among_neighbours(
    masked_model: LanguageModel, long_story: list[str], tmp_path: Path
) -> None:
    tokens = tokenize_words(masked_model.tokenizer, long_story)
    chosen, around = np.array([0, 20, 41, tokens.n_words - 1]), 5
    bare = load_model(masked_model.name, device="cpu")
    reference = read_activations(bare, long_story, "ffn-out", "auto", tmp_path)
    reader = _reader(masked_model, reference, long_story)
    found = reader.read_masked([{}], copies_around(tokens, chosen, masked_model.max_tokens, around))[0]
    assert np.flatnonzero(np.isfinite(found)).tolist() == chosen.tolist()
    prefix, suffix, mask = tokens.prefix, tokens.suffix, masked_model.tokenizer.mask_token_id
    expected = dict.fromkeys(chosen.tolist(), 0.0)
    for token in np.flatnonzero(np.isin(tokens.word, chosen)).tolist():
        start, stop = max(0, token - around), min(len(tokens), token + around + 1)
        ids = torch.tensor([[*prefix, *tokens.ids[start:stop], *suffix]])
        place = len(prefix) + token - start
        ids[0, place] = mask
        with torch.inference_mode():
            log_p = masked_model.model(input_ids=ids).logits[0, place].double().log_softmax(dim=-1)
        expected[int(tokens.word[token])] -= float(log_p[tokens.ids[token]])
    np.testing.assert_allclose(found[chosen], list(expected.values()), rtol=1e-5)
    narrow = copies_around(tokens, chosen, tokens.n_special + 4, around)
    assert max(map(len, narrow)) + tokens.n_special <= tokens.n_special + 4
