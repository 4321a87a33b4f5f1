"""Arrays in a scratch file come back as they were, and leave nothing behind."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from bids_app.analyses.scratch import ScratchArrays, ScratchFile


def test_arrays_come_back_in_any_order_also_those_without_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    # a participant without data in any network has responses of no piece
    arrays = [rng.standard_normal(shape) for shape in [(5, 3), (5, 0), (2, 4), (0, 3), (1, 1)]]
    with closing(ScratchArrays(tmp_path / "scratch")) as scratch:
        read = [scratch.keep(array) for array in arrays]
        for load, array in reversed(list(zip(read, arrays, strict=True))):
            np.testing.assert_array_equal(load(), array)
        assert list((tmp_path / "scratch").iterdir()) == []  # the file has no name


def test_a_file_that_is_too_short_is_said(tmp_path: Path) -> None:
    with closing(ScratchFile(tmp_path, 8)) as file, pytest.raises(OSError, match="cut short: run it again"):
        file.fill(np.empty(3), 0)
