from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from bids_app.demo.grammar import tell_story
from bids_app.demo.layered_model import N_LAYERS, write_layered_model
from bids_app.demo.models import make_gpt2
from bids_app.stats.arrays import AnyArray

TEXT = " ".join(tell_story("marsh", 0.0, 400.0, np.random.default_rng(3)).text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_layered_model(tmp_path_factory.mktemp("models"), [TEXT], seed=5)


def hidden_states(model: Any, tokenizer: Any) -> list[AnyArray]:
    """List of (n_tokens, n_units), standardised: output of each block by transformers alone."""
    ids = torch.tensor(tokenizer.encode(TEXT)).unfold(0, 64, 64)
    with torch.no_grad():
        states = model(ids, output_hidden_states=True).hidden_states
    states = [state.flatten(0, 1).double().numpy() for state in states[1:-1]]  # the last is normalised once more
    return [(state - state.mean(axis=0)) / state.std(axis=0) for state in states]


def explained(state: AnyArray, by: AnyArray) -> float:
    """Share of the variance of the first 5 components of `state` that 20 components of another layer explain."""
    first = state @ np.linalg.svd(state, full_matrices=False)[2][:5].T
    basis = np.linalg.svd(by, full_matrices=False)[0][:, :20]
    return float(np.square(basis.T @ first).sum() / np.square(first).sum())


def test_earlier_layers_do_not_foresee_a_layer(folder: Path) -> None:
    states = hidden_states(AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder))
    assert len(states) == N_LAYERS - 1
    before = [explained(state, by) for by, state in pairwise(states)]
    assert max(before) < 0.8
    assert np.mean(before) < 0.65
    plain = hidden_states(*make_gpt2([TEXT], N_LAYERS))
    assert min(explained(state, by) for by, state in pairwise(plain)) > 0.9


def test_each_block_adds_twice_what_it_finds(folder: Path) -> None:
    model = AutoModel.from_pretrained(folder)
    seen = []
    for block in model.h:
        block.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output)))
    with torch.no_grad():
        model(torch.arange(200)[None])  # 200 tokens, whatever they mean
    for found, left in seen:
        ratio = ((left[0] if isinstance(left, tuple) else left) - found).norm() / found.norm()
        assert 1.5 < ratio < 2.5


def test_same_seed_same_bytes_and_global_random_state_is_left_alone(folder: Path, tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    again, other = write_layered_model(tmp_path / "a", [TEXT], seed=5), write_layered_model(tmp_path / "b", [TEXT], 6)
    assert torch.equal(before, torch.random.get_rng_state())
    read = [(path / "model.safetensors").read_bytes() for path in (folder, again, other)]
    assert read[0] == read[1] != read[2]
