"""Time and memory of lesions on a device: a GPT-2 of the small size with random weights, with surprisal.

python -m benchmarks.lesion_device --device cuda [--dtype bfloat16] [--words 2100] [--lesions 64] [--small]
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import features, harness
from bids_app.language.lesioned import LesionReader
from bids_app.language.models import LanguageModel, load_model
from bids_app.language.tokens import tokenize_words
from bids_app.language.windows import plan_windows

N_FAMILIES = 64
DOSE = 0.01  # share of all neurons in a set
ASKED = 7 * 5 * 101  # lesions of 7 networks, 5 doses, and 100 draws for each
_SMALL = {"n_layer": 2, "n_embd": 32, "n_head": 2, "vocab_size": 600, "bos_token_id": 0, "eos_token_id": 0}


@dataclass(frozen=True)
class Measured:
    """What some lesions took.

    Attributes
    ----------
    seconds : of one lesion
    peak_mb : largest memory of the device, weights included; of the whole process on the CPU
    intact_difference : largest difference in nats between an empty set among others and an empty set read alone
    """

    words: int
    tokens: int
    lesions: int
    seconds: float
    peak_mb: float
    intact_difference: float

    def row(self, title: str) -> str:
        """A row of the table; the last column is the time of all lesions of a participant."""
        return (
            f"| {title} | {self.words:,} | {self.tokens:,} | {self.lesions} | {self.seconds:.4f} | "
            f"{self.peak_mb:,.0f} | {self.intact_difference:.1e} | {self.seconds * ASKED / 3600:.2f} |"
        )


HEAD = (
    "| model | words | tokens | lesions | s per lesion | peak MB | intact among others, nats | "
    f"hours for {ASKED:,} lesions |\n| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def measure(
    device: str = "cuda", dtype: str = "float32", n_words: int = 2100, n_lesions: int = 64, *, small: bool = False
) -> Measured:
    """Read a story under an intact model and lesions of all layers, after a first reading that is not timed."""
    with tempfile.TemporaryDirectory() as folder:
        model = _model(Path(folder), device, dtype, small)
        reader = _reader(model, n_words)
    widths = [len(weights) for weights in reader.projections]
    rng = np.random.default_rng(0)
    sets = [
        {layer: np.sort(rng.choice(n, max(1, round(DOSE * n)), replace=False)) for layer, n in enumerate(widths)}
        for _ in range(n_lesions)
    ]
    alone = reader.read([{}])
    if model.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(model.device)
    start = time.perf_counter()
    found = reader.read([{}, *sets])  # results are on the CPU, so that the device has finished
    seconds = (time.perf_counter() - start) / (1 + n_lesions)
    assert found.surprisal is not None
    assert alone.surprisal is not None
    difference = np.nanmax(np.abs(found.surprisal[0] - alone.surprisal[0]))
    return Measured(n_words, len(reader.tokens), n_lesions, seconds, _peak_mb(model.device), float(difference))


def _model(folder: Path, device: str, dtype: str, small: bool) -> LanguageModel:
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        GPT2LMHeadModel(GPT2Config(**(_SMALL if small else {}))).save_pretrained(folder)
    tokenizer = features.trained_tokenizer(with_ends=False)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]").save_pretrained(folder)
    return load_model(folder, device=device, dtype=dtype, head=True)


def _reader(model: LanguageModel, n_words: int) -> LesionReader:
    config: Any = model.model.config
    rng = np.random.default_rng(1)
    tokens = tokenize_words(model.tokenizer, features.story(n_words))
    shape = (config.n_layer, config.n_embd)
    return LesionReader(
        model,
        tokens,
        [rng.standard_normal((n_words, shape[1])).astype(np.float32) for _ in range(shape[0])],
        round(shape[0] * 2 / 3) - 1,
        [rng.standard_normal((shape[1], N_FAMILIES)).astype(np.float32) for _ in range(shape[0])],
        plan_windows(tokens, model.max_tokens, model.is_causal),
        with_surprisal=True,
    )


def _peak_mb(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(argv: Sequence[str] | None = None) -> None:
    """Print one row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--words", type=int, default=2100)
    parser.add_argument("--lesions", type=int, default=64)
    parser.add_argument("--small", action="store_true", help="A tiny model, to try the script.")
    asked = parser.parse_args(argv)
    print(harness.machine(("numpy", "torch")), end="\n\n")
    print(HEAD)
    found = measure(asked.device, asked.dtype, asked.words, asked.lesions, small=asked.small)
    print(found.row(f"{'tiny' if asked.small else 'GPT-2-small'}, {asked.dtype}, {asked.device}"))


if __name__ == "__main__":
    main()
