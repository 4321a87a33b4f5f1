import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from bids_app.language import activations, reading
from bids_app.language.activations import read_activations
from bids_app.language.conftest_activations import CONTEXTS, Calls, layers
from bids_app.language.models import LanguageModel
from bids_app.language.neurons import NEURON_KINDS
from bids_app.language.tokens import tokenize_words
from bids_app.language.windows import plan_windows


@pytest.mark.parametrize(
    ("kind", "context"),
    [*((kind, "auto") for kind in NEURON_KINDS), *(("residual", context) for context in CONTEXTS[1:])],
)
def test_chunks_do_not_change_the_numbers(
    language_model: LanguageModel, long_story: list[str], tmp_path: Path, kind: str, context: int | str
) -> None:
    words = long_story[:90]
    results = [
        layers(read_activations(language_model, words, kind, context, tmp_path / str(chunk), chunk_tokens=chunk))
        for chunk in (1, 150, 4096)
    ]
    for others in results[1:]:
        for layer, other in zip(results[0], others, strict=True):
            np.testing.assert_allclose(layer, other, rtol=1e-5, atol=1e-5 * np.abs(layer).max())


def test_the_real_model_in_chunks(minilm: LanguageModel, story: list[str], tmp_path: Path) -> None:
    words = story * 9
    whole, chunked = (
        read_activations(minilm, words, "ffn-out", "auto", tmp_path / str(chunk), chunk_tokens=chunk)
        for chunk in (512, 2048)
    )
    for layer in range(6):
        scale = np.abs(whole.layer(layer)).max()
        np.testing.assert_allclose(whole.layer(layer), chunked.layer(layer), rtol=0, atol=1e-5 * scale)


def test_memory_grows_with_the_chunk_not_with_the_story(
    language_models: dict[str, LanguageModel], long_story: list[str], tmp_path: Path
) -> None:
    model, peaks = language_models["gpt2"], []
    for repeats in (1, 8):
        tokens = tokenize_words(model.tokenizer, long_story * repeats)
        windows = plan_windows(tokens, model.max_tokens, model.is_causal)
        folder = tmp_path / str(repeats)
        folder.mkdir()
        with Calls(model) as calls:
            tracemalloc.start()
            reader = reading.Reader(model, tokens, [reading.Request("ffn-in", "mean")])
            activations._write_layers(reader, windows, 128, [folder], np.dtype(np.float32))
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert max(calls.sizes) <= 128
    all_rows = 8 * len(long_story) * 3 * 48 * 4
    assert peaks[1] - peaks[0] < all_rows / 5  # the plan of windows and tokens, and no rows


def test_one_pass_gives_all_kinds_and_rules_as_passes_of_their_own(
    language_model: LanguageModel, story: list[str], tmp_path: Path
) -> None:
    requests = [reading.Request(*one) for one in (("ffn-out", "mean"), ("residual", "last"), ("residual", "mean"))]
    with Calls(language_model) as calls:
        alone = [
            read_activations(language_model, story, kind, "auto", tmp_path / "alone", subtoken=rule, chunk_tokens=64)
            for kind, rule in requests
        ]
        of_all, calls.sizes = calls.sizes, []
        together = activations.read_all(language_model, story, requests, "auto", tmp_path / "all", chunk_tokens=64)
    assert 3 * len(calls.sizes) == len(of_all)
    for one, other in zip(alone, together, strict=True):
        assert one.folder.name == other.folder.name
        for layer in range(one.n_layers):
            np.testing.assert_array_equal(one.layer(layer), other.layer(layer))
