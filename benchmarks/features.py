"""A story through language models of real shapes with random weights, all layers, against one pass per word."""

import os
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks import harness
from bids_app.language.activations import Activations, read_activations
from bids_app.language.models import LanguageModel, load_model
from bids_app.language.neurons import record
from bids_app.language.tokens import Tokens, tokenize_words

N_WORDS, N_TIMED = 3_000, 100
KIND = "ffn-out"
_SYLLABLES = [start + vowel for start in ("b", "d", "k", "l", "m", "n", "r", "s", "t", "th", "w") for vowel in "aeiou"]


@dataclass(frozen=True)
class Shape:
    """Name of the configuration's class in transformers, what it is given, and the dtype of weights and products."""

    config: str
    options: dict[str, int]
    dtype: str = "float32"


_LLAMA3 = {
    "vocab_size": 128_256,
    "hidden_size": 4096,
    "intermediate_size": 14_336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 8192,
}
_TINY = {"vocab_size": 2_000, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
SHAPES = {
    "GPT-2-small": Shape("GPT2Config", {}),
    "BERT-base": Shape("BertConfig", {}),
    "Llama-3-8B": Shape("LlamaConfig", _LLAMA3, "bfloat16"),
    "Llama-tiny": Shape("LlamaConfig", _LLAMA3 | _TINY, "bfloat16"),
}


def save_model(shape: Shape, folder: Path, device: str) -> None:
    """Configuration, random weights as safetensors, and a tokenizer trained on the story's words."""
    import transformers

    config = getattr(transformers, shape.config)(**shape.options)
    with torch.device(device):  # where large random weights are made faster
        model = transformers.AutoModel.from_config(config, dtype=getattr(torch, shape.dtype))
    model.save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=trained_tokenizer(with_ends=shape.config == "BertConfig"), pad_token="[PAD]"
    ).save_pretrained(folder)


def trained_tokenizer(*, with_ends: bool) -> Any:
    """Byte pairs of the story's words, more than one token for some; BERT's puts [CLS] and [SEP] around a text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=["[PAD]", "[CLS]", "[SEP]"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(story(N_WORDS))], trainer)
    if with_ends:
        ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
        tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return tokenizer


def story(n_words: int) -> list[str]:
    """Made-up words of one to three syllables, some far more frequent than others."""
    random = np.random.default_rng(0)
    words = ["".join(random.choice(_SYLLABLES, 1 + place % 3)) for place in range(1_000)]
    return [words[rank % 1_000] for rank in random.zipf(1.3, n_words)]


def load(name: str, folder: Path, device: str) -> LanguageModel:
    """The model of a shape out of the folder it was saved in."""
    return load_model(folder, device=device, dtype=SHAPES[name].dtype)


def ours(model: LanguageModel, words: list[str]) -> None:
    """All layers of the story, on disk, not from the cache."""
    with tempfile.TemporaryDirectory() as folder:
        read_activations(model, words, KIND, "auto", Path(folder))


def one_by_one(model: LanguageModel, tokens: Tokens, n_timed: int) -> None:
    """Words in the middle of the story, one pass each over as much context as the model is used with."""
    begin = tokens.n_words // 2
    for place in range(begin, begin + n_timed):
        read_word(model, tokens, place, min(512, model.max_tokens - tokens.n_special))


def read_word(model: LanguageModel, tokens: Tokens, place: int, context: int) -> list[npt.NDArray[np.float32]]:
    """The mean over the tokens of one word, per layer (n_units,), by a pass of its own over at most `context`."""
    first, end = np.searchsorted(tokens.word, [place, place + 1])
    ids = [*tokens.prefix, *tokens.ids[max(0, end - context) : end], *tokens.suffix]
    taken = slice(len(ids) - len(tokens.suffix) - (end - first), len(ids) - len(tokens.suffix))

    def keep(activations: torch.Tensor) -> torch.Tensor:
        return activations.reshape(len(ids), -1)[taken].float().mean(dim=0).cpu()

    with record(model.model, KIND, keep) as recorder, torch.inference_mode():
        model.model(input_ids=torch.tensor([ids], device=model.device))
    return [layer.numpy() for layer in recorder.layers]


def agreement(model: LanguageModel, words: list[str], places: tuple[int, ...] = (20, 40, 59)) -> str:
    """Largest difference of some words' activations from those of a pass over nothing but the text up to them."""
    words = words[: places[-1] + 1]
    tokens = tokenize_words(model.tokenizer, words)
    with tempfile.TemporaryDirectory() as folder:
        whole = read_activations(model, words, KIND, "exact", Path(folder))
        worst = max(difference(whole, place, read_word(model, tokens, place, len(tokens))) for place in places)
    return f"activations within {worst:.0e} of the largest where the context is the same"


def difference(whole: Activations, place: int, word: list[npt.NDArray[np.float32]]) -> float:
    """Largest difference of one word over layers, as a part of the layer's largest value."""
    return max(
        float(np.abs(whole.layer(layer)[place] - values).max() / np.abs(values).max())
        for layer, values in enumerate(word)
    )


def memory(name: str, folder: Path, device: str, n_words: int) -> str:
    """Peak above what the process holds without a model (on a GPU: there), and the weights, in megabytes."""
    import transformers

    _ = getattr(transformers, SHAPES[name].config.replace("Config", "Model"))  # imported before, not part of the peak
    weights: list[float] = []

    def read() -> None:
        model = load(name, folder, device)
        weights.append(sum(part.numel() * part.element_size() for part in model.model.parameters()) / 1e6)
        ours(model, story(n_words))

    peak = harness.peak_growth_mb(read)
    if device.startswith("cuda"):
        peak = torch.cuda.max_memory_allocated() / 1e6
    return f"peak memory {peak:,.0f} MB, allowed {1.2 * weights[0] + 500:,.0f}, weights {weights[0]:,.0f}"


def run(name: str, options: Any, n_words: int) -> None:
    """The row of one shape."""
    with tempfile.TemporaryDirectory() as folder:
        save_model(SHAPES[name], Path(folder), options.device)
        flags = ["--memory", name, "--folder", folder, "--device", options.device]
        peak = harness.run_apart("features", *flags, *["--quick"] * options.quick)
        model = load(name, Path(folder), options.device)
    words = story(n_words)
    tokens = tokenize_words(model.tokenizer, words)
    n_timed = min(N_TIMED, n_words // 2)
    peer = f"one forward pass per word, {min(512, model.max_tokens - tokens.n_special)} tokens of context"
    times = harness.take_turns(
        {"ours": partial(ours, model, words), peer: partial(one_by_one, model, tokens, n_timed)},
        options.runs,
        device=options.device,
    )
    first = times.pop("ours")
    work = f"{n_words:,} words ({len(tokens):,} tokens), {name}, {SHAPES[name].dtype}"
    target = "≤ 0.02; memory ≤ 1.2 × weights + 500 MB"
    harness.print_row(work, first, times, target, f"{agreement(model, words)}; {peak}", n_words / n_timed)


def main() -> None:
    """One row per shape, of Llama 3 only where there is a GPU."""
    parser = harness.arguments(__doc__)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, help="Default: those that suit the device.")
    parser.add_argument("--memory", choices=SHAPES, help="Only print the peak memory of this shape, saved in --folder.")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    n_words = 700 if options.quick else N_WORDS
    if options.memory:
        print(memory(options.memory, options.folder, options.device, n_words))
        return
    large = ["Llama-3-8B"] * options.device.startswith("cuda")
    suited = ["Llama-tiny"] if options.quick else ["GPT-2-small", "BERT-base", *large]
    harness.print_header()
    for name in options.shapes or suited:
        run(name, options, n_words)


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
