from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bids_app.language.activations import STORED, read_activations
from bids_app.language.models import LanguageModel, load_model
from bids_app.language.neurons import find_blocks


def test_stored_as_float16_they_are_the_same_rounded_in_half_the_space(
    causal_model: LanguageModel, long_story: list[str], tmp_path: Path
) -> None:
    whole, half = (
        read_activations(causal_model, long_story, "ffn-out", "auto", tmp_path, stored=stored, chunk_tokens=40)
        for stored in STORED
    )
    assert whole.folder != half.folder
    for layer in range(whole.n_layers):
        assert half.layer(layer).dtype == np.float32
        # also of words that two batches contribute to
        np.testing.assert_allclose(half.layer(layer), whole.layer(layer), rtol=5e-4, atol=1e-7)
    sizes = [sum(path.stat().st_size for path in one.folder.glob("*.npy")) for one in (whole, half)]
    assert sizes[1] < 0.52 * sizes[0]


def test_activations_too_large_for_float16_are_refused(
    model_folders: dict[str, Path], story: list[str], tmp_path: Path
) -> None:
    model = load_model(model_folders["gpt2"], device="cpu")
    matrix: Any = find_blocks(model.model).matrices[1]
    matrix.bias.data += 1e5
    read_activations(model, story, "ffn-out", "auto", tmp_path)
    with pytest.raises(RuntimeError, match=r"in layer 2, and float16 holds only up to 65,504: store them as float32"):
        read_activations(model, story, "ffn-out", "auto", tmp_path, stored="float16")
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama3"])
def test_bfloat16_is_near_float32(
    language_models: dict[str, LanguageModel],
    model_folders: dict[str, Path],
    story: list[str],
    tmp_path: Path,
    name: str,
) -> None:
    half = load_model(model_folders[name], dtype="bfloat16", device="cpu")
    rough = read_activations(half, story, "ffn-out", "auto", tmp_path)
    exact = read_activations(language_models[name], story, "ffn-out", "auto", tmp_path)
    assert rough.folder != exact.folder
    assert np.corrcoef(rough.layer(0).ravel(), exact.layer(0).ravel())[0, 1] > 0.99
    assert rough.layer(0).dtype == np.float32


def test_activations_that_overflow_are_refused(
    model_folders: dict[str, Path], story: list[str], tmp_path: Path
) -> None:
    model = load_model(model_folders["gpt2"], device="cpu")
    matrix: Any = find_blocks(model.model).matrices[1]
    matrix.weight.data *= torch.inf
    with pytest.raises(RuntimeError, match="not finite in layer 2 with dtype float32"):
        read_activations(model, story, "ffn-out", "auto", tmp_path)
    assert list(tmp_path.iterdir()) == []
