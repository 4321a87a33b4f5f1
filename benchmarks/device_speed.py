"""Times and memory on a device, beside peers: parts of `device_check`."""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import dictionary, features, forecast, harness, ridge
from benchmarks.device_row import Row, at_least, at_most, noted
from bids_app.encoding.design.folds import contiguous_folds
from bids_app.encoding.dictionary import ReproducibleDictionary
from bids_app.encoding.ridge.held_out import design_held_out
from bids_app.language.activations import plan_batches
from bids_app.language.models import LanguageModel
from bids_app.language.reading import Reader, Request
from bids_app.language.tokens import tokenize_words
from bids_app.language.windows import plan_windows

_SPAMS_ITERATIONS = 200
_RUNS = 3
_PEAK_SIZE = 8192  # edge of the square matrices whose product gives the card's peak


def dictionaries(device: str, small: bool) -> Iterator[Row]:
    """One dictionary, beside SPAMS on the processor."""
    n_volumes, n_neurons = (100, 1_000) if small else (600, 131_072)
    X = dictionary.made_up(n_volumes, n_neurons)
    calls: dict[str, Callable[[], Any]] = {"ours": partial(dictionary.ours, X, device)}
    times = harness.take_turns(calls, _RUNS, device=device)
    title = f"dictionary {n_volumes:,} × {n_neurons:,}"
    yield noted(title, "time", str(times["ours"]))
    peer = harness.median_time(partial(dictionary.spams, X.copy("F"), _SPAMS_ITERATIONS), 1)
    yield noted(title, f"time of SPAMS, {_SPAMS_ITERATIONS} iterations, on the processor", str(peer))
    yield _on_card(device, small, at_least(title, "times as fast as SPAMS", peer.wall / times["ours"].wall, 20))


def families(device: str, small: bool) -> Iterator[Row]:
    """Ten restarts and their families, beside one dictionary."""
    X = dictionary.made_up(*((100, 1_000) if small else (600, 131_072)))
    calls: dict[str, Callable[[], Any]] = {
        "dictionary": partial(dictionary.ours, X, device),
        "families": lambda: ReproducibleDictionary(dictionary.N_ATOMS, device=device).fit(X),
    }
    times = harness.take_turns(calls, 1 if small else _RUNS, device=device)
    yield noted("families", "time", str(times["families"]))
    yield noted("families", "families / one dictionary", f"{times['families'].wall / times['dictionary'].wall:.3g}")


def ridges(device: str, small: bool) -> Iterator[Row]:
    """Ridge with 20 penalties, beside himalaya on the same device."""
    sizes = (200, 300, 400) if small else (2_000, 4_608, 80_000)
    X, Y = ridge.made_up(*sizes)
    data = X[: sizes[0]], Y[: sizes[0]], contiguous_folds(sizes[0], 5), device
    title = f"ridge {sizes[0]:,} × {sizes[1]:,} → {sizes[2]:,}"
    yield from _beside(title, partial(ridge.ours, *data), partial(ridge.himalaya, *data), device, small)


def forecasts(device: str, small: bool) -> Iterator[Row]:
    """One distance of the forecast, beside himalaya on the same device."""
    n_targets = 500 if small else forecast.N_TARGETS
    spaces, Y = forecast.made_up(n_targets)
    design = design_held_out(spaces, [forecast.N_VOLUMES], device=device)
    title = f"forecast {forecast.N_VOLUMES} × 240 → {n_targets:,}"
    ours = partial(forecast.ours, spaces, Y, device)
    yield from _beside(title, ours, partial(forecast.himalaya, design, Y, device), device, small)


def _beside(title: str, ours: Callable[[], Any], peer: Callable[[], Any], device: str, small: bool) -> Iterator[Row]:
    times = harness.take_turns({"ours": ours, "himalaya": peer}, _RUNS, device=device)
    for name, timing in times.items():
        yield noted(title, f"time, {name}", str(timing))
    ratio = times["ours"].wall / times["himalaya"].wall
    yield _on_card(device, small, at_most(title, "ours / himalaya", ratio, 0.4))


def _on_card(device: str, small: bool, row: Row) -> Row:
    """Speed is asked of a card and the whole size; elsewhere the ratio is only shown."""
    return row if device.startswith("cuda") and not small else replace(row, limit="", passed=None)


def texts(device: str, small: bool) -> Iterator[Row]:
    """Features of a Llama with random weights: tokens per second, share of the peak, memory."""
    import torch

    name = "Llama-tiny" if small else "Llama-3-8B"
    model = _random_model(name, device)
    weights = sum(part.numel() for part in model.model.parameters())
    embedded = _embedded(model.model)
    words = features.story(150 if small else features.N_WORDS)
    n_tokens = len(tokenize_words(model.tokenizer, words))
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
    timing = harness.median_time(partial(features.ours, model, words), 2, device=device)
    speed = n_tokens / timing.wall
    yield noted(name, "tokens per second, all layers written to disk", f"{speed:,.0f}")
    speed = n_tokens / harness.median_time(partial(_into_memory, model, words), 2, device=device).wall
    yield noted(name, "tokens per second, all layers into memory", f"{speed:,.0f}")
    peak = _peak(device, small)
    share = 2 * (weights - embedded) * speed / peak
    yield noted(name, "share of the card's peak, of its own product of matrices", f"{100 * share:.0f} %")
    if device.startswith("cuda"):
        used, held = torch.cuda.max_memory_allocated(), 2 * weights
        yield at_most(name, "peak memory, of 1.2 × weights + 500 MB", used / (1.2 * held + 5e8), 1)
        yield noted(name, "peak memory", f"{used / 1e6:,.0f} MB")


def _into_memory(model: LanguageModel, words: list[str]) -> None:
    """All layers of a story, each batch dropped when it is in the host's memory."""
    tokens = tokenize_words(model.tokenizer, words)
    reader = Reader(model, tokens, [Request(features.KIND, "mean")])
    windows = plan_windows(tokens, model.max_tokens, model.is_causal, "auto")
    for batch in plan_batches(reader, windows, reader.units()):
        reader.read(batch)


def _embedded(model: Any) -> int:
    """Weights that are looked up, not multiplied."""
    return int(model.get_input_embeddings().weight.numel())


def _random_model(name: str, device: str) -> LanguageModel:
    """A model made on the device: its weights never touch the disk."""
    import torch
    import transformers

    shape = features.SHAPES[name]
    config = getattr(transformers, shape.config)(**shape.options, use_cache=False)
    with torch.device(device):
        model = transformers.AutoModel.from_config(config, dtype=getattr(torch, shape.dtype))
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=features.trained_tokenizer(with_ends=False), pad_token="[PAD]"
    )
    return LanguageModel(
        name=name,
        label=name,
        revision=None,
        model=model.eval().requires_grad_(False),
        tokenizer=tokenizer,
        is_causal=True,
        n_layers=config.num_hidden_layers,
        max_tokens=config.max_position_embeddings,
        device=torch.device(device),
        dtype=shape.dtype,
        weights_hash="random",
        heeds_padding=True,
    )


def _peak(device: str, small: bool) -> float:
    """Operations per second of a large product of matrices in bfloat16."""
    import torch

    size = 512 if small else _PEAK_SIZE
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    seconds = harness.median_time(lambda: torch.mm(a, b), 5, device=device).wall
    return float(2 * size**3 / seconds)


def participants(device: str, small: bool) -> Iterator[Row]:
    """A participant of the demo from data to page, on the device and on the processor."""
    from bids_app.cli import main
    from bids_app.demo.generate import DEFAULTS, generate

    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch, "data")
        generate(data, replace(DEFAULTS, participants=1, stories=1, spaces=("fsaverage5",)))
        options = ["--config-file", str(data / "code" / "demo.toml"), "--analysis", "networks", "brainscore"]
        options += ["--n-permutations", "19" if small else "999"]
        for where in dict.fromkeys((device, "cpu")):
            start = time.perf_counter()
            out = Path(scratch, f"out-{where}")
            status = main([str(data), str(out), "participant", "--device", where, "--regions", "none", *options])
            yield at_most("participant", f"exit status, {where}", status, 0)
            yield noted("participant", f"time, {where}", f"{time.perf_counter() - start:.1f} s")


PARTS = (texts, dictionaries, families, ridges, forecasts, participants)
