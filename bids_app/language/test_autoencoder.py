"""Features are those of the formulas, whatever the size of blocks; files that are no autoencoder are refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from bids_app.language import autoencoder as module
from bids_app.language.autoencoder import Autoencoder
from bids_app.language.conftest_autoencoder import Doubles, expected, save, tensors
from bids_app.text_files import FileError

WIDTH, N = 12, 150


def _features(autoencoder: Autoencoder, x: Any) -> Doubles:
    inputs = autoencoder.inputs(torch.from_numpy(np.asarray(x, dtype=np.float32)))
    found = np.zeros((len(inputs), autoencoder.n_features))
    for columns, block in autoencoder.blocks(inputs):
        found[:, columns] = block.numpy()
    return found


@pytest.fixture
def x() -> Any:
    return np.random.default_rng(5).standard_normal((40, WIDTH))


@pytest.mark.parametrize(
    ("architecture", "config", "how"),
    [
        ("standard", {}, {}),
        ("standard", {"architecture": "standard", "apply_b_dec_to_input": False}, {"subtracts": False}),
        ("jumprelu", {"architecture": "jumprelu"}, {}),
        ("topk", {"architecture": "topk", "k": 5}, {"k": 5}),
        ("topk", {"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 3}}, {"k": 3}),
        ("gated", {"architecture": "gated"}, {}),
        ("standard", {"normalize_activations": "layer_norm"}, {"norm": "layer_norm"}),
        ("standard", {"normalize_activations": "constant_norm_rescale"}, {"norm": "constant_norm_rescale"}),
    ],
)
@pytest.mark.parametrize("block_values", [1, 1 << 24])  # blocks of 64 features, or one
def test_features_are_those_of_the_formula(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    x: Any,
    architecture: str,
    config: dict[str, Any],
    how: dict[str, Any],
    block_values: int,
) -> None:
    monkeypatch.setattr(module, "_BLOCK_VALUES", block_values)
    made = tensors(WIDTH, N, architecture)
    found = _features(Autoencoder.open(save(tmp_path / "sae", made, **config)), x)
    reference = expected(x, made, architecture, **how)
    assert 0.01 < (reference > 0).mean() < 0.9  # a test of features that are all on, or off, would be none
    np.testing.assert_allclose(found, reference, atol=2e-5)


def test_names_of_torch_modules_and_a_file_alone_are_read(tmp_path: Path, x: Any) -> None:
    made = tensors(WIDTH, N, "jumprelu")
    renamed = {
        "encoder.weight": np.ascontiguousarray(made["W_enc"].T),
        "encoder.bias": made["b_enc"],
        "decoder.weight": np.ascontiguousarray(made["W_dec"].T),
        "b_dec": made["b_dec"],
        "threshold": made["threshold"],
    }
    save_file(renamed, tmp_path / "mine.safetensors")
    found = Autoencoder.open(tmp_path / "mine.safetensors")
    assert (found.width, found.n_features, found.config.hook, found.config.layer) == (WIDTH, N, None, None)
    np.testing.assert_allclose(_features(found, x), expected(x, made, "jumprelu"), atol=2e-5)
    inputs = torch.from_numpy(x.astype(np.float32))
    (block,) = list(found.blocks(inputs))
    np.testing.assert_allclose(
        found.decoded(block[1], block[0]), expected(x, made, "jumprelu") @ made["W_dec"], atol=1e-3
    )


@pytest.mark.parametrize(
    ("hook", "found"),
    [
        ("blocks.3.hook_resid_post", ("residual", 3)),
        ("blocks.3.hook_resid_pre", ("residual", 2)),
        ("blocks.0.hook_mlp_out", ("ffn-out", 0)),
    ],
)
def test_hooks_of_sae_lens_are_ours(tmp_path: Path, hook: str, found: tuple[str, int]) -> None:
    folder = save(tmp_path / "sae", tensors(WIDTH, N), hook_name=hook)
    of = Autoencoder.open(folder).config
    assert (of.hook, of.layer) == found
    content = json.loads((folder / "cfg.json").read_text())
    (folder / "cfg.json").write_text(json.dumps({"metadata": {"hook_name": content.pop("hook_name")}, **content}))
    assert Autoencoder.open(folder).config == of


def _without(name: str) -> dict[str, Any]:
    return {key: values for key, values in tensors(WIDTH, N).items() if key != name}


@pytest.mark.parametrize(
    ("made", "config", "message"),
    [
        (_without("b_enc"), {}, "holds no encoder b_enc"),
        (tensors(WIDTH, N) | {"b_enc": np.zeros(WIDTH)}, {}, "b_enc has shape .* is it transposed"),
        (tensors(WIDTH, N) | {"b_dec": np.zeros(3)}, {}, "b_dec has shape"),
        (tensors(WIDTH, N) | {"W_enc": np.zeros((2, 3, 4))}, {"d_in": 2, "d_sae": 3}, "must be a matrix"),
        (tensors(WIDTH, N), {"d_in": 768}, "says d_in = 768.*two autoencoders"),
        (tensors(WIDTH, N), {"architecture": "transcoder"}, "'transcoder' is not read: choose one of"),
        (tensors(WIDTH, N), {"activation_fn_str": "tanh-relu"}, "'tanh-relu' is not read"),
        (tensors(WIDTH, N), {"architecture": "jumprelu"}, "holds no threshold"),
        (tensors(WIDTH, N), {"architecture": "topk"}, "k = None must be the number"),
        (tensors(WIDTH, N), {"architecture": "topk", "k": 0}, "k = 0 must be the number"),
        (tensors(WIDTH, N), {"hook_name": "blocks.1.attn.hook_z"}, "hook 'blocks.1.attn.hook_z' is not read"),
        (tensors(WIDTH, N), {"hook_name": "blocks.0.hook_resid_pre"}, "what the first block reads"),
        (tensors(WIDTH, N), {"normalize_activations": "expected_average_only_in"}, "a factor that is not in the files"),
        (tensors(WIDTH, N), {"normalize_activations": 3}, "normalize_activations = '3' is not read"),
        (tensors(WIDTH, N), {"apply_b_dec_to_input": "yes"}, "apply_b_dec_to_input = 'yes' must be true or false"),
        (
            tensors(WIDTH, N),
            {"architecture": "topk", "k": 3, "rescale_acts_by_decoder_norm": True},
            "rescale_acts_by_decoder_norm is not read",
        ),
    ],
)
def test_an_autoencoder_that_cannot_be_followed_is_refused(
    tmp_path: Path, made: dict[str, Any], config: dict[str, Any], message: str
) -> None:
    with pytest.raises(FileError, match=message):
        Autoencoder.open(save(tmp_path / "sae", made, **config))


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="does not exist"):
        Autoencoder.open(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileError, match=r"holds no cfg.json and no sae_weights.safetensors"):
        Autoencoder.open(tmp_path / "empty")
    (tmp_path / "text.safetensors").write_text("no tensors at all")
    with pytest.raises(FileError, match="not a complete safetensors file"):
        Autoencoder.open(tmp_path / "text.safetensors")


def test_values_that_are_not_finite_are_refused(tmp_path: Path, x: Any) -> None:
    made = tensors(WIDTH, N)
    made["W_enc"][3, 70] = np.nan
    with pytest.raises(FileError, match="not finite, in W_enc"):
        _features(Autoencoder.open(save(tmp_path / "sae", made)), x)
