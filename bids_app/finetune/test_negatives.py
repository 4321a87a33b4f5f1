from collections import deque

import numpy as np
import pytest
import torch

from bids_app.finetune.conftest import MakeTrainer
from bids_app.finetune.negatives import StateQueue, names_of_states
from bids_app.finetune.recipe import Goal


def test_names_are_equal_where_the_same_was_read_and_nowhere_else() -> None:
    ids = np.random.default_rng(0).integers(0, 3, (200, 9))
    names = names_of_states(ids)
    for length in range(1, 10):
        read = [tuple(row[:length]) for row in ids]
        assert len(set(read)) == len(set(names[:, length - 1].tolist()))
        assert len({*zip(read, names[:, length - 1].tolist(), strict=True)}) == len(set(read))
    assert len(set(names[0].tolist())) == 9  # a repeated token has another name


def test_the_queue_is_first_in_first_out() -> None:
    queue, reference = StateQueue(10, 2, torch.device("cpu")), deque[int](maxlen=10)
    rng, start = np.random.default_rng(0), 0
    for n in rng.integers(1, 14, 30):
        names = np.arange(start, start + n, dtype=np.uint64)
        queue.push(torch.from_numpy(names.astype(np.float32))[:, None].repeat(1, 2), names)
        reference.extend(names.tolist())
        start += n
        assert sorted(queue.names[: queue.count].tolist()) == sorted(reference)
        assert (queue.states[: queue.count, 1].numpy() == queue.names[: queue.count]).all()
        assert queue.is_full == (len(reference) == 10)


def test_negatives_are_different_states_and_no_positives() -> None:
    queue = StateQueue(50, 1, torch.device("cpu"))
    names = np.arange(50, dtype=np.uint64)
    queue.push(torch.arange(50.0)[:, None], names)
    positives = names[::3]
    drawn = queue.draw(20, positives, (0, 1))[:, 0].tolist()
    assert len(set(drawn)) == 20
    assert not set(drawn) & set(positives.tolist())
    assert drawn == queue.draw(20, positives, (0, 1))[:, 0].tolist()
    assert drawn != queue.draw(20, positives, (0, 2))[:, 0].tolist()
    assert len(queue.draw(50, positives, (0, 1))) == 50 - len(positives)
    with pytest.raises(ValueError, match="All 50 states in the queue are targets of the batch too"):
        queue.draw(20, names, (0, 1))


@pytest.mark.parametrize("goal", [Goal(0.5), Goal(0.5, "shuffled")])
def test_no_negative_of_a_training_is_a_positive_of_its_batch(make_trainer: MakeTrainer, goal: Goal) -> None:
    """Also where the next epoch comes to windows whose states are still in the queue."""
    trainer = make_trainer(goal, steps=60, queue=600)
    n_of_an_epoch = len(trainer.windows.train) // trainer.recipe.batch
    met = 0
    for number in range(1, 2 * n_of_an_epoch):
        queue = trainer.fill_queue()
        batch = trainer.batch(trainer.windows.of_step(number, trainer.recipe))
        targets = trainer._read_all(batch, None)[2]
        drawn = queue.draw(trainer.recipe.negatives, batch.names, (0, number))
        equal = (drawn[:, None] - targets[None]).abs().amax(dim=2) < 1e-6
        assert not equal.any()
        met += int(np.isin(queue.names, batch.names).sum())
        trainer._push(batch, targets)
    assert met > 0  # the test would see it
