"""Lesions through hooks are the model with other weights, or with other activations, in each architecture."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import transformers as T  # noqa: N812

from bids_app.language.activations import Activations, read_activations
from bids_app.language.lesions import body_of, lesion, lesion_sets, units_by_layer
from bids_app.language.models import LanguageModel
from bids_app.language.neurons import find_blocks, record
from bids_app.language.test_families import FAMILIES

V = 90
SIZES: dict[str, Any] = {"vocab_size": V, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 4}
INNER: dict[str, Any] = {**SIZES, "intermediate_size": 40, "initializer_range": 0.3}
MODELS: dict[str, Callable[[], T.PreTrainedModel]] = {
    "BERT": lambda: T.BertForMaskedLM(T.BertConfig(**INNER)),
    "GPT-2": lambda: T.GPT2LMHeadModel(T.GPT2Config(**SIZES, initializer_range=0.3)),
    "Llama": lambda: T.LlamaForCausalLM(T.LlamaConfig(**INNER)),
    "OPT": lambda: T.OPTForCausalLM(T.OPTConfig(**SIZES, ffn_dim=40, word_embed_proj_dim=16, init_std=0.3)),
    "NeoX": lambda: T.GPTNeoXForCausalLM(T.GPTNeoXConfig(**INNER)),
}
IDS = torch.randint(3, V, (2, 9), generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest) -> T.PreTrainedModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MODELS[request.param]().eval().requires_grad_(False)


def _logits(model: T.PreTrainedModel, ids: torch.Tensor = IDS) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    return logits


def test_all_units_at_zero_are_the_matrix_and_its_bias_at_zero(model: T.PreTrainedModel) -> None:
    other = copy.deepcopy(model)
    matrix = find_blocks(body_of(other)).matrices[1]
    for weights in matrix.parameters():
        weights.zero_()
    with lesion(model, {1: np.arange(16)}, "zero"):
        lesioned = _logits(model)
    torch.testing.assert_close(lesioned, _logits(other), atol=1e-5, rtol=0)
    assert (lesioned - _logits(model)).abs().max() > 1e-2


def test_one_inner_unit_at_zero_is_its_column_of_the_matrix_at_zero(model: T.PreTrainedModel) -> None:
    other = copy.deepcopy(model)
    matrix: Any = find_blocks(body_of(other)).matrices[2]
    weight = matrix.weight.T if type(matrix).__name__ == "Conv1D" else matrix.weight
    weight[:, 5] = 0
    with lesion(model, [(2, 5)], "zero", neurons="ffn-in"):
        torch.testing.assert_close(_logits(model), _logits(other), atol=1e-5, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", ["mean", "zero", "resample"])
def test_no_units_leave_every_bit(model: T.PreTrainedModel, dtype: torch.dtype, kind: str) -> None:
    model = copy.deepcopy(model).to(dtype)
    reference = [np.ones((5, 16), dtype=np.float32)] * 3
    with lesion(model, [], kind, reference):
        nothing = _logits(model)
    assert torch.equal(nothing, _logits(model))
    with lesion(model, {0: [3], 2: [1, 2]}, kind, reference):
        assert not torch.equal(_logits(model), nothing)
    assert torch.equal(_logits(model), nothing)  # the hooks are gone


def test_sets_in_one_pass_are_as_alone(model: T.PreTrainedModel) -> None:
    rng = np.random.default_rng(0)
    reference = [rng.standard_normal((5, 16)).astype(np.float32) for _ in range(3)]
    sets = [units_by_layer(pairs) for pairs in ([(0, 1), (2, 7)], [], [(1, 3), (1, 4)])]
    with lesion_sets(model, sets, "mean", reference):
        together = _logits(model, IDS.repeat(3, 1)).reshape(3, *IDS.shape, V)
    for units, read in zip(sets, together, strict=True):
        with lesion(model, units, "mean", reference):
            torch.testing.assert_close(read, _logits(model), atol=1e-5, rtol=1e-5)


@pytest.fixture(scope="module")
def activations(
    language_models: dict[str, LanguageModel], story: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Activations:
    folder = tmp_path_factory.mktemp("activations")
    return read_activations(language_models["gpt2"], story, "ffn-out", "auto", folder)


def _seen(model: Any, units: Any, kind: str, reference: Any, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Activations of layer 1 inside a lesion, at one token for each word of the reference."""
    ids = torch.arange(len(rows))[None] % 300 + 5
    network = model.model
    with lesion(model, units, kind, reference, seed=4) as lesions, record(body_of(network), "ffn-out") as recorder:
        lesions.rows = rows
        with torch.inference_mode():
            network(input_ids=ids[:, :60])
    return np.asarray(recorder.layers[1][0])


def test_mean_and_resampled_values_are_those_of_the_text(
    language_models: dict[str, LanguageModel], activations: Activations
) -> None:
    model, chosen = language_models["gpt2"], [2, 9, 30]
    reference = [activations.layer(layer)[:60] for layer in range(3)]
    units, rows = {1: chosen}, np.arange(60)
    mean = _seen(model, units, "mean", reference, rows)
    np.testing.assert_allclose(mean[:, chosen], np.tile(reference[1].mean(axis=0)[chosen], (60, 1)), atol=1e-6)
    drawn = _seen(model, units, "resample", reference, rows)[:, chosen]
    own = reference[1][:, chosen]
    np.testing.assert_array_equal(np.sort(drawn, axis=0), np.sort(own, axis=0))  # so mean and variance are kept
    assert not (drawn == own).all(axis=1).any()  # each word has the value of another
    together = {tuple(row) for row in own.round(6)}
    assert {tuple(row) for row in drawn.round(6)} == together  # all units of a set from the same word


@pytest.mark.parametrize("name", list(FAMILIES))
def test_every_known_architecture_shows_the_lesion(name: str) -> None:
    configuration, _, _ = FAMILIES[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = T.AutoModel.from_config(configuration())
    from bids_app.language.text_part import text_part

    body = text_part(model.eval(), name)[0]
    ids = IDS[:1]
    with record(body, "ffn-out") as recorder:
        _run(body, ids)
        intact = [layer.clone() for layer in recorder.layers]
        with_hooks = len(intact)
    with lesion(body, {with_hooks - 1: [3], 0: [1, 5]}, "zero"), record(body, "ffn-out") as recorder:
        _run(body, ids)
    last = recorder.layers[-1]
    assert (last[..., 3] == 0).all()
    assert (recorder.layers[0][..., [1, 5]] == 0).all()
    others = [unit for unit in range(intact[0].shape[-1]) if unit not in (1, 5)]
    torch.testing.assert_close(recorder.layers[0][..., others], intact[0][..., others])
    assert not torch.equal(recorder.layers[1], intact[1])


def _run(body: Any, ids: torch.Tensor) -> None:
    with torch.inference_mode():
        body(input_ids=ids, attention_mask=torch.ones_like(ids))


@pytest.mark.parametrize(
    ("units", "arguments", "message"),
    [
        ({0: [1]}, {"kind": "knockout"}, "Unknown kind of lesion 'knockout': choose one of mean, zero, resample"),
        ({0: [1]}, {"kind": "mean"}, "'mean' needs the activations of a text"),
        ({3: [1]}, {"kind": "zero"}, "The model has 3 layers, counted from 0; there is no layer 3"),
        ({0: [16]}, {"kind": "zero"}, "Layer 0 has 16 units, from 0; there is no unit 16"),
        ({0: [-1]}, {"kind": "zero"}, "layers and units are counted from 0"),
        ({0: [0.5]}, {"kind": "zero"}, "layers and units are whole numbers"),
        ([1, 2, 3], {"kind": "zero"}, r"units has shape \(3,\); give pairs"),
        ({0: [1]}, {"kind": "zero", "neurons": "residual"}, "'residual' cannot be lesioned"),
        ({0: [1]}, {"reference": [np.ones((4, 8))] * 3}, "The reference has 8 units in layer 0, and the model 16"),
    ],
)
def test_impossible_lesions_are_refused(units: Any, arguments: dict[str, Any], message: str) -> None:
    model = MODELS["Llama"]()
    with pytest.raises(ValueError, match=message), lesion(model, units, **arguments):
        _logits(model)


def test_inner_units_of_experts_are_refused(tmp_path: Path) -> None:
    model = T.AutoModel.from_config(FAMILIES["Mixtral"][0]())
    with pytest.raises(ValueError, match="mixture of experts"), lesion(model, {0: [1]}, "zero", neurons="ffn-in"):
        pass
