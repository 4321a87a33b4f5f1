"""Loops that are fast only as machine code."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])

_OPTIONS = {
    "nogil": True,  # batches are worked on side by side
    "fastmath": {"contract", "arcp", "nsz", "nnan"},  # sums keep their order; infinite values keep their meaning
    "error_model": "numpy",  # a check of each division would keep loops from the vector units
    "forceinline": True,
}


def compiled(function: Function) -> Function:
    """Let numba compile a function at its first call, once for all processes that share a folder for the result.

    That is `__pycache__` beside the function, or numba's folder among the user's caches (`NUMBA_CACHE_DIR` names
    another). Without one that can be written, every process compiles again, which takes some seconds.
    """
    try:
        result: Function = numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # there is no such folder
        result = numba.njit(**_OPTIONS)(function)
    return result
