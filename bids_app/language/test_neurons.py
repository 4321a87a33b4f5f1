from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import nn
from transformers import PreTrainedModel

from bids_app.language.models import LanguageModel
from bids_app.language.neurons import NEURON_KINDS, SECOND_MATRIX, find_blocks, record

TINY = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 30}
INNER = {"intermediate_size": 24} | TINY
GPT = {"n_embd": 16, "n_layer": 2, "n_head": 2, "vocab_size": 30}

FAMILIES: dict[str, dict[str, Any]] = {
    "RobertaModel": INNER,
    "ElectraModel": {"embedding_size": 16} | INNER,
    "MPNetModel": INNER,
    "DebertaV2Model": INNER,
    "XLMRobertaModel": INNER,
    "DistilBertModel": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24, "vocab_size": 30},
    "ModernBertModel": {"pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0, "cls_token_id": 0, "sep_token_id": 0}
    | INNER,
    "GPTNeoModel": {"hidden_size": 16, "num_layers": 2, "num_heads": 2, "attention_types": [[["global"], 2]]}
    | {"intermediate_size": 24, "vocab_size": 30},
    "GPTBigCodeModel": {"n_inner": 24} | GPT,
    "GPTJModel": {"n_inner": 24, "rotary_dim": 4} | GPT,
    "CodeGenModel": {"n_inner": 24, "rotary_dim": 4, "n_head": 4} | {k: v for k, v in GPT.items() if k != "n_head"},
    "GPTNeoXModel": INNER,
    "BloomModel": {"n_layer": 2, "n_head": 2, "hidden_size": 16, "vocab_size": 30},
    "FalconModel": {"ffn_hidden_size": 24} | TINY,
    "MistralModel": {"num_key_value_heads": 2} | INNER,
    "Qwen2Model": {"num_key_value_heads": 2} | INNER,
    "Qwen3Model": {"num_key_value_heads": 2, "head_dim": 8} | INNER,
    "GemmaModel": {"num_key_value_heads": 2, "head_dim": 8} | INNER,
    "Gemma2Model": {"num_key_value_heads": 2, "head_dim": 8} | INNER,
    "Phi3Model": {"num_key_value_heads": 2, "pad_token_id": 0} | INNER,
    "Olmo2Model": {"num_key_value_heads": 2} | INNER,
    "PhiModel": {"pad_token_id": 0} | INNER,
    "MptModel": {"d_model": 16, "n_heads": 2, "n_layers": 2, "vocab_size": 30},
    "OPTModel": {"ffn_dim": 24, "word_embed_proj_dim": 16} | TINY,
    "XGLMModel": {"d_model": 16, "ffn_dim": 24, "num_layers": 2, "attention_heads": 2, "vocab_size": 30},
    "BioGptModel": INNER,
}

PECULIAR: dict[str, dict[str, Any]] = {  # read and compared in test_families.py
    "AlbertModel": {"embedding_size": 8} | INNER,
    "XLMModel": {"n_words": 30, "emb_dim": 16, "n_layers": 2, "n_heads": 2},
    "XLNetModel": {"vocab_size": 30, "d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 24},
    "CTRLModel": {"dff": 24} | GPT,
    "T5EncoderModel": {"vocab_size": 30, "d_model": 16, "d_ff": 24, "num_layers": 2, "num_heads": 2, "d_kv": 8},
    "JambaModel": {"num_key_value_heads": 2, "num_experts": 2, "mamba_d_state": 4, "use_mamba_kernels": False}
    | {"attn_layer_offset": 1, "attn_layer_period": 2}
    | INNER,
    "Lfm2Model": {"num_key_value_heads": 2, "layer_types": ["conv", "full_attention"]} | INNER,
    "RecurrentGemmaModel": {"num_key_value_heads": 2, "lru_width": 16, "attention_window_size": 16} | INNER,
}


@pytest.fixture(scope="module")
def ids() -> torch.Tensor:
    return torch.randint(3, 30, (2, 9), generator=torch.Generator().manual_seed(0))


def _record_all(model: PreTrainedModel, ids: torch.Tensor) -> dict[str, list[torch.Tensor]]:
    seen = {}
    for kind in NEURON_KINDS:
        with record(model, kind) as recorder, torch.inference_mode():
            model(input_ids=ids)
        seen[kind] = recorder.layers
    return seen


def _assert_second_matrix(model: PreTrainedModel, seen: dict[str, list[torch.Tensor]]) -> None:
    for layer, matrix in enumerate(find_blocks(model).matrices):
        with torch.inference_mode():
            torch.testing.assert_close(matrix(seen["ffn-in"][layer]), seen["ffn-out"][layer])


def test_ffn_in_through_the_second_matrix_is_ffn_out(language_model: LanguageModel, ids: torch.Tensor) -> None:
    seen = _record_all(language_model.model, ids)
    _assert_second_matrix(language_model.model, seen)
    assert [tuple(layer.shape) for layer in seen["ffn-in"]] == [(2, 9, 48)] * 3
    assert [tuple(layer.shape) for layer in seen["ffn-out"]] == [(2, 9, 32)] * 3


@pytest.mark.parametrize("class_name", FAMILIES)
def test_the_rule_finds_the_second_matrix_of_every_family(class_name: str, ids: torch.Tensor) -> None:
    model_class = getattr(transformers, class_name)
    model = model_class(model_class.config_class(**FAMILIES[class_name])).eval()
    seen = _record_all(model, ids)
    _assert_second_matrix(model, seen)
    assert len(find_blocks(model).blocks) == 2
    n_inner = 24 if class_name not in ("BloomModel", "MptModel") else 64
    assert [layer.numel() for layer in seen["ffn-in"]] == [ids.numel() * n_inner] * 2
    assert [tuple(layer.shape) for layer in seen["residual"]] == [(2, 9, 16)] * 2


def test_every_path_of_the_table_is_tried() -> None:
    tried = set()
    for class_name, settings in (FAMILIES | PECULIAR).items():
        model_class = getattr(transformers, class_name)
        blocks = find_blocks(model_class(model_class.config_class(**settings)))
        tried |= {
            path
            for path in SECOND_MATRIX
            if any(module is blocks.matrices[0] for name, module in blocks.blocks[0].named_modules() if name == path)
        }
    assert tried == set(SECOND_MATRIX)


def test_hooks_change_nothing_and_are_gone_afterwards(
    model_folders: dict[str, Path], language_model: LanguageModel, ids: torch.Tensor
) -> None:
    head = transformers.AutoModelForMaskedLM if not language_model.is_causal else transformers.AutoModelForCausalLM
    torch.manual_seed(0)  # BERT was saved without a head
    whole = head.from_pretrained(language_model.name).eval()
    with torch.inference_mode():
        before = whole(input_ids=ids).logits
        for kind in NEURON_KINDS:
            with record(whole.base_model, kind) as recorder:
                assert torch.equal(whole(input_ids=ids).logits, before)
            assert len(recorder.layers) == 3
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in whole.modules())


def test_residual_is_transformers_hidden_states(language_model: LanguageModel, ids: torch.Tensor) -> None:
    seen = _record_all(language_model.model, ids)["residual"]
    with torch.inference_mode():
        output = language_model.model(input_ids=ids, output_hidden_states=True)
        for layer in range(2):
            torch.testing.assert_close(seen[layer], output.hidden_states[layer + 1], rtol=0, atol=0)
        norm = {"LlamaModel": "norm", "GPT2Model": "ln_f"}.get(type(language_model.model).__name__)
        last = seen[2] if norm is None else getattr(language_model.model, norm)(seen[2])
        torch.testing.assert_close(last, output.last_hidden_state, rtol=0, atol=0)


def test_reduced_activations_are_kept_instead(language_models: dict[str, LanguageModel], ids: torch.Tensor) -> None:
    with (
        record(language_models["gpt2"].model, "ffn-out", lambda whole: whole[:, -1]) as recorder,
        torch.inference_mode(),
    ):
        language_models["gpt2"].model(input_ids=ids)
    whole = _record_all(language_models["gpt2"].model, ids)["ffn-out"]
    for kept, layer in zip(recorder.layers, whole, strict=True):
        assert torch.equal(kept, layer[:, -1])


def test_nothing_recorded_before_a_forward_pass(language_models: dict[str, LanguageModel]) -> None:
    with record(language_models["bert"].model, "residual") as recorder, pytest.raises(RuntimeError, match="layers"):
        _ = recorder.layers


def test_an_unknown_kind_is_refused(language_models: dict[str, LanguageModel]) -> None:
    with (
        pytest.raises(ValueError, match="'ffn': choose one of ffn-out, ffn-in, residual"),
        record(language_models["bert"].model, "ffn"),
    ):
        pass


class _Foreign(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(ValueError, match=r"_Foreign; .*GPT-2"):
        find_blocks(_Foreign())


def test_the_attention_matrix_of_bert_is_not_taken(language_models: dict[str, LanguageModel]) -> None:
    model: Any = language_models["bert"].model
    assert all(
        matrix is block.output.dense
        for block, matrix in zip(model.encoder.layer, find_blocks(model).matrices, strict=True)
    )
