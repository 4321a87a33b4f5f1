"""A story is read in one pass for activations and surprisal; what the cache holds is not read again."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BertModel, GPT2Model, LlamaConfig, LlamaForCausalLM, LlamaModel

from bids_app.demo.models import write_models
from bids_app.inputs.models import ModelRun
from bids_app.inputs.one_pass import read_once
from bids_app.inputs.surprisal import NoSurprisalError, has_surprisal, word_surprisal
from bids_app.inputs.test_futures import story_of
from bids_app.inputs.units import UnitReader, units_request
from bids_app.language import activations
from bids_app.language.conftest_autoencoder import save, tensors
from bids_app.language.models import load_model
from bids_app.language.predictor import Predictions
from bids_app.language.surprisal import surprisal
from bids_app.settings import Settings

STORIES = [story_of(1), story_of(2)]
REQUESTS = [("ffn-out", "mean"), ("residual", "last")]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_models(folder, [" ".join(story.words.text) for story in STORIES], seed=0)
    tokenizer = AutoTokenizer.from_pretrained(folder / "gpt2")
    sizes: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = LlamaConfig(vocab_size=len(tokenizer), num_attention_heads=2, **sizes, initializer_range=0.3)
        LlamaForCausalLM(config).save_pretrained(folder / "llama with head")
    tokenizer.save_pretrained(folder / "llama with head")
    return folder


def run_of(folder: Path, work: Path, **changes: Any) -> ModelRun:
    settings = Settings(work, work / "out", "participant", model=(str(folder),), work_dir=work / "work", device="cpu")
    return ModelRun(str(folder), False, replace(settings, **changes))


def reader_of(run: ModelRun) -> UnitReader:
    assert isinstance(run.settings, Settings)
    return UnitReader(run, run.settings)


@contextmanager
def passes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Tokens that a body reads in each pass, beside the few of probes."""
    sizes: list[int] = []
    with monkeypatch.context() as patch:
        for family in (BertModel, GPT2Model, LlamaModel):

            @wraps(family.forward)
            def forward(self: Any, *args: Any, before: Any = family.forward, **given: Any) -> Any:
                ids = args[0] if args else given["input_ids"]
                if ids.numel() > 16:
                    sizes.append(ids.numel())
                return before(self, *args, **given)

            patch.setattr(family, "forward", forward)
        yield sizes


@pytest.mark.parametrize("name", ["gpt2", "llama with head"])
def test_a_story_is_read_in_one_pass(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    run = run_of(models / name, tmp_path)
    with passes(monkeypatch) as sizes:
        for story in STORIES:
            read_once(run, story, REQUESTS, surprisal=True)
        assert len(sizes) == len(STORIES)  # short stories, of one window each
        found = {story.stem: word_surprisal(run, story) for story in STORIES}
        for story in STORIES:
            read_once(run, story, REQUESTS, surprisal=True)
            for request in REQUESTS:
                run.activations(story, *request)
        assert len(sizes) == len(STORIES)
    bare, whole = load_model(models / name, device="cpu"), load_model(models / name, device="cpu", head=True)
    assert type(run.loaded.model) is type(bare.model)
    assert run.loaded.model is run.with_head().model.base_model  # the weights are in memory once
    for story in STORIES:
        np.testing.assert_allclose(found[story.stem], surprisal(whole, story.words.text), rtol=1e-5)
    alone = run_of(models / name, tmp_path / "alone")
    for story in STORIES:
        for request in REQUESTS:
            expected, read = (each.activations(story, *request) for each in (alone, run))
            assert expected.folder.name == read.folder.name
            np.testing.assert_array_equal(read.layer(1), expected.layer(1))


@pytest.mark.parametrize("name", ["gpt2", "llama with head", "bert"])
@pytest.mark.parametrize("predicts", [True, False])
@pytest.mark.parametrize("requests", [REQUESTS, []])
def test_features_of_an_autoencoder_come_from_the_same_pass(
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    predicts: bool,
    requests: list[tuple[str, str]],
) -> None:
    width = json.loads((models / name / "config.json").read_text())
    made = tensors(width.get("hidden_size") or width["n_embd"], 90)
    units = f"sae:{save(tmp_path / 'sae', made)}"
    run, alone = (run_of(models / name, tmp_path / where, units=units) for where in ("together", "alone"))
    reader, apart = reader_of(run), reader_of(alone)
    with passes(monkeypatch) as sizes:
        for story in STORIES:
            read_once(run, story, [*requests, units_request(reader.settings)], surprisal=predicts, units=reader)
            for request in requests:
                run.activations(story, *request)
            reader.source(story)
            if predicts and name != "bert":
                word_surprisal(run, story)
        assert len(sizes) == len(STORIES)
    for story in STORIES:
        found, expected = reader.source(story), apart.source(story)
        assert found.columns(1, np.arange(90)).any()
        for of_both in ("facts", "units", "weights_hash"):
            assert getattr(found, of_both) == getattr(expected, of_both)
        np.testing.assert_array_equal(found.columns(1, np.arange(90)), expected.columns(1, np.arange(90)))
        for request in requests:
            own, other = (each.activations(story, *request) for each in (run, alone))
            np.testing.assert_array_equal(own.layer(1), other.layer(1))


@pytest.mark.parametrize("changes", [{"context": "5"}, {"dtype": "bfloat16"}, {"sae_layer": 1}])
def test_features_of_other_settings_or_of_another_layer_are_not_taken(
    models: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    units = f"sae:{save(tmp_path / 'sae', tensors(64, 90))}"
    run, other = (run_of(models / "gpt2", tmp_path, units=units, **more) for more in ({}, changes))
    first, second = reader_of(run), reader_of(other)
    read_once(run, STORIES[0], [*REQUESTS, units_request(first.settings)], units=first)
    assert first.has_features(STORIES[0])
    assert not first.has_features(STORIES[1])
    assert not second.has_features(STORIES[0])


def test_a_pass_that_stopped_early_gives_no_features(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The head refuses the text after the body has read a part of it: the features are read anew."""
    units = f"sae:{save(tmp_path / 'sae', tensors(64, 90))}"
    run, alone = (run_of(models / "gpt2", tmp_path / where, units=units) for where in ("together", "alone"))
    reader, apart = reader_of(run), reader_of(alone)

    def refuse(*_: object) -> None:
        raise ValueError("no predictions")

    monkeypatch.setattr(Predictions, "add", refuse)
    monkeypatch.setattr(activations, "_CHUNK_TOKENS", {"cpu": 1})
    story = story_of(3, 1500)
    read_once(run, story, [*REQUESTS, units_request(reader.settings)], surprisal=True, units=reader)
    found, expected = (each.source(story).columns(1, np.arange(90)) for each in (reader, apart))
    np.testing.assert_array_equal(found, expected)


def test_a_cache_made_without_surprisal_gets_it_in_a_pass_of_its_own(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = STORIES[0]
    read_once(run_of(models / "gpt2", tmp_path), story, REQUESTS)
    later = run_of(models / "gpt2", tmp_path)
    assert not has_surprisal(later, story)
    with passes(monkeypatch) as sizes:
        read_once(later, story, REQUESTS, surprisal=True)
        assert not sizes  # left to who asks for it
        found = word_surprisal(later, story)
        assert len(sizes) == 1
    whole = load_model(models / "gpt2", device="cpu", head=True)
    np.testing.assert_allclose(found, surprisal(whole, story.words.text), rtol=1e-5)


@pytest.mark.parametrize("changes", [{"context": "5"}, {"dtype": "bfloat16"}])
def test_surprisal_of_other_settings_or_another_story_is_not_taken(
    models: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    first, second = STORIES
    run, other = run_of(models / "gpt2", tmp_path), run_of(models / "gpt2", tmp_path, **changes)
    read_once(run, first, REQUESTS, surprisal=True)
    assert has_surprisal(run, first)
    assert not has_surprisal(run, second)
    assert not has_surprisal(other, first)
    read_once(other, first, REQUESTS, surprisal=True)
    if "dtype" in changes:  # all words of so short a story have the same context
        assert np.nanmax(np.abs(word_surprisal(other, first) - word_surprisal(run, first))) > 1e-4
    rewritten = replace(first, words=replace(first.words, text=second.words.text))
    assert not has_surprisal(run, rewritten)  # the same name with another text


def test_damaged_surprisal_is_read_again(models: Path, tmp_path: Path) -> None:
    run, story = run_of(models / "gpt2", tmp_path), STORIES[0]
    read_once(run, story, REQUESTS, surprisal=True)
    before = word_surprisal(run, story)
    (path,) = (tmp_path / "work" / "surprisal").glob("tale1-*[0-9a-f].json")
    path.write_text(json.dumps({"nats": [1.0] * len(story.words)})[:-1])
    assert not has_surprisal(run, story)
    np.testing.assert_allclose(word_surprisal(run, story), before, rtol=1e-5)


@pytest.mark.parametrize(("name", "said"), [("bert", "only of causal models"), ("llama", "lack lm_head.weight")])
def test_models_that_predict_no_words_are_read_and_say_why(
    models: Path, tmp_path: Path, name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    @contextmanager
    def noted() -> Iterator[None]:
        tried.append(name)
        yield

    monkeypatch.setattr("bids_app.language.heads._quiet", noted)
    run = run_of(models / name, tmp_path)
    for story in STORIES:
        read_once(run, story, REQUESTS, surprisal=True)
        assert all(run.has_read(story, *request) for request in REQUESTS)
        with pytest.raises(NoSurprisalError, match=said):
            word_surprisal(run, story)
    assert len(tried) == (name == "llama")  # once for all stories


def test_a_random_control_is_read_without_surprisal(models: Path, tmp_path: Path) -> None:
    run = replace(run_of(models / "gpt2", tmp_path), untrained=True)
    read_once(run, STORIES[0], REQUESTS, surprisal=True)
    assert run.has_read(STORIES[0], *REQUESTS[0])
    with pytest.raises(NoSurprisalError, match="random weights"):
        word_surprisal(run, STORIES[0])
