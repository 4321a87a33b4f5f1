"""What counts as a neuron: selected units and sparse features have the responses that all of them would."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr

from bids_app.bids.events import Stimulus
from bids_app.bids.words import Words
from bids_app.choices import FEATURES
from bids_app.demo.models import make_gpt2, save_model
from bids_app.encoding.design.haemodynamics import neuron_responses
from bids_app.encoding.dictionary import ReproducibleDictionary
from bids_app.inputs import units as module
from bids_app.inputs.models import ModelRun
from bids_app.inputs.timing import Story, timing_of
from bids_app.inputs.units import UnitIndex, UnitReader, neuron_matrix, units_identity, units_request
from bids_app.language.conftest_autoencoder import save, tensors
from bids_app.settings import Settings

TEXT = 12 * (
    *("the", "old", "river", "ran", "past", "a", "mill", "and", "then", "it", "turned", "to", "the", "sea", "where"),
    *("ships", "came", "in", "at", "night"),
)
WIDTH, N_LAYERS, N = 64, 4, 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("units")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_model(root / "model", *make_gpt2([" ".join(TEXT)] * 2))
    return root


def _reader(folder: Path, units: str = "ffn-out", **changes: Any) -> UnitReader:
    settings = Settings(
        folder, folder / "out", "participant", model=(str(folder / "model"),), device="cpu", units=units, **changes
    )
    return UnitReader(ModelRun(str(folder / "model"), False, settings), settings)


def _story(stem: str, text: tuple[str, ...]) -> Story:
    onset = 0.4 * np.arange(len(text), dtype=float)
    timing = timing_of([Stimulus(stem, f"{stem}.wav", 0.0, ((0.0, onset[-1]),))], 1.5)
    return Story(stem, Words(onset, np.full(len(text), 0.3), tuple(text)), timing)


STORIES = {"tale": _story("tale", TEXT), "song": _story("song", TEXT[7:60])}


def test_selected_units_have_the_responses_that_they_have_among_all(folder: Path) -> None:
    every, chosen = _reader(folder), _reader(folder, "localiser", localiser_percent=10.0)
    index = chosen.index(list(STORIES.values()))
    assert len(index) == round(0.1 * WIDTH * N_LAYERS)
    timing = STORIES["tale"].canonical
    whole = neuron_matrix(every, every.index(list(STORIES.values())), timing, STORIES)
    some = neuron_matrix(chosen, index, timing, STORIES)
    np.testing.assert_array_equal(some, whole[:, index.layer_of * WIDTH + index.unit_of])
    t = chosen.localised.t
    assert t[index.layer_of * WIDTH + index.unit_of].min() >= np.sort(t)[-len(index)]


def test_features_are_pooled_as_if_they_were_dense(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tensors(WIDTH, N) | {"b_enc": np.linspace(-60, 0, N, dtype=np.float32)}  # the first are never active
    reader = _reader(folder, f"sae:{save(folder / 'sae', made)}")
    index = reader.index(list(STORIES.values()))
    dense = {stem: reader.source(story).columns(1, np.arange(N)) for stem, story in STORIES.items()}
    active = np.flatnonzero(np.any([values.any(axis=0) for values in dense.values()], axis=0))
    assert 0 < len(active) < N
    np.testing.assert_array_equal(index.unit_of, active)
    assert set(index.layer_of) == {1}
    words, timing = STORIES["tale"].words, STORIES["tale"].canonical
    inside = words.onset + words.duration / 2 < timing.volumes[-1] * 1.5 + 1.5
    expected = neuron_responses(dense["tale"][inside], words.onset[inside], words.duration[inside], 1.5, timing.volumes)
    monkeypatch.setattr(module, "_AT_ONCE", 17)
    np.testing.assert_allclose(neuron_matrix(reader, index, timing, STORIES), expected[:, active], atol=1e-4)
    facts = reader.facts_of(list(STORIES.values()))
    assert facts["SilentFeatures"] == N - len(active)
    assert "layer 2" in facts["NeuronKind"]


def test_a_dictionary_of_features_finds_the_directions_that_were_planted(folder: Path) -> None:
    """Eight features of each of three directions of the states: three families, their positive parts."""
    every = _reader(folder, "residual")
    states = np.asarray(every.source(STORIES["tale"]).columns(2, np.arange(WIDTH)))
    directions = np.linalg.svd(states - states.mean(axis=0), full_matrices=False)[2][:3]
    rng = np.random.default_rng(0)
    encoder = np.repeat(directions, 8, axis=0).T * rng.uniform(0.5, 2, 24)
    made = {
        "W_enc": encoder.astype(np.float32),
        "b_enc": (-states.mean(axis=0) @ encoder).astype(np.float32),
    }
    reader = _reader(folder, f"sae:{save(folder / 'planted', made, hook_name='blocks.2.hook_resid_post')}")
    timing = STORIES["tale"].canonical
    X = neuron_matrix(reader, reader.index([STORIES["tale"]]), timing, STORIES)
    families = ReproducibleDictionary(n_atoms=3, n_restarts=3, device="cpu").fit(X).families_
    values = np.maximum((states - states.mean(axis=0)) @ directions.T, 0)
    words = STORIES["tale"].words
    planted = neuron_responses(values, words.onset, words.duration, 1.5, timing.volumes)
    best = [max(abs(pearsonr(course, family)[0]) for family in families.T) for course in planted.T]
    assert min(best) > 0.99


def test_blocks_are_of_one_layer_and_cover_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 2)
    index = UnitIndex(np.array([0, 0, 0, 3]), np.array([1, 4, 5, 2]))
    blocks = [(columns, layer, units.tolist()) for columns, layer, units in index.blocks()]
    assert blocks == [(slice(0, 2), 0, [1, 4]), (slice(2, 3), 0, [5]), (slice(3, 4), 3, [2])]


def test_what_decides_the_units_is_in_their_identity(folder: Path, tmp_path: Path) -> None:
    assert units_identity(_reader(folder).settings) == []
    one, other = (save(tmp_path / str(seed) / "sae", tensors(WIDTH, N, seed=seed)) for seed in (0, 1))
    found = [units_identity(_reader(folder, f"sae:{path}", **more).settings) for path, more in (
        (one, {}), (other, {}), (one, {"sae_layer": 1}), (one, {"sae_hook": "ffn-out"}),
    )]  # fmt: skip
    assert len({str(identity) for identity in found}) == 4
    table = tmp_path / "texts.tsv"
    rows = "".join(f"sentence\tthe dog {i}\nnonwords\tbol ga {i}\n" for i in range(4))
    table.write_text(f"condition\ttext\n{rows}")
    bundled, own = (
        units_identity(_reader(folder, "localiser", localiser_stimuli=path).settings) for path in (None, table)
    )
    assert bundled != own
    assert units_request(_reader(folder, "localiser:residual").settings) == ("residual", "mean")
    assert units_request(_reader(folder, f"sae:{one}").settings) == (FEATURES, "mean")


def test_an_autoencoder_without_a_place_needs_options(folder: Path, tmp_path: Path) -> None:
    path = save(tmp_path / "sae", tensors(WIDTH, N), cfg=False) / "sae_weights.safetensors"
    with pytest.raises(ValueError, match="does not say which activations it reads: give --sae-layer and --sae-hook"):
        _ = _reader(folder, f"sae:{path}").attached
    with pytest.raises(ValueError, match="give --sae-hook, or put"):
        _ = _reader(folder, f"sae:{path}", sae_layer=3).attached
    attached = _reader(folder, f"sae:{path}", sae_layer=3, sae_hook="ffn-out").attached
    assert (attached.layer, attached.hook) == (2, "ffn-out")
