import numpy as np
import pytest

from bids_app.stats.arrays import require_finite

N_COLUMNS = 20_000  # more than are checked at a time


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("column", [0, 8_192, N_COLUMNS - 1])
def test_the_column_that_is_not_finite_is_named(column: int, value: float) -> None:
    array = np.ones((3, N_COLUMNS), dtype=np.float32)
    array[1, column] = value
    with pytest.raises(ValueError, match=rf"Y has NaN or infinite values in 1 of 20000 columns \(first: {column}\)"):
        require_finite("Y", array)


def test_opposite_infinities_do_not_cancel_and_large_numbers_are_finite() -> None:
    array = np.ones((4, 3), dtype=np.float32)
    array[:, 0] = 3e38  # their sum overflows in float32
    require_finite("Y", array)
    array[:2, 1] = np.inf, -np.inf
    with pytest.raises(ValueError, match=r"1 of 3 columns \(first: 1\)"):
        require_finite("Y", array)
