import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bids_app.finetune.conftest import MakeTrainer
from bids_app.finetune.loss import forecast_loss
from bids_app.finetune.model import freeze
from bids_app.finetune.recipe import Goal
from bids_app.finetune.trainer import Trainer
from bids_app.language.causal import CausalModel, load_causal_model
from bids_app.language.neurons import find_blocks

_TRAINED_OUTSIDE = {"gpt2": {"transformer.ln_f"}, "llama": {"model.norm", "lm_head"}}


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_blocks_above_the_layer_and_what_follows_them_are_trained(
    family: str, layer: int, model_folders: dict[str, Path]
) -> None:
    model = load_causal_model(str(model_folders[family]), device="cpu").model
    freeze(model, layer)
    blocks = find_blocks(model).blocks
    of_blocks = {id(weight): index for index, block in enumerate(blocks) for weight in block.parameters()}
    outside = set()
    for name, weight in model.named_parameters():
        if id(weight) in of_blocks:
            assert weight.requires_grad == (of_blocks[id(weight)] >= layer), name
        elif weight.requires_grad:
            outside.add(name.rpartition(".")[0])
    assert outside == _TRAINED_OUTSIDE[family]


def test_a_layer_without_a_block_above_is_refused(source: CausalModel) -> None:
    with pytest.raises(ValueError, match="--target-layer 3: no block of the model is above it; give at most 2"):
        freeze(source.model, 3)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize("goal", [Goal(0), Goal(0.5), Goal(1), Goal(0.5, "low")])
def test_frozen_weights_stay_bit_for_bit(
    goal: Goal, family: str, make_trainer: MakeTrainer, model_folders: dict[str, Path]
) -> None:
    trainer = make_trainer(goal, family=family, learning_rate=1e-2, steps=4)
    before = dict(load_causal_model(str(model_folders[family]), device="cpu").model.named_parameters())
    for _ in range(4):
        trainer.take_step()
    for name, weight in trainer.model.model.named_parameters():
        is_same = torch.equal(weight, before[name])
        # at α = 1 the head that predicts words has no gradient
        assert is_same == (not weight.requires_grad or (goal.alpha == 1 and name == "lm_head.weight")), name


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_the_losses_are_those_of_transformers_and_of_an_untouched_copy(
    family: str, make_trainer: MakeTrainer, model_folders: dict[str, Path]
) -> None:
    """After training: words by transformers' own loss, targets by the published model, position by position."""
    trainer = make_trainer(Goal(0.5), family=family, learning_rate=1e-2, steps=3)
    for _ in range(3):
        trainer.take_step()
    windows, recipe = trainer.windows, trainer.recipe
    batch = trainer.batch(windows.of_step(3, recipe))
    negatives = trainer.fill_queue().draw(recipe.negatives, batch.names, (0,))
    lm, high, targets = trainer._read_all(batch, negatives)
    copy = load_causal_model(str(model_folders[family]), device="cpu").model
    sums, row = np.zeros(2), 0
    with torch.no_grad():
        for ids, mask in zip(batch.ids, batch.mask, strict=True):
            window = torch.from_numpy(ids[mask > 0])[None]
            out = trainer.model.model(window, labels=window, output_hidden_states=True)
            ahead = copy(window, output_hidden_states=True).hidden_states[recipe.layer][0, recipe.distance :]
            predicted = trainer.model.head(out.hidden_states[-1][0, : len(ahead)])
            assert torch.allclose(targets[row : row + len(ahead)], ahead, atol=1e-5)
            row += len(ahead)
            sums += [out.loss.item() * (window.shape[1] - 1), forecast_loss(predicted, ahead, negatives, 0.1).item()]
    assert row == len(targets) == batch.n_targets
    assert [lm, high] == pytest.approx((sums / [batch.n_words, batch.n_targets]).tolist(), rel=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_gradient_is_that_of_the_weighted_sum(share: float, make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(Goal(0.5))
    trainer.rule.weight = share
    batch = trainer.batch(trainer.windows.of_step(1, trainer.recipe))
    negatives = trainer.fill_queue().draw(50, batch.names, (0,))

    def loss() -> float:
        lm, high, _ = trainer._read_all(batch, negatives)
        return share * high + (1 - share) * lm

    trainer._read_all(batch, negatives, with_gradient=True)
    rng = np.random.default_rng(0)
    for weight in (trainer.model.head.weight, trainer.model.model.transformer.h[2].mlp.c_proj.weight):
        assert weight.grad is not None
        direction = torch.from_numpy(rng.standard_normal(tuple(weight.shape))).float()
        slope = float((weight.grad * direction).sum())
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                weight.add_(sign * 1e-3 * direction)
                ends.append(loss())
                weight.sub_(sign * 1e-3 * direction)
        assert (ends[0] - ends[1]) / 2e-3 == pytest.approx(slope, rel=0.02, abs=1e-4)


@pytest.mark.parametrize("control", ["", "shuffled"])
def test_windows_read_at_once_change_rounding_only(control: str, make_trainer: MakeTrainer) -> None:
    trainers = [make_trainer(Goal(0.5, control), at_once=n, learning_rate=1e-3, steps=6) for n in (4, 3, 1)]
    for _ in range(6):
        first, *others = [trainer.take_step() for trainer in trainers]
        for other in others:
            assert (other.lm, other.high) == pytest.approx((first.lm, first.high), rel=1e-5)
    for weights in zip(*(trainer.weights for trainer in trainers), strict=True):
        assert all(torch.allclose(weight, weights[0], atol=2e-5) for weight in weights)


def test_half_precision_keeps_weights_in_float32(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(Goal(0.5), precision="bfloat16", steps=2)
    exact = make_trainer(Goal(0.5), steps=2)
    taken, expected = trainer.take_step(), exact.take_step()
    assert (taken.lm, taken.high) == pytest.approx((expected.lm, expected.high), rel=0.02)
    assert taken.high != expected.high  # that of the words can agree by chance: the small model hardly predicts
    assert {weight.dtype for weight in trainer.model.parameters()} == {torch.float32}
    assert trainer.fill_queue().states.dtype == torch.float32


def test_a_batch_is_divided_among_processes_evenly(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(Goal(0.5))

    three = SimpleNamespace(num_processes=3)
    with pytest.raises(ValueError, match="--batch 4: cannot be divided among 3 processes"):
        Trainer(trainer.model, trainer.windows, three)


def test_a_loss_that_is_not_finite_stops_the_training(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(Goal(0.5), steps=5)
    with torch.no_grad():
        trainer.model.model.transformer.ln_f.weight.fill_(math.inf)
    with pytest.raises(RuntimeError, match="give a smaller --learning-rate"):
        trainer.take_step()
