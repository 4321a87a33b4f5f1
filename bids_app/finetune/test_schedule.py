import numpy as np
import torch

from bids_app.finetune.schedule import checkpoint_steps, learning_rate


def test_the_learning_rate_is_that_of_torch() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 5e-5)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: 1 - done / 50)
    for step in range(1, 51):
        assert np.isclose(learning_rate(step, 50, 5e-5), schedule.get_last_lr()[0], rtol=1e-12)
        optimizer.step()
        schedule.step()


def test_checkpoints_lie_on_a_logarithmic_grid() -> None:
    steps = checkpoint_steps(100_000, 15)
    assert (len(steps), steps[0], steps[-1]) == (15, 1, 100_000)
    ratios = np.diff(np.log(steps[5:]))
    assert np.allclose(ratios, ratios.mean(), rtol=0.01)
