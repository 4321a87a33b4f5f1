import math

import numpy as np
import pytest

from bids_app.finetune.conftest import MakeTrainer
from bids_app.finetune.recipe import Goal
from bids_app.finetune.share import share_of, weight_for


@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])
def test_the_loss_of_high_level_holds_the_share_asked_for(alpha: float) -> None:
    for lm, high in np.random.default_rng(0).uniform(0.01, 20, (50, 2)):
        assert share_of(weight_for(alpha, lm, high), lm, high) == pytest.approx(alpha, abs=1e-12)
        printed = share_of(weight_for(alpha, lm, high, "as-printed"), lm, high)
        assert printed == pytest.approx(alpha / (1 + alpha), abs=1e-12)


def test_losses_that_allow_no_weight_are_told() -> None:
    assert math.isnan(weight_for(0.5, 3.0, -1.0))
    assert math.isnan(weight_for(0.5, 3.0, 0.0, "as-printed"))
    with pytest.raises(ValueError, match="Unknown rule of the share 'new'"):
        weight_for(0.5, 1, 1, "new")


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
def test_after_each_setting_of_a_training_the_share_is_alpha(make_trainer: MakeTrainer, alpha: float) -> None:
    """The means are computed from the losses of single steps, apart from the rule."""
    trainer = make_trainer(Goal(alpha), steps=30, learning_rate=1e-3)
    losses = []
    for number in range(1, 31):
        taken = trainer.take_step()
        losses.append((taken.lm, taken.high))
        if number % 10 == 0:
            trainer.reset_weight()
            lm, high = np.mean(losses[-10:], axis=0)
            weight = trainer.rule.weight
            assert weight * high / (weight * high + (1 - weight) * lm) == pytest.approx(alpha, rel=0.01)
