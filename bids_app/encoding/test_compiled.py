import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import pytest

from bids_app.encoding.compiled import compiled


def add(a: int, b: int) -> int:
    return a + b


def test_without_a_folder_for_the_result_it_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    njit, kept = numba.njit, []

    def no_folder(*functions: Callable[..., object], cache: bool = False, **options: Any) -> object:
        if functions:  # numba's own, which are compiled when they are first needed
            return njit(*functions, **options)
        kept.append(cache)
        if cache:
            raise RuntimeError("cannot cache function 'add': no locator available for file")
        return njit(**options)

    monkeypatch.setattr(numba, "njit", no_folder)
    assert compiled(add)(2, 3) == 5
    assert kept == [True, False]


def test_the_result_is_kept_in_the_folder_that_is_named(tmp_path: Path) -> None:
    env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "caches"), "PYTHONPATH": str(Path(__file__).parents[2])}
    code = (
        "import numpy as np; from bids_app.encoding.dictionary._atom_sweep import sweep; "
        "sweep(np.eye(3), np.eye(3), np.eye(3), 0.0)"
    )
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    assert list((tmp_path / "caches").rglob("_atom_sweep.sweep*.nbi"))
