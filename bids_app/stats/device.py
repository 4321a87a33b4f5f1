"""Where the numbers are crunched, and in batches of which size."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy.typing as npt
import torch
from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")

_DEFAULT_MEM_MB = 2000.0
# Two float32 blocks of this size stay in the second-level cache of a current core.
_CACHE_BYTES = 2**20


def resolve_device(device: str) -> torch.device:
    """The torch device of a name: "auto" is the GPU when there is one, else the CPU.

    Raises ValueError for an unknown name, or for a GPU that is not there.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError:
        raise ValueError(f"Unknown device={device!r}; use 'auto', 'cpu', 'cuda' or 'cuda:N'.") from None
    if resolved.type == "cuda":
        _check_gpu(device, resolved.index or 0)
    return resolved


def _check_gpu(device: str, index: int) -> None:
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if index < n_gpus:
        return
    if n_gpus:
        names = ", ".join(f"'cuda:{number}'" for number in range(n_gpus))
        raise ValueError(f"device={device!r}, but torch finds only {names} here; use one of these, 'auto' or 'cpu'.")
    if torch.version.cuda is None:
        reason = "this torch is built for the CPU alone"
    else:
        reason = "is one free, and does the container see it (docker run --gpus all, apptainer run --nv)?"
    raise ValueError(f"device={device!r}, but torch finds no GPU here ({reason}); use 'auto' or 'cpu'.")


def targets_per_batch(
    bytes_per_target: int, n_targets: int, mem_mb: float | None, cache_bytes_per_target: int | None = None
) -> int:
    """How many targets are worked on at a time.

    `bytes_per_target` is what one target needs in all buffers together; the batch stays within `mem_mb` megabytes
    (2,000 when None). `cache_bytes_per_target`, given for work on the CPU that goes over the same block many times,
    also keeps that block within the processor's cache.
    """
    if mem_mb is not None and mem_mb <= 0:
        raise ValueError(f"mem_mb={mem_mb}; the memory limit in megabytes must be positive.")
    limit = (_DEFAULT_MEM_MB if mem_mb is None else mem_mb) * 1e6 / bytes_per_target
    if cache_bytes_per_target is not None:
        limit = min(limit, max(256, _CACHE_BYTES / cache_bytes_per_target))
    return max(1, min(n_targets, int(limit)))


def column_batches(n_columns: int, size: int) -> list[slice]:
    """Consecutive slices of at most `size` that cover `n_columns`."""
    return [slice(start, min(start + size, n_columns)) for start in range(0, n_columns, size)]


def to_device(array: npt.NDArray, device: torch.device, dtype: torch.dtype = torch.float32) -> torch.Tensor:  # type: ignore[type-arg]
    """A copy (or, where nothing has to change, a view) of a numpy array on the device."""
    return torch.as_tensor(array).to(device=device, dtype=dtype)


def map_batches(function: Callable[[Item], Result], items: Sequence[Item], device: torch.device) -> Iterator[Result]:
    """The function's results in order; on the CPU, batches side by side, each on one of the threads torch may use.

    Threads that share a batch would wait for each other after each of its many small steps.
    """
    with side_by_side(device) as apply:
        yield from apply(function, items)


def run_batches(function: Callable[[Item], object], items: Sequence[Item], device: torch.device) -> None:
    """`map_batches` for a function that puts its results in place by itself."""
    for _ in map_batches(function, items, device):
        pass


@contextmanager
def side_by_side(device: torch.device) -> Iterator[Callable[..., Iterator[Any]]]:
    """A `map` as `map_batches` uses it, for work that comes in many small parts: the threads are started once."""
    n_threads = torch.get_num_threads()
    if device.type != "cpu":
        yield map
        return
    with one_thread():
        if n_threads == 1:
            yield map
            return
        with ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,)) as threads:
            yield threads.map


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for the products of torch and numpy while the block runs."""
    n_threads = torch.get_num_threads()
    try:
        with threadpool_limits(1, user_api="blas"):  # numpy's products, which torch's own setting does not reach
            torch.set_num_threads(1)
            yield
    finally:
        torch.set_num_threads(n_threads)  # also what threads that begin later take over
