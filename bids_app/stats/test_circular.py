import numpy as np
import numpy.typing as npt
import pytest
import torch

from bids_app.stats.circular import SharedShifts, Shifts, unit_norm
from bids_app.stats.copies import Copies


@pytest.mark.parametrize("n_volumes", [2, 46, 47])
def test_correlations_at_circular_shifts_against_numpy(n_volumes: int) -> None:
    a, b, c = np.random.default_rng(0).standard_normal((3, n_volumes, 8)) + 5
    b[:, 3] = 7.0  # constant

    def correlations(x: npt.NDArray[np.float64]) -> list[list[float]]:
        with np.errstate(invalid="ignore"):
            return [
                [np.nan_to_num(np.corrcoef(np.roll(x[:, column], shift), b[:, column])[0, 1]) for column in range(8)]
                for shift in range(n_volumes)
            ]

    of_a, of_c = np.array(correlations(a)), np.array(correlations(c))
    first, second, response = (unit_norm(torch.as_tensor(x)) for x in (a, c, b))
    shifts = Shifts(n_volumes, torch.device("cpu"))
    shifts._waves = shifts._waves.double()
    for predicted, expected in ((first, of_a), (first - second, of_a - of_c)):
        r, square = shifts(predicted, response)
        np.testing.assert_allclose(r, expected[0], atol=1e-7)
        np.testing.assert_allclose(square, np.square(expected[1:]).mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("content", [np.tile(np.arange(31), 2), np.array([0, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 2])])
def test_correlations_where_copies_move_together_against_numpy(content: npt.NDArray[np.int64]) -> None:
    copies = Copies(content)
    a, b = np.random.default_rng(0).standard_normal((2, len(content), 5))
    a, b = (np.asarray(unit_norm(torch.as_tensor(x))) for x in (a, b))

    def lines(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        grid = np.zeros((*copies.rows.shape, 5))
        grid[copies.copy, copies.position] = x
        return grid

    moved = [(np.roll(lines(a), shift, axis=1) * lines(b)).sum(axis=(0, 1)) for shift in range(copies.length)]
    shifts = SharedShifts(copies, torch.device("cpu"))
    shifts._waves = shifts._waves.double()
    r, square = shifts(torch.as_tensor(a), torch.as_tensor(b))
    np.testing.assert_allclose(r, (a * b).sum(axis=0), atol=1e-12)
    np.testing.assert_allclose(square, np.square(moved[1:]).mean(axis=0), atol=1e-6)


def test_columns_beside_a_large_mean_keep_their_digits() -> None:
    x = np.random.default_rng(0).standard_normal((50, 4))
    x[:, 2] = 7
    large = torch.as_tensor(x + 1e4, dtype=torch.float32)
    expected = large.double().numpy() - large.double().numpy().mean(axis=0)
    expected /= np.maximum(np.linalg.norm(expected, axis=0), 1e-12)
    normed = unit_norm(large)
    np.testing.assert_allclose(normed, np.where(np.arange(4) == 2, 0, expected), atol=1e-6)
    np.testing.assert_allclose(normed.sum(dim=0), 0, atol=1e-6)
