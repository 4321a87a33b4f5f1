from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from bids_app.demo.grammar import CATEGORIES, tell_story
from bids_app.demo.models import MODEL_NAMES, N_LAYERS, N_UNITS, write_models
from bids_app.stats.arrays import AnyArray

Models = tuple[Path, pd.DataFrame]
STORY = tell_story("marsh", 0.0, 300.0, np.random.default_rng(3))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder = tmp_path_factory.mktemp("models")
    return folder, write_models(folder, [" ".join(STORY.text)], seed=5)


def outputs_of_second_matrix(folder: Path, words: list[str]) -> AnyArray:
    """(n_words, n_layers, n_units) by transformers alone; each word is read as the last of a short context."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    seen: dict[int, torch.Tensor] = {}
    for layer, block in enumerate(model.h):
        block.mlp.c_proj.register_forward_hook(lambda _, __, output, at=layer: seen.update({at: output[0, -1]}))
    rows = []
    for word in words:
        with torch.no_grad():
            model(**tokenizer(f"nobody knew why the {word}", return_tensors="pt"))
        rows.append(torch.stack([seen[layer] for layer in range(N_LAYERS)]).numpy())
    return np.stack(rows)


def test_planted_neurons_answer_to_their_category_and_others_do_not(written: Models) -> None:
    folder, subgroups = written
    told = sorted(set(STORY.text))
    words = [(word, name) for name, entry in CATEGORIES.items() for word in entry.words if word in told]
    outputs = outputs_of_second_matrix(folder / "gpt2", [word for word, _ in words])
    outputs = (outputs - outputs.mean(axis=0)) / outputs.std(axis=0)
    planted = np.zeros((N_LAYERS, N_UNITS), dtype=bool)
    planted_for_any = np.zeros_like(planted)
    planted_for_any[subgroups["layer"] - 1, subgroups["unit"]] = True
    for name, group in subgroups.groupby("category"):
        inside = np.array([category == name for _, category in words])
        contrast = outputs[inside].mean(axis=0) - outputs[~inside].mean(axis=0)  # (n_layers, n_units)
        members = np.zeros_like(planted)
        members[group["layer"] - 1, group["unit"]] = True
        # The weakest category reaches 1.8 to 1.9 for any seed, and less than 1.5 with the oldest supported releases of
        # torch and transformers; neurons planted for other categories stay below 0.2 for all seeds, and at 0.4 there.
        assert contrast[members].min() > 1.2
        assert contrast[planted_for_any & ~members].max() < 0.5
        assert np.median(np.abs(contrast[~members])) < 0.5
        assert not (planted & members).any()
        planted |= members
    np.testing.assert_array_equal(planted, planted_for_any)
    assert set(subgroups["category"]) == set(CATEGORIES)


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_models_load_and_their_tokenizers_keep_every_word(written: Models, name: str) -> None:
    folder = written[0] / name
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    text = " ".join(STORY.text[:40]) + " unheard"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids).strip().lower() == text.lower()
    assert model.config.model_type == name
    with torch.no_grad():
        assert torch.isfinite(model(torch.tensor([ids])).last_hidden_state).all()
    assert not list(folder.glob("*.bin"))


def test_invented_names_have_several_tokens(written: Models) -> None:
    tokenizer = AutoTokenizer.from_pretrained(written[0] / "gpt2")
    names = [word for word in set(STORY.text) if not word.islower()]
    assert names
    assert max(len(tokenizer.encode(f" {name}")) for name in names) > 2


def test_same_seed_same_bytes_and_global_random_state_is_left_alone(written: Models, tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    write_models(tmp_path, [" ".join(STORY.text)], seed=5)
    assert torch.equal(before, torch.random.get_rng_state())
    for name in MODEL_NAMES:
        first, second = (folder / name / "model.safetensors" for folder in (written[0], tmp_path))
        assert first.read_bytes() == second.read_bytes()
