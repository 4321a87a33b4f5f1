"""Devices, batch sizes and threads of computations."""

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache, partial
from threading import local
from typing import Any, TypeVar

import numpy as np
import torch
from threadpoolctl import ThreadpoolController

from bids_app.stats.arrays import AnyArray, Doubles

Item = TypeVar("Item")
Result = TypeVar("Result")

_DEFAULT_MEM_MB = 2000.0
# Two float32 blocks of this size stay in the second-level cache of a current core.
_CACHE_BYTES = 2**20
_STAGE_BYTES = 2**25  # of the page-locked memory through which large arrays go to a GPU, twice
_STREAMS = 4  # decompositions side by side on a GPU
_local = local()
_ROWS = 256  # centred at a time on a GPU, in float64


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


def to_device(array: AnyArray, device: torch.device, dtype: torch.dtype | None = torch.float32) -> torch.Tensor:
    """A numpy array on the device, sharing its memory where possible; with `dtype` None, of its own type."""
    if device.type == "cuda" and array.nbytes > _STAGE_BYTES:
        return _staged(array, device).to(dtype=dtype)
    if not array.flags.writeable:
        array = array.copy()  # torch warns of what it could overwrite
    there = torch.as_tensor(array)
    if device.type == "cuda":
        there = there.to(device)  # first: all threads of the CPU would wake to convert a small array
    return there.to(device=device, dtype=dtype)


def _staged(array: AnyArray, device: torch.device) -> torch.Tensor:
    """A large array on a GPU, through page-locked memory: several times as fast as from ordinary memory."""
    of_type = torch.as_tensor(np.empty(0, array.dtype)).dtype
    result = torch.empty(array.shape, dtype=of_type, device=device)
    n_rows = max(1, _STAGE_BYTES * len(array) // array.nbytes)
    stages = [torch.empty((n_rows, *array.shape[1:]), dtype=of_type, pin_memory=True) for _ in range(2)]
    copied = [torch.cuda.Event() for _ in stages]  # type: ignore[no-untyped-call]
    for number, rows in enumerate(column_batches(len(array), n_rows)):
        stage, event = stages[number % 2], copied[number % 2]
        event.synchronize()  # the stage is free again
        part = stage[: rows.stop - rows.start]
        if array.flags.writeable and min(array.strides) >= 0:
            part.copy_(torch.from_numpy(array[rows]))  # on all threads
        else:
            np.copyto(part.numpy(), array[rows])  # torch takes no such arrays
        result[rows].copy_(part, non_blocking=True)
        event.record()
    return result


def centred(array: AnyArray, device: torch.device, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, Doubles]:
    """Columns without their means, (n, V) on the device, and the means (V,); differences are taken in float64."""
    if device.type != "cuda":
        means: Doubles = array.mean(axis=0, dtype=np.float64)
        return to_device(array - means, device, dtype), means
    return centred_there(to_device(array, device, None), dtype)


def centred_there(values: torch.Tensor, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, Doubles]:
    """`centred` of values that are on the device, and are overwritten if they have the type of the result."""
    if not values.dtype.is_floating_point:
        values = values.double()
    means = values.mean(dim=0, dtype=torch.float64)
    result = values if values.dtype == dtype else torch.empty_like(values, dtype=dtype)
    for rows in column_batches(len(values), _ROWS):
        result[rows] = values[rows] - means
    return result, means.cpu().numpy()


def map_batches(function: Callable[[Item], Result], items: Sequence[Item], device: torch.device) -> Iterator[Result]:
    """The results in order; on the CPU, batches run concurrently, each on one of torch's threads.

    Threads that share a batch would wait for each other after each of many small steps.
    """
    with side_by_side(device) as apply:
        yield from apply(function, items)


def map_decompositions(
    function: Callable[[Item], Result], items: Sequence[Item], device: torch.device
) -> Iterator[Result]:
    """`map_batches` for decompositions: on a GPU, of which each fills a small part, they run side by side too."""
    if device.type != "cuda":
        yield from map_batches(function, items, device)
        return
    with one_thread():
        yield from _workers(device).map(partial(_on_stream, function, device), items)


@lru_cache
def _workers(device: torch.device) -> ThreadPoolExecutor:
    """Threads with a stream each, kept: cuBLAS holds 32 MiB of the GPU for every thread and stream it has met."""

    def start() -> None:
        torch.set_num_threads(1)
        _local.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    return ThreadPoolExecutor(_STREAMS, initializer=start)


def _on_stream(function: Callable[[Item], Result], device: torch.device, item: Item) -> Result:
    """The result of a function whose work on the GPU is in the stream of the thread, and complete."""
    stream = _local.stream
    # What the default stream was asked for may still read the function's input, or memory that this stream gets again.
    stream.wait_stream(torch.cuda.default_stream(device))
    with torch.cuda.stream(stream):
        result = function(item)
    stream.synchronize()
    return result


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
        with _libraries(len(sys.modules)).limit(limits=1, user_api="blas"):  # of numpy; torch's has its own setting
            torch.set_num_threads(1)
            yield
    finally:
        torch.set_num_threads(n_threads)  # inherited by threads that start later


@lru_cache(maxsize=1)
def _libraries(_n_modules: int) -> ThreadpoolController:
    """The libraries for products, looked for again once a module was imported: it takes 10 ms."""
    return ThreadpoolController()
