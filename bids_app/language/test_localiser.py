"""The localiser finds units that were made selective, by the t that scipy's formula gives, and nothing in noise."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import ttest_ind

from bids_app.demo.models import make_gpt2, save_model
from bids_app.language.activations import read_activations
from bids_app.language.localiser import Localised, localise
from bids_app.language.localiser_stimuli import NONWORDS, SENTENCE, Stimulus, bundled_stimuli
from bids_app.language.models import LanguageModel, load_model

SELECTIVE = {1: [3, 40], 2: [17]}  # layer, from 0 → units of ffn-out
WORDS = ("river", "bread", "stone", "cloud", "horse", "light")
PSEUDO = ("tamik", "bolar", "kesun", "dorip", "vafem", "nukol")


def _texts(seed: int = 0, n: int = 30) -> list[Stimulus]:
    rng = np.random.default_rng(seed)
    return [
        Stimulus(condition, " ".join(rng.choice(pool, 6)))
        for condition, pool in ((SENTENCE, WORDS), (NONWORDS, PSEUDO))
        for _ in range(n)
    ]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    """A GPT-2 without attention: selective units write a direction that the tokens of words have, others do not."""
    folder = tmp_path_factory.mktemp("model")
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        network, tokenizer = make_gpt2([f" {text}" for text in (" ".join(WORDS), " ".join(PSEUDO)) for _ in range(3)])
        body = network
        body.wpe.weight.zero_()
        for text in (*WORDS, *PSEUDO):
            ids = {tokenizer.encode(form)[-1] for form in (text, f" {text}")}
            body.wte.weight[list(ids), 0] = 4.0 if text in WORDS else -4.0  # the last token of each word
        for layer, block in enumerate(body.h):
            block.attn.c_proj.weight.zero_()
            block.mlp.c_fc.weight[0] = 0  # one inner unit alone reads it
            block.mlp.c_fc.weight[0, 0] = 3
            block.mlp.c_proj.weight[0] = 0  # and writes it into the selective units alone
            for unit in SELECTIVE.get(layer, []):
                block.mlp.c_proj.weight[0, unit] = -1.0  # |activation| counts
        save_model(folder, network, tokenizer)
    return load_model(folder, device="cpu")


def test_planted_units_have_the_largest_t(model: LanguageModel) -> None:
    found = localise(model, _texts())
    chosen = found.strongest(100 * 3 / len(found.t))
    pairs = set(zip(found.layer_of[chosen].tolist(), found.unit_of[chosen].tolist(), strict=True))
    assert pairs == {(layer, unit) for layer, units in SELECTIVE.items() for unit in units}


def test_without_a_difference_between_conditions_halves_do_not_agree(model: LanguageModel) -> None:
    rng = np.random.default_rng(1)
    texts = [replace_condition(one, rng.permutation(60)[number] % 2) for number, one in enumerate(_texts())]
    assert localise(model, _texts()).halves > 0.8
    assert abs(localise(model, texts).halves) < 0.5


def replace_condition(one: Stimulus, number: int) -> Stimulus:
    return one._replace(condition=(SENTENCE, NONWORDS)[number])


def test_t_is_welchs_of_the_last_token_of_each_text(language_models: dict[str, LanguageModel], tmp_path: Path) -> None:
    language_model = language_models["bert"]
    texts = [Stimulus(SENTENCE, text) for text in ("the boy", "he ate half a loaf", "a warning", "nobody had told him")]
    texts += [Stimulus(NONWORDS, text) for text in ("eht yob gr", "ta hlaf", "rainn gwaw oc", "b")]
    rows = [
        read_activations(language_model, one.text.split(), "residual", "auto", tmp_path, subtoken="last")
        for one in texts
    ]
    last = np.abs([np.concatenate([row.layer(layer)[-1] for layer in range(3)]) for row in rows]).astype(float)
    reference = ttest_ind(last[:4], last[4:], equal_var=False).statistic
    found = localise(language_model, texts, "residual")
    np.testing.assert_allclose(found.t, reference, rtol=1e-3, atol=1e-4)
    assert found.layer_of.tolist() == [0] * 32 + [1] * 32 + [2] * 32
    assert found.unit_of[32:64].tolist() == list(range(32))


def test_the_share_is_of_all_units_and_only_selective_ones_count() -> None:
    t = np.array([3.0, np.nan, 1.0, -2.0, 5.0, 0.5])
    found = Localised(np.zeros(6, np.int64), np.arange(6), t, 0.9)
    assert found.strongest(1).tolist() == [4]
    assert found.strongest(50).tolist() == [0, 2, 4]
    with pytest.raises(ValueError, match=r"4 of 6 units are more active for sentences .* 100 % are 6: give a smaller"):
        found.strongest(100)


def test_too_few_or_too_long_texts_are_refused(model: LanguageModel) -> None:
    with pytest.raises(ValueError, match="has 3 texts of the condition sentence; it needs 4"):
        localise(model, _texts()[27:])
    long = [*_texts(), Stimulus(SENTENCE, " ".join(["river"] * 600))]
    with pytest.raises(ValueError, match=r"is longer than .* reads"):
        localise(model, long)


def test_bundled_texts_differ_in_being_words_alone() -> None:
    stimuli = bundled_stimuli()
    assert stimuli == bundled_stimuli()
    assert len({one.text for one in stimuli}) == len(stimuli) == 240
    sentences, lists = ([one.text.split() for one in stimuli if one.condition == name] for name in (SENTENCE, NONWORDS))
    for words, others in zip(sentences, lists, strict=True):
        assert [len(word) for word in words] == [len(word) for word in others]
        assert all(word.isalpha() for word in (*words, *others))
    known = Counter(word.lower() for words in sentences for word in words)
    assert not [word for others in lists for word in others if word.lower() in known]


def test_a_model_in_half_precision_is_localised_alike(model: LanguageModel) -> None:
    half = replace(load_model(model.name, device="cpu", dtype="bfloat16"))
    one, other = (localise(each, _texts()) for each in (model, half))
    assert set(one.strongest(1.2)) == set(other.strongest(1.2))
