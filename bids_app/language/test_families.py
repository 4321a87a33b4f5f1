"""Families with peculiar blocks: tiny, saved, loaded, and compared with what transformers says of the same tokens."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import transformers as T  # noqa: N812

from bids_app.language.activations import read_activations
from bids_app.language.experts import routed_units
from bids_app.language.models import LanguageModel, load_model
from bids_app.language.neurons import find_blocks, thirds
from bids_app.language.text_part import forget_cache
from bids_app.language.tokens import tokenize_words

Family = tuple[LanguageModel, T.PreTrainedModel, bool, tuple[int, ...] | None]

V = 420
L = {"vocab_size": V, "hidden_size": 16, "intermediate_size": 40, "num_hidden_layers": 3, "num_attention_heads": 4}
G = {**L, "num_key_value_heads": 2, "initializer_range": 0.3}
MOE = {"num_experts": 4, "moe_intermediate_size": 8, "num_experts_per_tok": 2}
XLM = {"n_words": V, "emb_dim": 16, "n_layers": 3, "n_heads": 4, "embed_init_std": 0.3, "init_std": 0.3}
BART: dict[str, float] = {
    "vocab_size": V,
    "d_model": 16,
    "encoder_layers": 3,
    "decoder_layers": 4,
    "encoder_ffn_dim": 40,
}
BART |= {"decoder_ffn_dim": 40, "encoder_attention_heads": 4, "decoder_attention_heads": 4, "init_std": 0.3}
TEXT = {**L, "num_key_value_heads": 2, "initializer_range": 0.3}
VISION = {"hidden_size": 16, "intermediate_size": 40, "num_hidden_layers": 5, "num_attention_heads": 4}
IMAGE = VISION | {"image_size": 28, "patch_size": 14}
ROPE = {"rope_type": "default", "mrope_section": [1, 1, 0], "rope_theta": 1e4}


def _deepseek() -> T.PretrainedConfig:
    sizes = {**G, "num_key_value_heads": 4, "first_k_dense_replace": 1, "n_routed_experts": 4, "n_group": 1}
    ranks = {"kv_lora_rank": 8, "q_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4, "v_head_dim": 4}
    return T.DeepseekV3Config(
        **sizes, **ranks, topk_group=1, num_experts_per_tok=2, moe_intermediate_size=8, n_shared_experts=1
    )


FAMILIES: dict[
    str, tuple[Callable[[], T.PretrainedConfig], bool, tuple[int, ...] | None]
] = {  # configuration, is causal, units of ffn-in
    "ALBERT": (lambda: T.AlbertConfig(**L, embedding_size=8, initializer_range=0.3), False, (40, 40, 40)),
    "ALBERT, groups": (
        lambda: T.AlbertConfig(
            **L | {"num_hidden_layers": 4}, embedding_size=8, initializer_range=0.3, num_hidden_groups=2
        ),
        False,
        (40, 40, 40, 40),
    ),
    "XLM": (lambda: T.XLMConfig(**XLM), False, (64, 64, 64)),
    "FlauBERT": (lambda: T.FlaubertConfig(**XLM), False, (64, 64, 64)),
    "FlauBERT, normalised before": (lambda: T.FlaubertConfig(**XLM, pre_norm=True), False, (64, 64, 64)),
    "XLNet": (
        lambda: T.XLNetConfig(vocab_size=V, d_model=16, n_layer=3, n_head=4, d_inner=40, initializer_range=0.3),
        False,
        (40, 40, 40),
    ),
    "T5": (lambda: T.T5Config(vocab_size=V, d_model=16, d_ff=40, num_layers=3, num_heads=4, d_kv=4), False, (40,) * 3),
    "BART": (lambda: T.BartConfig(**BART, max_position_embeddings=64), False, (40, 40, 40)),
    "Mixtral": (lambda: T.MixtralConfig(**G, num_local_experts=4), True, (160,) * 3),
    "Qwen2-MoE": (lambda: T.Qwen2MoeConfig(**G, **MOE, shared_expert_intermediate_size=6), True, (38,) * 3),
    "Qwen2-MoE, mixed": (
        lambda: T.Qwen2MoeConfig(**G, **MOE, shared_expert_intermediate_size=6, mlp_only_layers=[0]),
        True,
        (40, 38, 38),
    ),
    "OLMoE": (lambda: T.OlmoeConfig(**G, num_experts=4, num_experts_per_tok=2), True, (160,) * 3),
    "GPT-OSS": (lambda: T.GptOssConfig(**G, num_local_experts=4, num_experts_per_tok=2, head_dim=4), True, (160,) * 3),
    "DeepSeek-V3": (_deepseek, True, (40, 40, 40)),
    "CTRL": (lambda: T.CTRLConfig(vocab_size=V, n_embd=16, dff=40, n_layer=3, n_head=4, n_positions=64), True, None),
    "Lfm2": (lambda: T.Lfm2Config(**G, layer_types=["conv", "full_attention", "conv"]), True, None),
    "Longformer": (
        lambda: T.LongformerConfig(**L, attention_window=16, max_position_embeddings=130, initializer_range=0.3),
        False,
        (40,) * 3,
    ),
    "FNet": (
        lambda: T.FNetConfig(**{k: v for k, v in L.items() if k != "num_attention_heads"}, max_position_embeddings=64),
        False,
        (40,) * 3,
    ),
    "MPT": (lambda: T.MptConfig(vocab_size=V, d_model=16, n_layers=3, n_heads=4, max_seq_len=64), True, (64,) * 3),
    "Llava": (
        lambda: T.LlavaConfig(
            text_config={"model_type": "llama", **TEXT}, vision_config={"model_type": "clip_vision_model", **IMAGE}
        ),
        True,
        (40,) * 3,
    ),
    "Qwen2-VL": (
        lambda: T.Qwen2VLConfig(
            text_config={**TEXT, "rope_parameters": ROPE},
            vision_config={"depth": 5, "embed_dim": 16, "hidden_size": 16, "num_heads": 4, "mlp_ratio": 2},
        ),
        True,
        (40,) * 3,
    ),
    "Gemma3": (lambda: T.Gemma3Config(text_config={**TEXT, "head_dim": 4}, vision_config=IMAGE), True, (40,) * 3),
    "CLIP": (
        lambda: T.CLIPConfig(
            text_config={**L, "max_position_embeddings": 77, "eos_token_id": 0}, vision_config=IMAGE, projection_dim=16
        ),
        True,
        (40,) * 3,
    ),
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, model_folders: dict[str, Path]
) -> Family:
    """A model that was saved and loaded, and one that transformers loads from the same folder."""
    folder = tmp_path_factory.mktemp("family")
    make, is_causal, units = FAMILIES[request.param]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        T.AutoModel.from_config(make()).save_pretrained(folder)
    T.AutoTokenizer.from_pretrained(model_folders["gpt2"]).save_pretrained(folder)
    return load_model(folder, device="cpu"), T.AutoModel.from_pretrained(folder).eval(), is_causal, units


def _states(reference: T.PreTrainedModel, ids: torch.Tensor) -> list[npt.NDArray[np.float32]]:
    """Hidden states of the text part, computed by the whole model where it can do with text alone."""
    if getattr(reference, "pre_norm", False):
        forget_cache(reference)
    if reference.config.is_encoder_decoder:
        reference = reference.get_encoder()
    reference = getattr(reference, "text_model", reference)  # CLIP asks for images too
    with torch.inference_mode():
        return [state[0].numpy() for state in reference(input_ids=ids, output_hidden_states=True).hidden_states]


def test_residual_is_transformers_hidden_states(family: Family, story: list[str], tmp_path: Path) -> None:
    language_model, reference, is_causal, _ = family
    words = story[:14]
    tokens = tokenize_words(language_model.tokenizer, words)
    assert language_model.is_causal == is_causal
    result = read_activations(language_model, words, "residual", "auto", tmp_path)
    states = _states(reference, torch.from_numpy(tokens.ids)[None])
    assert result.n_layers >= 3
    for layer in range(result.n_layers - 1):  # the last state may be normalised
        expected = np.stack([states[layer + 1][tokens.word == word].mean(axis=0) for word in range(len(words))])
        assert np.abs(result.layer(layer) - expected).max() <= 1e-4 * np.abs(expected).max()


def test_thirds_are_hidden_states_from_the_embedding_on(family: Family, story: list[str], tmp_path: Path) -> None:
    language_model, reference, is_causal, _ = family
    if not is_causal:
        pytest.skip("only causal models are fine-tuned, whose states are read so")
    words = story[:14]
    tokens = tokenize_words(language_model.tokenizer, words)
    states = _states(reference, torch.from_numpy(tokens.ids)[None])
    layers = thirds(language_model.n_layers)
    result = read_activations(language_model, words, "thirds", "auto", tmp_path / "thirds", subtoken="last")
    blocks = read_activations(language_model, words, "residual", "auto", tmp_path / "blocks", subtoken="last")
    assert result.n_layers == len(layers)
    for row, layer in enumerate(layers):
        if layer < language_model.n_layers:  # the last state may be normalised
            np.testing.assert_allclose(result.layer(row), states[layer][tokens.is_last], rtol=1e-4, atol=1e-5)
        if layer:
            assert np.array_equal(result.layer(row), blocks.layer(layer - 1))


def test_windows_read_together_are_as_read_alone(family: Family, long_story: list[str], tmp_path: Path) -> None:
    language_model, *_ = family
    words, context = (long_story[:90], 4) if language_model.is_causal else (long_story[:25], "exact")
    together = read_activations(language_model, words, "residual", context, tmp_path / "together")
    alone = read_activations(language_model, words, "residual", context, tmp_path / "alone", chunk_tokens=1)
    for layer in range(together.n_layers):
        difference = np.abs(together.layer(layer) - alone.layer(layer)).max()
        assert difference <= 1e-4 * np.abs(alone.layer(layer)).max()


def test_inner_units_give_the_output(family: Family, story: list[str], tmp_path: Path) -> None:
    language_model, _, _, units = family
    inner = read_activations(language_model, story[:10], "ffn-in", "auto", tmp_path, subtoken="last")
    outer = read_activations(language_model, story[:10], "ffn-out", "auto", tmp_path, subtoken="last")
    assert units is None or inner.units == units
    assert outer.units == (16,) * inner.n_layers
    for layer, matrix in enumerate(find_blocks(language_model.model).matrices):
        if hasattr(matrix, "experts"):
            experts: Any = matrix.experts
            n_routed = experts.down_proj.shape[0]
            routed = inner.layer(layer)[:, inner.units[layer] % n_routed if n_routed == 4 else 0 :]
            assert (routed == 0).mean() >= 0.4  # half of the experts at most are asked
            assert np.abs(inner.layer(layer)).max() > 0
            continue
        with torch.inference_mode():
            expected = matrix(torch.from_numpy(np.array(inner.layer(layer)))).numpy()
        assert np.abs(expected - outer.layer(layer)).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["Mixtral", "GPT-OSS"])
def test_experts_weighted_by_the_router_sum_to_the_output(name: str) -> None:
    torch.manual_seed(0)
    model = T.AutoModel.from_config(FAMILIES[name][0]()).eval()
    mixture = find_blocks(model).matrices[0]
    seen: dict[str, Any] = {}
    experts: Any = mixture.experts
    experts.register_forward_hook(lambda _, inputs, output: seen.update(inputs=inputs, output=output))
    with torch.inference_mode():
        model(input_ids=torch.arange(12)[None])
        hidden, index, weights = seen["inputs"]
        units = routed_units(experts, hidden, index).view(len(hidden), 4, 40)
        total = torch.zeros_like(hidden)
        for token in range(len(hidden)):
            for expert, weight in zip(index[token], weights[token], strict=True):
                matrix = experts.down_proj[expert] if experts.is_transposed else experts.down_proj[expert].T
                bias = experts.down_proj_bias[expert] if experts.has_bias else 0
                total[token] += weight * (units[token, expert] @ matrix + bias)
    torch.testing.assert_close(total, seen["output"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: T.MambaConfig(vocab_size=V, hidden_size=16, num_hidden_layers=2, state_size=4), "No feed-forward"),
        (lambda: T.RwkvConfig(vocab_size=V, hidden_size=16, num_hidden_layers=2), "No feed-forward neurons found"),
        (lambda: T.CLIPVisionConfig(**IMAGE), "reads pixel_values, not text"),
        (lambda: T.ViTConfig(**IMAGE), "reads pixel_values, not text"),
        (
            lambda: T.WhisperConfig(
                vocab_size=V,
                d_model=16,
                encoder_layers=1,
                decoder_layers=1,
                pad_token_id=0,
                bos_token_id=0,
                eos_token_id=0,
                decoder_start_token_id=0,
                encoder_attention_heads=2,
                decoder_attention_heads=2,
            ),
            "reads input_features, not text",
        ),
    ],
)
def test_models_without_text_or_neurons_are_refused(
    make: Callable[[], T.PretrainedConfig], message: str, model_folders: dict[str, Path], tmp_path: Path
) -> None:
    make().save_pretrained(tmp_path)
    T.AutoTokenizer.from_pretrained(model_folders["gpt2"]).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path, device="cpu", untrained_seed=0)
