"""Compilation of loops by numba."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])

_OPTIONS = {
    "nogil": True,  # batches run concurrently
    "fastmath": {"contract", "arcp", "nsz", "nnan"},  # keeps the order of sums and the meaning of infinite values
    "error_model": "numpy",  # a check of each division would prevent vectorisation
    "forceinline": True,
}


def compiled(function: Function) -> Function:
    """Compile a function with numba at its first call, once for all processes that share a cache folder.

    The cache folder is `__pycache__` beside the function, or numba's folder in the user's cache (or
    `NUMBA_CACHE_DIR`). Without a writable one, every process compiles again, which takes some seconds.
    """
    return _compiled(function, _OPTIONS)


def compiled_without_counts(function: Function) -> Function:
    """`compiled`, without counting the references to arrays: up to 40 % of the time of loops over a few numbers.

    The function and all that it calls, compiled so too, can neither create an array nor set a slice of one.
    """
    return _compiled(function, _OPTIONS | {"_nrt": False})  # as numba's own sort


def _compiled(function: Function, options: dict[str, Any]) -> Function:
    try:
        result: Function = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no such folder
        result = numba.njit(**options)(function)
    return result
