from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bids_app.language.activations import Activations, read_activations
from bids_app.language.conftest_activations import CONTEXTS, by_transformers, layers
from bids_app.language.models import LanguageModel
from bids_app.language.neurons import find_blocks


@pytest.mark.parametrize("subtoken", ["mean", "last"])
@pytest.mark.parametrize("context", ["auto", "exact"])
def test_a_short_text_gives_what_transformers_gives(
    language_model: LanguageModel, story: list[str], tmp_path: Path, context: str, subtoken: str
) -> None:
    words = story[:12]
    if context == "exact" and not language_model.is_causal:
        pytest.skip("a masked model sees less than the whole text in exact windows")
    result = read_activations(language_model, words, "residual", context, tmp_path, subtoken=subtoken)
    for ours, reference in zip(layers(result)[:-1], by_transformers(language_model, words, subtoken), strict=True):
        np.testing.assert_allclose(ours, reference, rtol=1e-4, atol=1e-5)


def test_the_real_model_gives_what_transformers_gives(minilm: LanguageModel, story: list[str], tmp_path: Path) -> None:
    result = read_activations(minilm, story, "residual", "auto", tmp_path)
    for ours, reference in zip(layers(result)[:-1], by_transformers(minilm, story), strict=True):
        np.testing.assert_allclose(ours, reference, rtol=1e-4, atol=1e-5)


def test_one_token_words_keep_ffn_in_and_ffn_out_in_step(
    language_model: LanguageModel, story: list[str], tmp_path: Path
) -> None:
    result = {
        kind: layers(read_activations(language_model, story, kind, "auto", tmp_path)) for kind in ("ffn-in", "ffn-out")
    }
    for layer, matrix in enumerate(find_blocks(language_model.model).matrices):
        with torch.inference_mode():  # affine, so it holds for means over tokens too
            again = matrix(torch.from_numpy(result["ffn-in"][layer])).numpy()
        np.testing.assert_allclose(again, result["ffn-out"][layer], rtol=1e-4, atol=1e-5)


def test_layers_are_memory_maps_of_float32(
    language_models: dict[str, LanguageModel], story: list[str], tmp_path: Path
) -> None:
    found = read_activations(language_models["llama3"], story, "ffn-in", "auto", tmp_path)
    assert (found.n_words, found.n_layers, found.units) == (len(story), 3, (48, 48, 48))
    for layer in range(3):
        assert isinstance(found.layer(layer), np.memmap)
        assert found.layer(layer).dtype == np.float32
        assert found.layer(layer).shape == (len(story), 48)
        assert not found.layer(layer).flags.writeable
    assert found.layer_of.tolist() == [0] * 48 + [1] * 48 + [2] * 48
    assert found.unit_of.tolist() == list(range(48)) * 3
    with pytest.raises(ValueError, match="layers 0 to 2"):
        found.layer(3)


def test_words_without_tokens_get_rows_of_zeros(
    language_models: dict[str, LanguageModel], story: list[str], tmp_path: Path
) -> None:
    bert = language_models["bert"]
    words = ["", *story[:5], "\u200b", *story[5:9], " "]
    spoken = [index for index, word in enumerate(words) if word.strip() and word != "\u200b"]
    with_gaps, without = (
        read_activations(bert, words, "residual", "auto", tmp_path),
        read_activations(bert, [words[index] for index in spoken], "residual", "auto", tmp_path),
    )
    for layer in range(3):
        np.testing.assert_array_equal(with_gaps.layer(layer)[spoken], without.layer(layer))
        np.testing.assert_array_equal(np.delete(with_gaps.layer(layer), spoken, axis=0), 0)


def test_a_text_of_words_without_tokens_is_all_zeros(language_models: dict[str, LanguageModel], tmp_path: Path) -> None:
    result = read_activations(language_models["llama1"], ["", " "], "ffn-in", "auto", tmp_path)
    np.testing.assert_array_equal(result.layer(2), np.zeros((2, 48)))


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("subtoken", ["mean", "last"])
def test_a_word_longer_than_the_model_gets_a_row(
    language_model: LanguageModel, tmp_path: Path, context: int | str, subtoken: str
) -> None:
    result = read_activations(language_model, ["a", "xq" * 50, "tree"], "ffn-out", context, tmp_path, subtoken=subtoken)
    assert np.isfinite(result.layer(0)).all()
    assert np.abs(result.layer(0)).max(axis=1).min() > 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"texts": []}, "no word"),
        ({"kind": "mlp"}, "'mlp': choose one of ffn-out"),
        ({"context": "right"}, "'right': choose auto"),
        ({"context": 500}, "at most 62"),
        ({"subtoken": "first"}, "'first': choose one of mean, last"),
        ({"chunk_tokens": 0}, "chunk_tokens=0"),
        ({"stored": "int8"}, "'int8' of stored activations: choose float32 or float16"),
    ],
)
def test_unusable_settings_are_refused(
    language_models: dict[str, LanguageModel],
    tmp_path: Path,
    changed: dict[str, Any],
    message: str,
) -> None:
    settings: dict[str, Any] = {"texts": ["a"], "kind": "ffn-out", "context": "auto", "cache_dir": tmp_path} | changed
    with pytest.raises(ValueError, match=message):
        read_activations(language_models["llama1"], **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_activations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no activations"):
        Activations.open(tmp_path)
