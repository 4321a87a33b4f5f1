from functools import partial

import numpy as np
import numpy.typing as npt
import pytest

from bids_app.encoding.compiled import compiled_without_counts
from bids_app.encoding.vectors import add_multiple, add_rows, padded_length

Array = npt.NDArray[np.floating]
Indices = npt.NDArray[np.int64]


@compiled_without_counts
def multiple(base: Array, factor: float, row: Array, n: int, out: Array) -> None:
    add_multiple(out, base, factor, row, n)


@compiled_without_counts
def combined(base: Array, factor: Array, rows: Array, index: Indices, n_rows: int, n: int, out: Array) -> None:
    add_rows(out, base, factor, rows, index, n_rows, n)


@pytest.mark.parametrize("n", [1, 8, 16, 17, 40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_of_rows(dtype: type[np.floating], n: int) -> None:
    """As numpy's; numbers after the blocks that hold the first n stay."""
    random = np.random.default_rng(n)
    rows = random.standard_normal((5, 64)).astype(dtype)
    base, factor = rows[4].copy(), random.standard_normal(5).astype(dtype)
    index, lanes = np.array([3, 0, 3]), 64 // rows.itemsize
    n_written = -(-n // lanes) * lanes
    for expected, call in (
        (base + factor[1] * rows[2], partial(multiple, base, factor[1], rows[2], n)),
        (base + factor[:3] @ rows[index], partial(combined, base, factor, rows, index, 3, n)),
        (base, partial(combined, base, factor, rows, index, 0, n)),
    ):
        out = np.full(64, 7, dtype)
        call(out)
        np.testing.assert_allclose(out[:n_written], expected[:n_written], rtol=1e-6, atol=1e-6)
        assert (out[n_written:] == 7).all()


def test_result_in_place_of_the_base() -> None:
    row, base = np.arange(16.0), np.ones(16)
    multiple(base, 2.0, row, 16, base)
    np.testing.assert_array_equal(base, 1 + 2 * row)


def test_lengths_are_multiples_of_a_block() -> None:
    assert [padded_length(n) for n in (1, 16, 17)] == [16, 16, 32]
