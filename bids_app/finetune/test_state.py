from pathlib import Path

import pytest
import torch

from bids_app.finetune.conftest import MakeTrainer
from bids_app.finetune.recipe import Goal
from bids_app.finetune.state import FOLDER, load_state, remove_states, save_state
from bids_app.finetune.trainer import Trainer


def _advance(trainer: Trainer, n_steps: int) -> None:
    for _ in range(n_steps):
        trainer.take_step()
        if trainer.step % 3 == 0:
            trainer.reset_weight()


def _same(first: Trainer, second: Trainer) -> bool:
    of_queues = [trainer.fill_queue() for trainer in (first, second)]
    return (
        all(torch.equal(*pair) for pair in zip(first.model.parameters(), second.model.parameters(), strict=True))
        and torch.equal(*(queue.states for queue in of_queues))
        and of_queues[0].names.tolist() == of_queues[1].names.tolist()
        and vars(first.rule) == vars(second.rule)
        and (first.step, first.least_negatives) == (second.step, second.least_negatives)
    )


@pytest.mark.parametrize("goal", [Goal(0), Goal(0.5), Goal(0.5, "shuffled")])
def test_a_training_continues_bit_for_bit(goal: Goal, make_trainer: MakeTrainer, tmp_path: Path) -> None:
    whole, begun, continued = (make_trainer(goal, steps=12, learning_rate=1e-3) for _ in range(3))
    _advance(whole, 10)
    _advance(begun, 5)
    save_state(begun, tmp_path)
    load_state(continued, tmp_path)
    assert _same(begun, continued)
    _advance(continued, 5)
    assert _same(whole, continued)
    assert not _same(begun, continued)


def test_only_the_latest_state_is_kept_and_a_damaged_one_is_left_out(
    make_trainer: MakeTrainer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = make_trainer(Goal(0.5), steps=12)
    for _ in range(2):
        _advance(trainer, 2)
        save_state(trainer, tmp_path)
    (state,) = (tmp_path / FOLDER).iterdir()
    assert state.name == "step-4"
    (state / "state.safetensors").write_bytes(b"damaged")
    fresh = make_trainer(Goal(0.5), steps=12)
    load_state(fresh, tmp_path)
    assert fresh.step == 0
    assert "step-4 is left out, because it is damaged" in caplog.text
    remove_states(tmp_path)
    assert not (tmp_path / FOLDER).exists()
