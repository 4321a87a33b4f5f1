from pathlib import Path

import numpy as np
import pytest

from bids_app.language.activations import read_activations
from bids_app.language.continuations import read_continuations
from bids_app.language.models import LanguageModel

N_WORDS, AHEAD, LAYER = 6, 2, 1  # short enough for the context of the tiny models


def test_continuations_are_what_the_model_reads_in_the_spliced_text(
    causal_model: LanguageModel, story: list[str], tmp_path: Path
) -> None:
    words, first, second = story[:N_WORDS], story[9 : 9 + N_WORDS], story[5 : 5 + N_WORDS]
    made = read_continuations(causal_model, words, [first, second], "exact", LAYER, AHEAD)
    assert made.shape[:2] == (AHEAD, N_WORDS)
    for word in (0, 2, N_WORDS - 2):
        stop = min(N_WORDS, word + 1 + AHEAD)
        spliced = [[*words[: word + 1], *future[word + 1 : stop]] for future in (first, second)]
        each = [
            read_activations(causal_model, text, "residual", "auto", tmp_path, subtoken="last").layer(LAYER)
            for text in spliced
        ]
        expected = np.mean(each, axis=0)[word + 1 :]
        np.testing.assert_allclose(made[: stop - word - 1, word], expected, atol=2e-4)
        assert not made[stop - word - 1 :, word].any()


def test_the_true_words_as_future_give_the_true_activations(
    causal_model: LanguageModel, story: list[str], tmp_path: Path
) -> None:
    words = story[:N_WORDS]
    made = read_continuations(causal_model, words, [words] * 3, "exact", LAYER, 2)
    whole = read_activations(causal_model, words, "residual", "auto", tmp_path, subtoken="last").layer(LAYER)
    for ahead in (1, 2):
        np.testing.assert_allclose(made[ahead - 1, :-ahead], whole[ahead:], atol=2e-4)


def test_a_masked_model_is_refused(minilm: LanguageModel, story: list[str]) -> None:
    with pytest.raises(ValueError, match=r"is a masked model.*use --futures story"):
        read_continuations(minilm, story[:4], [story[:4]], "exact", LAYER, 2)
