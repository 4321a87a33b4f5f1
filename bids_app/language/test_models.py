import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, MambaConfig, OPTConfig, OPTModel, RobertaConfig, RobertaModel

from bids_app.language import models
from bids_app.language.models import LanguageModel, load_model


def _copy(folder: Path, target: Path) -> Path:
    return shutil.copytree(folder, target / "copy")


def test_models_are_described(language_models: dict[str, LanguageModel]) -> None:
    described = {
        name: (model.is_causal, model.n_layers, model.max_tokens, model.label, model.revision, model.dtype)
        for name, model in language_models.items()
    }
    assert described == {name: (name != "bert", 3, 64, name, None, "float32") for name in language_models}


def test_weights_are_those_that_transformers_loads(language_model: LanguageModel) -> None:
    reference = AutoModel.from_pretrained(language_model.name).state_dict()
    for name, value in language_model.model.state_dict().items():
        torch.testing.assert_close(value, reference[name], rtol=0, atol=0)


def test_no_keys_and_values_are_kept(language_model: LanguageModel) -> None:
    assert not language_model.model(input_ids=torch.tensor([[5, 6, 7]])).past_key_values


def test_unknown_families_are_refused(tmp_path: Path, model_folders: dict[str, Path]) -> None:
    folder = _copy(model_folders["gpt2"], tmp_path)
    MambaConfig(vocab_size=420, hidden_size=8, num_hidden_layers=1).save_pretrained(folder)
    with pytest.raises(ValueError, match="neurons found in a MambaModel"):
        load_model(folder, device="cpu", untrained_seed=0)


def test_every_model_has_its_own_hash(language_models: dict[str, LanguageModel]) -> None:
    assert len({model.weights_hash for model in language_models.values()}) == len(language_models)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_configuration_and_tokenizer_count_in_the_hash(
    model_folders: dict[str, Path], language_models: dict[str, LanguageModel], tmp_path: Path, name: str
) -> None:
    folder = _copy(model_folders["gpt2"], tmp_path)
    content = json.loads((folder / name).read_text())
    if name == "config.json":
        content["layer_norm_epsilon"] = 1e-3
    else:
        content["model"]["merges"].pop()
    (folder / name).write_text(json.dumps(content))
    assert load_model(folder, device="cpu").weights_hash != language_models["gpt2"].weights_hash


def test_the_same_files_elsewhere_have_the_same_hash(
    model_folders: dict[str, Path], language_models: dict[str, LanguageModel], tmp_path: Path
) -> None:
    folder = _copy(model_folders["bert"], tmp_path)
    assert load_model(folder, device="cpu").weights_hash == language_models["bert"].weights_hash


def test_untrained_weights_come_from_the_seed(
    model_folders: dict[str, Path], language_models: dict[str, LanguageModel]
) -> None:
    state = torch.random.get_rng_state()
    first, again, other = (load_model(model_folders["llama2"], device="cpu", untrained_seed=seed) for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), state)
    weights = [next(model.model.parameters()) for model in (first, again, other, language_models["llama2"])]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], weights[3])
    assert first.weights_hash == again.weights_hash
    assert first.weights_hash.startswith("untrained-3-")
    assert other.weights_hash.startswith("untrained-4-")
    assert (first.label, first.is_causal, first.n_layers) == ("llama2untrained3", True, 3)


def test_untrained_models_need_no_weights(model_folders: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(model_folders["bert"], tmp_path)
    (folder / "model.safetensors").unlink()
    assert not load_model(folder, device="cpu", untrained_seed=0).is_causal


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("seed", [None, 0])
def test_half_precision(model_folders: dict[str, Path], dtype: str, seed: int | None) -> None:
    model = load_model(model_folders["llama3"], dtype=dtype, device="cpu", untrained_seed=seed)
    assert {parameter.dtype for parameter in model.model.parameters()} == {getattr(torch, dtype)}
    assert model.is_causal


def test_an_unknown_dtype_is_refused(model_folders: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="'float8': choose one of float32, bfloat16, float16"):
        load_model(model_folders["gpt2"], dtype="float8")


def test_incomplete_weights_are_refused(model_folders: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(model_folders["gpt2"], tmp_path)
    weights = load_file(folder / "model.safetensors")
    weights.pop("transformer.h.1.mlp.c_proj.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lack 1 tensors of GPT2Model, such as h\.1\.mlp\.c_proj\.weight"):
        load_model(folder, device="cpu")


def test_pickled_weights_are_refused(model_folders: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(model_folders["gpt2"], tmp_path)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"only pytorch_model\.bin"):
        load_model(folder, device="cpu")


def test_models_with_code_of_their_own_are_refused(tmp_path: Path) -> None:
    config = {"model_type": "private", "auto_map": {"AutoConfig": "code.Config", "AutoModel": "code.Model"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "code.py").write_text("raise SystemExit('this must never run')")
    with pytest.raises(ValueError, match=r"of type 'private', and the code that it brings \(auto_map\) is never run"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama1", "llama2"])
def test_a_missing_tokenizer_is_named(model_folders: dict[str, Path], tmp_path: Path, name: str) -> None:
    folder = _copy(model_folders[name], tmp_path)
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(ValueError, match="tokenizer of the model"):
        load_model(folder, device="cpu")


def test_a_missing_model_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="no model folder /nowhere/model"):
        load_model("/nowhere/model")


def test_positions_that_no_token_gets_are_left_out() -> None:
    sizes = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = RobertaConfig(**sizes, intermediate_size=8, max_position_embeddings=34, pad_token_id=1)
    model = RobertaModel(config).eval()
    assert models._max_tokens(model, None) == 32
    model(input_ids=torch.full((1, 32), 5))
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=torch.full((1, 33), 5))


def test_all_positions_count_where_tokens_get_them() -> None:
    sizes = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "ffn_dim": 8}
    model = OPTModel(OPTConfig(**sizes, max_position_embeddings=32, word_embed_proj_dim=8)).eval()
    assert models._max_tokens(model, None) == 32
    model(input_ids=torch.full((1, 32), 5))


@pytest.mark.parametrize(("max_length", "expected"), [(777, 777), (10**30, 2048)])
def test_the_tokenizer_tells_where_the_model_has_no_limit(max_length: int, expected: int) -> None:
    class _Unlimited:
        class config:  # noqa: N801
            @staticmethod
            def get_text_config() -> object:
                return object()

        model_max_length = max_length

    assert models._max_tokens(_Unlimited, _Unlimited) == expected


def test_the_real_model(minilm: LanguageModel) -> None:
    assert (minilm.label, minilm.is_causal, minilm.n_layers, minilm.max_tokens) == ("gtallminilml6v2", False, 6, 512)
