"""Devices, batch sizes and threads of computations."""

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
    """The torch device of a name: "auto" is the GPU if available, else the CPU.

    Raises ValueError for an unknown name or a missing GPU.
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
    """Number of targets per batch.

    `bytes_per_target` is the memory of one target in all buffers; the batch stays within `mem_mb` megabytes (default:
    2,000). `cache_bytes_per_target`, for work on the CPU with many passes over the same block, also keeps that block
    within the cache.
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
    """A numpy array on the device, without a copy if possible."""
    return torch.as_tensor(array).to(device=device, dtype=dtype)


def map_batches(function: Callable[[Item], Result], items: Sequence[Item], device: torch.device) -> Iterator[Result]:
    """The results in order; on the CPU, batches run concurrently, each on one of torch's threads.

    Threads that share a batch would wait for each other after each of many small steps.
    """
    with side_by_side(device) as apply:
        yield from apply(function, items)


def run_batches(function: Callable[[Item], object], items: Sequence[Item], device: torch.device) -> None:
    """`map_batches` for a function that stores its results itself."""
    for _ in map_batches(function, items, device):
        pass


@contextmanager
def side_by_side(device: torch.device) -> Iterator[Callable[..., Iterator[Any]]]:
    """A `map` as in `map_batches` for many small pieces of work: threads are started once."""
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
    """Limit products of torch and numpy to one thread while the block, or the function decorated with it, runs.

    The bits of a product depend on the number of threads; those of results must not.
    """
    n_threads = torch.get_num_threads()
    try:
        with threadpool_limits(1, user_api="blas"):  # products of numpy, which torch's setting does not affect
            torch.set_num_threads(1)
            yield
    finally:
        torch.set_num_threads(n_threads)  # inherited by threads that start later
