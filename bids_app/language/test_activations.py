import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pytest
import torch

from bids_app.language import activations, reading
from bids_app.language.activations import STORED, Activations, activation_key, read_activations
from bids_app.language.models import LanguageModel, load_model
from bids_app.language.neurons import NEURON_KINDS, find_blocks
from bids_app.language.tokens import tokenize_words
from bids_app.language.windows import plan_windows

CONTEXTS = ["auto", "left", "exact", 10]


def _layers(activations: Activations) -> list[npt.NDArray[np.float32]]:
    return [np.array(activations.layer(layer)) for layer in range(activations.n_layers)]


def _by_transformers(
    language_model: LanguageModel, words: list[str], subtoken: str = "mean"
) -> list[npt.NDArray[np.float32]]:
    """Read a short text in one forward pass and return hidden_states of all but the last layer per word."""
    tokenizer = language_model.tokenizer
    with torch.inference_mode():
        whole = tokenizer(" ".join(words), return_tensors="pt")
        states = language_model.model(**whole, output_hidden_states=True).hidden_states[1:-1]
    tokens = tokenize_words(tokenizer, words)
    inside = slice(len(tokens.prefix), len(tokens.prefix) + len(tokens))
    rows = []
    for state in states:
        values = state[0, inside].numpy()
        each = [values[tokens.word == word] for word in range(len(words))]
        rows.append(np.stack([vectors.mean(axis=0) if subtoken == "mean" else vectors[-1] for vectors in each]))
    return rows


class _Calls:
    """Counts forward passes and the tokens in each."""

    def __init__(self, language_model: LanguageModel) -> None:
        self.sizes: list[int] = []
        self.handle = language_model.model.register_forward_pre_hook(self._see, with_kwargs=True)

    def _see(self, _module: object, _args: object, kwargs: dict[str, torch.Tensor]) -> None:
        self.sizes.append(kwargs["input_ids"].numel())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.handle.remove()


@pytest.mark.parametrize("subtoken", ["mean", "last"])
@pytest.mark.parametrize("context", ["auto", "exact"])
def test_a_short_text_gives_what_transformers_gives(
    language_model: LanguageModel, story: list[str], tmp_path: Path, context: str, subtoken: str
) -> None:
    words = story[:12]
    if context == "exact" and not language_model.is_causal:
        pytest.skip("a masked model sees less than the whole text in exact windows")
    result = read_activations(language_model, words, "residual", context, tmp_path, subtoken=subtoken)
    for ours, reference in zip(_layers(result)[:-1], _by_transformers(language_model, words, subtoken), strict=True):
        np.testing.assert_allclose(ours, reference, rtol=1e-4, atol=1e-5)


def test_one_token_words_keep_ffn_in_and_ffn_out_in_step(
    language_model: LanguageModel, story: list[str], tmp_path: Path
) -> None:
    result = {
        kind: _layers(read_activations(language_model, story, kind, "auto", tmp_path)) for kind in ("ffn-in", "ffn-out")
    }
    for layer, matrix in enumerate(find_blocks(language_model.model).matrices):
        with torch.inference_mode():  # affine, so it holds for means over tokens too
            again = matrix(torch.from_numpy(result["ffn-in"][layer])).numpy()
        np.testing.assert_allclose(again, result["ffn-out"][layer], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "context"),
    [*((kind, "auto") for kind in NEURON_KINDS), *(("residual", context) for context in CONTEXTS[1:])],
)
def test_chunks_do_not_change_the_numbers(
    language_model: LanguageModel, long_story: list[str], tmp_path: Path, kind: str, context: int | str
) -> None:
    words = long_story[:90]
    results = [
        _layers(read_activations(language_model, words, kind, context, tmp_path / str(chunk), chunk_tokens=chunk))
        for chunk in (1, 150, 4096)
    ]
    for others in results[1:]:
        for layer, other in zip(results[0], others, strict=True):
            np.testing.assert_allclose(layer, other, rtol=1e-5, atol=1e-5 * np.abs(layer).max())


def test_exact_is_one_pass_per_word(causal_model: LanguageModel, long_story: list[str], tmp_path: Path) -> None:
    """Compare with forward passes made here, each ending at a word, with all the context that fits."""
    words = long_story[:70]
    result = read_activations(causal_model, words, "residual", "exact", tmp_path)
    tokens = tokenize_words(causal_model.tokenizer, words)
    ends = np.cumsum(tokens.tokens_per_word)
    for word in range(0, len(words), 3):
        window = tokens.ids[max(0, ends[word] - 64 + tokens.n_special) : ends[word]]
        ids = torch.tensor([[*tokens.prefix, *window]])
        with torch.inference_mode():
            state = causal_model.model(input_ids=ids, output_hidden_states=True).hidden_states[1]
        expected = state[0, -tokens.tokens_per_word[word] :].mean(dim=0).numpy()
        np.testing.assert_allclose(result.layer(0)[word], expected, rtol=1e-4, atol=1e-5)


def test_strided_is_exact_where_the_context_is_the_same(
    causal_model: LanguageModel, long_story: list[str], tmp_path: Path
) -> None:
    strided, exact = (
        _layers(read_activations(causal_model, long_story, "ffn-out", c, tmp_path)) for c in ("auto", "exact")
    )
    ends = np.cumsum(tokenize_words(causal_model.tokenizer, long_story).tokens_per_word)
    within = ends <= 60
    for layer, other in zip(strided, exact, strict=True):
        np.testing.assert_allclose(layer[within], other[within], rtol=1e-4, atol=1e-5)
    assert not np.allclose(strided[-1][~within], exact[-1][~within], atol=1e-3)


@pytest.mark.parametrize("context", CONTEXTS)
def test_causal_models_do_not_see_later_words(
    causal_model: LanguageModel, long_story: list[str], tmp_path: Path, context: int | str
) -> None:
    changed = [*long_story[:90], *reversed(long_story[90:]), "more", "words"]
    before, after = (
        _layers(read_activations(causal_model, text, "ffn-out", context, tmp_path)) for text in (long_story, changed)
    )
    for layer, other in zip(before, after, strict=True):
        np.testing.assert_allclose(layer[:90], other[:90], rtol=1e-5, atol=1e-5 * np.abs(layer).max())


@pytest.mark.parametrize(("context", "sees"), [("auto", True), (10, True), ("left", False), ("exact", False)])
def test_masked_models_see_later_words_unless_asked_not_to(
    language_models: dict[str, LanguageModel], long_story: list[str], tmp_path: Path, context: int | str, sees: bool
) -> None:
    changed = [*long_story[:90], *reversed(long_story[90:])]
    texts = (long_story, changed)
    before, after = (
        _layers(read_activations(language_models["bert"], text, "ffn-out", context, tmp_path)) for text in texts
    )
    difference = max(np.abs(layer[85:90] - other[85:90]).max() for layer, other in zip(before, after, strict=True))
    assert (difference > 1e-3) if sees else (difference < 1e-5)


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


def test_memory_grows_with_the_chunk_not_with_the_story(
    language_models: dict[str, LanguageModel], long_story: list[str], tmp_path: Path
) -> None:
    model, peaks = language_models["gpt2"], []
    for repeats in (1, 8):
        tokens = tokenize_words(model.tokenizer, long_story * repeats)
        windows = plan_windows(tokens, model.max_tokens, model.is_causal)
        folder = tmp_path / str(repeats)
        folder.mkdir()
        with _Calls(model) as calls:
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
    with _Calls(language_model) as calls:
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


def test_only_what_is_missing_is_read(
    language_models: dict[str, LanguageModel], story: list[str], tmp_path: Path
) -> None:
    model, requests = language_models["gpt2"], [reading.Request("ffn-out", "mean"), reading.Request("residual", "last")]
    first = read_activations(model, story, "ffn-out", "auto", tmp_path)
    written = (first.folder / "layer-000.npy").stat().st_mtime_ns
    assert activations.read_all(model, story, requests, "auto", tmp_path)[0] == first
    assert (first.folder / "layer-000.npy").stat().st_mtime_ns == written
    with _Calls(model) as calls:
        activations.read_all(model, story, requests, "auto", tmp_path)
    assert calls.sizes == []


def test_the_cache_is_used(language_models: dict[str, LanguageModel], story: list[str], tmp_path: Path) -> None:
    first = read_activations(language_models["gpt2"], story, "ffn-out", "auto", tmp_path)
    with _Calls(language_models["gpt2"]) as calls:
        again = read_activations(language_models["gpt2"], story, "ffn-out", "auto", tmp_path, chunk_tokens=64)
        assert calls.sizes == []
        read_activations(language_models["gpt2"], story, "ffn-out", "auto", tmp_path, subtoken="last")
        assert calls.sizes
    assert again == first == Activations.open(first.folder)
    assert len(list(tmp_path.iterdir())) == 2


def test_the_key_holds_all_that_determines_the_numbers() -> None:
    settings: dict[str, Any] = {
        "weights_hash": "w",
        "texts": ["a", "b"],
        "kind": "ffn-out",
        "context": "auto",
        "dtype": "float32",
    }
    changes: list[dict[str, Any]] = [
        {},
        {"weights_hash": "v"},
        {"texts": ["ab"]},
        {"texts": ["b", "a"]},
        {"kind": "ffn-in"},
        {"context": "left"},
        {"context": "rolled"},
        {"context": 512},
        {"context": "512"},
        {"dtype": "float16"},
        {"subtoken": "last"},
        {"stored": "float16"},
    ]
    keys = [activation_key(**(settings | change)) for change in changes]
    assert len(set(keys)) == len(changes)
    assert keys[0] == activation_key(**settings, subtoken="mean")


def test_another_process_may_finish_first(
    language_models: dict[str, LanguageModel], story: list[str], tmp_path: Path
) -> None:
    model = language_models["gpt2"]
    nested: list[Activations | None] = []

    def finish_first(*_: object) -> None:
        if not nested:
            nested.append(None)
            nested[0] = read_activations(model, story, "ffn-out", "auto", tmp_path)

    handle = model.model.register_forward_pre_hook(finish_first)
    try:
        result = read_activations(model, story, "ffn-out", "auto", tmp_path)
    finally:
        handle.remove()
    assert result == nested[0]
    assert [path.name for path in tmp_path.iterdir()] == [result.folder.name]


def test_a_failure_leaves_nothing_behind(
    language_models: dict[str, LanguageModel], story: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(reading.Reader, "read", fail)
    with pytest.raises(MemoryError):
        read_activations(language_models["gpt2"], story, "ffn-out", "auto", tmp_path)
    assert list(tmp_path.iterdir()) == []


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


def test_the_real_model_gives_what_transformers_gives(minilm: LanguageModel, story: list[str], tmp_path: Path) -> None:
    result = read_activations(minilm, story, "residual", "auto", tmp_path)
    for ours, reference in zip(_layers(result)[:-1], _by_transformers(minilm, story), strict=True):
        np.testing.assert_allclose(ours, reference, rtol=1e-4, atol=1e-5)


def test_the_real_model_in_chunks(minilm: LanguageModel, story: list[str], tmp_path: Path) -> None:
    words = story * 9
    whole, chunked = (
        read_activations(minilm, words, "ffn-out", "auto", tmp_path / str(chunk), chunk_tokens=chunk)
        for chunk in (512, 2048)
    )
    for layer in range(6):
        scale = np.abs(whole.layer(layer)).max()
        np.testing.assert_allclose(whole.layer(layer), chunked.layer(layer), rtol=0, atol=1e-5 * scale)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def _zero_a_block(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:200] + bytes(100) + content[300:])


@pytest.mark.parametrize("name", ["layer-001.npy", "activations.json", "manifest.json"])
@pytest.mark.parametrize(
    "damage", [_cut, _zero_a_block, lambda path: path.write_bytes(b""), lambda path: path.unlink()]
)
def test_damaged_activations_are_made_again(
    language_models: dict[str, LanguageModel],
    story: list[str],
    tmp_path: Path,
    name: str,
    damage: Callable[[Path], int | None],
) -> None:
    model = language_models["gpt2"]
    first = read_activations(model, story, "ffn-out", "auto", tmp_path)
    whole = {path.name: path.read_bytes() for path in first.folder.iterdir()}
    damage(first.folder / name)
    again = read_activations(model, story, "ffn-out", "auto", tmp_path)
    assert {path.name: path.read_bytes() for path in again.folder.iterdir()} == whole
