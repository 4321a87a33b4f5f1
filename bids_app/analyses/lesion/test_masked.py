"""Masked models: the surprisal of a sample of words, and minimal pairs, under lesions of a run."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertTokenizer

from bids_app.analyses.dictionary import Dictionary
from bids_app.analyses.lesion.pairs import pair_table, read_pairs
from bids_app.analyses.lesion.plan import plan_lesions
from bids_app.analyses.lesion.readings import LesionJob, neurons_of, read_run, read_unseen, unseen_story
from bids_app.bids.events import Stimulus
from bids_app.bids.minimal_pairs import MinimalPair
from bids_app.bids.words import Words
from bids_app.demo.models import save_model
from bids_app.inputs.models import ModelRun
from bids_app.inputs.timing import Story, timing_of
from bids_app.language.lesions import lesion
from bids_app.language.surprisal import surprisal
from bids_app.settings import Settings

WIDTH, N_LAYERS = 16, 2
WORDS = ("the", "old", "river", "ran", "past", "a", "mill", "and", "turned", "to", "sea")
TEXT = tuple(np.random.default_rng(0).choice(WORDS, 150).tolist())
PAIRS = (
    MinimalPair("the old mill turned", "mill the turned old", "order"),
    MinimalPair("the river ran to the sea", "the river ran to the and", "word"),
    MinimalPair("a mill", "a to", "word"),
)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> LesionJob:
    folder = tmp_path_factory.mktemp("masked")
    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    tokenizer = BertTokenizer(vocab={token: number for number, token in enumerate((*special, *WORDS))})
    sizes = {"hidden_size": WIDTH, "num_hidden_layers": N_LAYERS, "num_attention_heads": 2, "intermediate_size": 24}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = BertConfig(vocab_size=16, max_position_embeddings=128, initializer_range=0.4, **sizes)
        save_model(folder / "model", BertForMaskedLM(config), tokenizer)
    given: dict[str, Any] = {"model": (str(folder / "model"),), "device": "cpu", "lesion_words": 9}
    settings = Settings(folder, folder / "out", "participant", **given)
    onset = 0.5 * np.arange(len(TEXT), dtype=np.float64)
    timing = timing_of([Stimulus("tale", "tale.wav", 0.0, ((0.0, float(onset[-1])),))], 1.5)
    stories = {
        "tale": Story("tale", Words(onset, np.full(len(TEXT), 0.4), TEXT), timing),
        "song": Story("song", Words(onset[:40], np.full(40, 0.4), TEXT[:40][::-1]), timing),
        "verse": Story("verse", Words(onset[:12], np.full(12, 0.4), TEXT[3:15]), timing),
    }
    model, neuron = ModelRun(str(folder / "model"), False, settings), np.arange(WIDTH * N_LAYERS)
    loadings = np.random.default_rng(1).standard_normal((2, len(neuron))).astype(np.float32)
    courses = np.zeros((len(timing.volumes), 2), np.float32)
    dictionary = Dictionary(("tale",), {"tale": courses}, loadings, neuron // WIDTH, neuron % WIDTH, {})
    neurons = neurons_of(model, dictionary, stories, settings)
    strongest = {"One": np.arange(8), "Two": np.arange(14, 22)}
    plan = plan_lesions(strongest, neurons, (6.25, 25.0), ("random",), 3, 0)
    return LesionJob(model, plan, neurons, dictionary, "key", 2, stories, settings)


def test_as_many_words_as_asked_have_a_surprisal_and_it_is_that_of_the_lesioned_model(job: LesionJob) -> None:
    found = read_run(job, job.stories["tale"].canonical).surprisal["tale"]
    chosen = np.flatnonzero(np.isfinite(found[0]))
    assert len(chosen) == 9
    assert (np.isfinite(found).sum(axis=1) == 9).all()
    row = job.plan.row_of("Two", 25.0)
    assert row is not None
    first, last = chosen[0] - 32, chosen[0] + 33
    around = TEXT[max(0, first) : last]
    units: dict[int, Any] = {0: [14, 15], 1: np.arange(6)}
    with lesion(job.with_head, units, "mean", job.source(job.stories["tale"])):
        expected = surprisal(job.with_head, around)[chosen[0] - max(0, first)]
    assert found[row, chosen[0]] == pytest.approx(expected, rel=1e-4)
    assert found[row, chosen[0]] != found[0, chosen[0]]


def test_pairs_are_judged_by_the_pseudo_log_likelihood_at_every_dose_with_controls(job: LesionJob) -> None:
    better = read_pairs(job, PAIRS)
    assert better.shape == (len(job.plan.lesions), 3)

    def judged() -> list[bool]:
        return [
            surprisal(job.with_head, pair.good.split()).sum() < surprisal(job.with_head, pair.bad.split()).sum()
            for pair in PAIRS
        ]

    assert better[0].astype(bool).tolist() == judged()
    draw = job.plan.rows("random", "One", 6.25)[1]
    with lesion(job.with_head, job.sets()[job.plan.reading_of[draw]], "mean", job.source(job.stories["tale"])):
        assert better[draw].astype(bool).tolist() == judged()
    table = pair_table(better, PAIRS, job.plan)
    assert sorted(set(table["dose"])) == [6.25, 25.0]
    assert (table["draws"] == 3).all()


def test_without_words_there_are_none_and_the_reason_is_said(job: LesionJob) -> None:
    other = replace(job, settings=replace(job.settings, lesion_words=0))
    assert other.without_surprisal == "--lesion-words 0 leaves out that of masked models"
    assert not other.without_head  # minimal pairs are still read
    assert read_run(other, job.stories["tale"].canonical).surprisal == {}


def test_a_story_that_the_dictionary_has_not_seen_is_read_under_the_same_lesions(job: LesionJob) -> None:
    story = unseen_story(job)
    assert story is job.stories["verse"]  # after "tale"
    assert unseen_story(replace(job, stories={name: job.stories[name] for name in ("song", "tale")})).stem == "song"  # type: ignore[union-attr]
    assert unseen_story(replace(job, stories={"tale": job.stories["tale"]})) is None
    found = read_unseen(job, story)
    assert np.isfinite(found).sum(axis=1).tolist() == [9] * len(job.plan.lesions)
    row = job.plan.row_of("One", 25.0)
    assert row is not None
    units: dict[int, Any] = {0: np.arange(8)}
    with lesion(job.with_head, units, "mean", job.source(story)):
        expected = surprisal(job.with_head, story.words.text)
    chosen = np.isfinite(found[row])
    np.testing.assert_allclose(found[row][chosen], expected[chosen], rtol=1e-4)
