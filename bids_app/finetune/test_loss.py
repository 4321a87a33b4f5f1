import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from bids_app.finetune.loss import forecast_loss

TAU = 0.1


def _arrays(n: int = 17, n_negatives: int = 40, width: int = 12) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(3)
    return tuple(rng.standard_normal((rows, width)) for rows in (n, n, n_negatives))


def _reference(predictions: np.ndarray, targets: np.ndarray, negatives: np.ndarray, *, is_printed: bool) -> float:
    """The formula of the paper, one prediction after the other."""

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / np.sqrt((a @ a) * (b @ b)))

    total = 0.0
    for p, y in zip(predictions, targets, strict=True):
        positive = cosine(p, y) / TAU
        others = [cosine(p, other) / TAU for other in negatives]
        total -= positive - logsumexp(others if is_printed else [positive, *others])
    return total


@pytest.mark.parametrize("rule", ["mended", "as-printed"])
def test_the_loss_is_that_of_the_formula(rule: str) -> None:
    arrays = _arrays()
    p, y, negatives = map(torch.from_numpy, arrays)
    loss = forecast_loss(p, y, negatives, TAU, rule).item()
    reference = _reference(*arrays, is_printed=rule == "as-printed")
    assert loss == pytest.approx(reference, abs=1e-9)
    single = forecast_loss(p.float(), y.float(), negatives.float(), TAU, rule).item()
    assert single / len(arrays[0]) == pytest.approx(reference / len(arrays[0]), abs=1e-6)


def test_only_the_printed_loss_can_be_negative() -> None:
    predictions, _, negatives = (torch.from_numpy(array) for array in _arrays())
    negatives = negatives[:2]
    assert forecast_loss(predictions, predictions, negatives, TAU, "as-printed") < 0
    assert forecast_loss(predictions, predictions, negatives, TAU) > 0


def test_by_chance_it_is_the_logarithm_of_the_number_of_candidates() -> None:
    same = torch.ones(5, 4)
    assert forecast_loss(same, same, torch.ones(2000, 4), TAU).item() / 5 == pytest.approx(np.log(2001), abs=1e-5)


def test_unknown_rules_and_no_negatives_are_refused() -> None:
    states = torch.ones(2, 3)
    with pytest.raises(ValueError, match="Unknown rule of the loss 'new'"):
        forecast_loss(states, states, states, TAU, "new")
    with pytest.raises(ValueError, match="at least one negative"):
        forecast_loss(states, states, states[:0], TAU)
