"""Surprisal in the pass that reads the activations: as transformers computes it, in many families and contexts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import transformers

from bids_app.language import activations, predictor
from bids_app.language.activations import read_all, read_with_surprisal
from bids_app.language.lesions import body_of
from bids_app.language.models import LanguageModel, load_model
from bids_app.language.neurons import find_blocks
from bids_app.language.predictor import Predictor
from bids_app.language.reading import Request
from bids_app.language.surprisal import surprisal
from bids_app.language.test_families import FAMILIES, G, L, V
from bids_app.language.tokens import tokenize_words
from bids_app.language.windows import Context, plan_windows

REQUESTS = [Request("ffn-out", "mean"), Request("residual", "last")]
WITH_HEAD: dict[str, Callable[[], transformers.PretrainedConfig]] = {
    "Gemma 2, capped": lambda: transformers.Gemma2Config(**G, head_dim=4, final_logit_softcapping=2.0),
    "Granite, scaled": lambda: transformers.GraniteConfig(**G, logits_scaling=3.0),
    "Cohere, scaled": lambda: transformers.CohereConfig(**G, logit_scale=0.3),
    "GPT-J, bias": lambda: transformers.GPTJConfig(
        vocab_size=V, n_embd=16, n_layer=3, n_head=4, rotary_dim=4, n_positions=64
    ),
    "OPT, projected": lambda: transformers.OPTConfig(
        vocab_size=V, hidden_size=16, ffn_dim=40, num_hidden_layers=3, num_attention_heads=4, word_embed_proj_dim=8
    ),
    "GPT-NeoX": lambda: transformers.GPTNeoXConfig(**L),
    "BLOOM": lambda: transformers.BloomConfig(vocab_size=V, hidden_size=16, n_layer=3, n_head=4),
    **{name: FAMILIES[name][0] for name in ("Mixtral", "CTRL", "MPT", "Lfm2", "GPT-OSS")},
}


@pytest.fixture(scope="module", params=["gpt2", "llama2", "llama3"])
def causal(request: pytest.FixtureRequest, model_folders: dict[str, Path]) -> LanguageModel:
    return load_model(model_folders[request.param], device="cpu", head=True)


@contextmanager
def tokens_read(model: LanguageModel) -> Iterator[list[int]]:
    """The tokens that the blocks of a model read in each pass, beside the few of a probe."""
    sizes: list[int] = []

    def see(_module: object, given: tuple[torch.Tensor, ...]) -> None:
        n_windows, n_tokens = given[0].shape[:2]
        if n_windows * n_tokens > 8:
            sizes.append(n_windows * n_tokens)

    handle = find_blocks(body_of(model.model)).blocks[0].register_forward_pre_hook(see)
    try:
        yield sizes
    finally:
        handle.remove()


def by_transformers(model: LanguageModel, words: list[str], context: Context) -> npt.NDArray[np.float64]:
    """The surprisal of each word, from each window read alone by the whole model."""
    tokens = tokenize_words(model.tokenizer, words)
    nats = np.full(len(tokens), np.nan)
    for window in plan_windows(tokens, model.max_tokens, True, context):
        ids = [*tokens.prefix, *(int(tokens.ids[index % len(tokens)]) for index in range(window.start, window.stop))]
        with torch.inference_mode():
            log_p = model.model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(dim=-1)
        for token in range(window.first, window.stop_taking):
            before = token - window.start + len(tokens.prefix) - 1
            if before >= 0:
                nats[token] = -float(log_p[before, tokens.ids[token]])
    return np.array([nats[tokens.word == word].sum() for word in range(len(words))])


@pytest.mark.parametrize("context", ["auto", "exact", 10, 0, "rolled"])
def test_one_pass_gives_activations_and_the_surprisal_of_transformers(
    causal: LanguageModel, long_story: list[str], tmp_path: Path, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(predictor._VALUES, "cpu", 5 * V)  # of five positions at a time
    words = long_story[:90]
    alone = load_model(causal.name, device="cpu")
    with tokens_read(alone) as of_activations:
        expected = read_all(alone, words, REQUESTS, context, tmp_path / "alone", chunk_tokens=150)
    with tokens_read(causal) as of_both:
        read, found = read_with_surprisal(causal, words, REQUESTS, context, tmp_path / "both", chunk_tokens=150)
    assert of_both == of_activations
    np.testing.assert_allclose(found, by_transformers(causal, words, context), rtol=1e-5)
    np.testing.assert_allclose(found, surprisal(causal, words, context), rtol=1e-5)
    assert np.isfinite(found).any()
    for one, other in zip(read, expected, strict=True):
        assert one.folder.name == other.folder.name  # the same cache
        for layer in range(one.n_layers):
            np.testing.assert_array_equal(one.layer(layer), other.layer(layer))


def test_surprisal_of_a_text_that_was_read_before_takes_a_pass_without_recording(
    causal: LanguageModel, story: list[str], tmp_path: Path
) -> None:
    before = read_all(load_model(causal.name, device="cpu"), story, REQUESTS, "auto", tmp_path)
    written = [path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))]
    again, found = read_with_surprisal(causal, story, REQUESTS, "auto", tmp_path)
    assert again == before
    assert [path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))] == written
    np.testing.assert_allclose(found, by_transformers(causal, story, "auto"), rtol=1e-5)


@pytest.mark.parametrize("name", WITH_HEAD)
def test_heads_of_many_families_are_parted_from_their_bodies(
    name: str, model_folders: dict[str, Path], story: list[str], tmp_path: Path
) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        whole = transformers.AutoModelForCausalLM.from_config(WITH_HEAD[name]())
        for parameter in whole.get_output_embeddings().parameters():  # a bias of zeros would hide that it is lost
            torch.nn.init.normal_(parameter)
        whole.save_pretrained(tmp_path / "model")
    transformers.AutoTokenizer.from_pretrained(model_folders["gpt2"]).save_pretrained(tmp_path / "model")
    model = load_model(tmp_path / "model", device="cpu", head=True)
    assert Predictor.of(model) is not None
    found = read_with_surprisal(model, story[:14], REQUESTS, "auto", tmp_path / "work")[1]
    np.testing.assert_allclose(found, by_transformers(model, story[:14], "auto"), rtol=1e-4)


class Odd(torch.nn.Module):
    """A head that adds what the body does not tell: the embedding of each token."""

    def __init__(self, whole: Any) -> None:
        super().__init__()
        self.whole, self.base_model = whole, whole.base_model

    def get_output_embeddings(self) -> torch.nn.Module:
        return self.whole.get_output_embeddings()  # type: ignore[no-any-return]

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        output = self.whole(input_ids=input_ids, attention_mask=attention_mask)
        output.logits = output.logits + input_ids[..., None] % 7 * torch.linspace(-1, 1, output.logits.shape[-1])
        return output


def test_a_head_that_needs_more_than_states_takes_a_pass_of_its_own(
    model_folders: dict[str, Path], story: list[str], tmp_path: Path
) -> None:
    model = load_model(model_folders["gpt2"], device="cpu", head=True)
    odd = replace(model, model=Odd(model.model))
    assert Predictor.of(odd) is None
    words = story[:14]
    with tokens_read(odd) as sizes:
        read, found = read_with_surprisal(odd, words, REQUESTS, "auto", tmp_path)
    assert len(sizes) == 2
    tokens = tokenize_words(odd.tokenizer, words)
    ids = torch.tensor(tokens.ids)[None]
    with torch.inference_mode():
        log_p = odd.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0].double().log_softmax(dim=-1)
    nats = np.array([np.nan, *(-float(log_p[index - 1, tokens.ids[index]]) for index in range(1, len(tokens)))])
    np.testing.assert_allclose(found, [nats[tokens.word == word].sum() for word in range(len(words))], rtol=1e-5)
    assert [one.n_words for one in read] == [14, 14]


def test_an_error_leaves_the_body_as_it_was(causal: LanguageModel) -> None:
    body = body_of(causal.model)
    found = Predictor.of(causal)
    assert found is not None
    with torch.inference_mode():
        output = body(input_ids=torch.arange(9)[None])
    with pytest.raises(IndexError):
        found.nats(output, np.array([4]), np.array([0]), np.array([1]))  # no such row
    assert "forward" not in vars(body)


def test_masked_models_are_refused(masked_model: LanguageModel, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not causal: one pass does not tell the surprisal"):
        activations.read_with_surprisal(masked_model, ["a", "b"], REQUESTS, "auto", tmp_path)
