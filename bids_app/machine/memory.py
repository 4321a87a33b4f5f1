"""The memory of the machine, and a check that a model fits into it, before it is loaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bids_app.shared_options.run import ComputeOptions

_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}

# Memory besides the weights for the activations of a batch of windows: a fraction of them, and bytes.
# Measured on the CPU, 242 million weights: 1.26 GB in float32 (1.56 GB are asked for), 0.91 GB in bfloat16 (0.98 GB).
_ROOM, _LEAST_ROOM = 0.2, 400_000_000
_UNLIMITED = 2**60  # the first version of control groups writes a number near 2⁶³ for "no limit"


def total_memory(root: Path = Path("/")) -> int:
    """Bytes of memory of the machine, or of the tightest control group (container, SLURM job) around this process."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *(limit for limit, _ in _groups(root))])


def free_memory(root: Path = Path("/")) -> int:
    """Bytes of memory still available to this process, from the machine and each control group around it."""
    fields = (line.split() for line in (root / "proc" / "meminfo").read_text(encoding="utf-8").splitlines())
    machine = next(int(words[1]) * 1024 for words in fields if words[0] == "MemAvailable:")
    return max(0, min([machine, *(limit - used for limit, used in _groups(root))]))


def _groups(root: Path) -> Iterator[tuple[int, int]]:
    """Limit and use in bytes of each limited control group around this process, of both versions.

    In a container, the path of a group may be that of the host; the group of the container is then the topmost.
    """
    for line in (root / "proc" / "self" / "cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", maxsplit=2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top = root / "sys" / "fs" / "cgroup" / ("memory" if controllers else "")
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if controllers else ("memory.max", "memory.current")
        folder = top / path.lstrip("/")
        for group in (folder, *folder.parents):
            limit, used = (_number(group / name) for name in names)
            if limit is not None and limit < _UNLIMITED:
                yield limit, (used or 0) - _cached(group / "memory.stat")
            if group == top:
                break


def _number(path: Path) -> int | None:
    text = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    return int(text) if text.isdigit() else None


def _cached(path: Path) -> int:
    """Bytes of cached files that the kernel frees on demand."""
    fields = [line.split() for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []
    # "total_" in the first version: including child groups
    return max((int(number) for name, number in fields if name.removeprefix("total_") == "inactive_file"), default=0)


@dataclass(frozen=True)
class ModelLoading:
    """How a model is loaded.

    Attributes
    ----------
    device : "auto", "cpu", "cuda" or one GPU, such as "cuda:1"
    dtype : "float32", "bfloat16" or "float16"
    mem_mb : memory for the whole run in MB, 0 for that of the machine
    """

    device: str = "auto"
    dtype: str = "float32"
    mem_mb: int = 0

    @classmethod
    def of(cls, settings: ComputeOptions) -> ModelLoading:
        """That of a run's settings."""
        return cls(settings.device, settings.dtype, settings.mem_mb)


def too_little_memory(name: str, n_weights: int, loading: ModelLoading) -> str | None:
    """A sentence with the problem and what would fit, if a model with so many weights is too large; else None.

    Raises ValueError for a missing device.
    """
    from bids_app.stats.device import resolve_device

    device = resolve_device(loading.device)
    available = free_on(device, loading)
    needed = _needed(n_weights, loading.dtype)
    if needed <= available:
        return None
    return (
        f"--model {name}: {_count(n_weights)} weights need {_gb(needed)} in {loading.dtype}, including "
        f"working memory, and {_what_there_is(device, available, loading.mem_mb)}; "
        f"what would fit: {_what_fits(n_weights, device, loading)}"
    )


def _what_there_is(device: Any, available: int, mem_mb: int) -> str:
    if device.type != "cpu":
        return f"the GPU ({device}) has {_gb(available)} free"
    if available == mem_mb * 1_000_000:
        return f"--mem-mb allows {_gb(available)}"
    return f"this machine (or its container or job) has {_gb(available)} free"


def _what_fits(n_weights: int, device: Any, loading: ModelLoading) -> str:
    fitting = []
    available = free_on(device, loading)
    smaller = _needed(n_weights, "bfloat16")
    if loading.dtype == "float32" and smaller <= available:
        fitting.append(f"--dtype bfloat16 ({_gb(smaller)})")
    for other in _other_devices(device):
        free = free_on(other, loading)
        if _needed(n_weights, loading.dtype) <= free:
            fitting.append(f"--device {other.type} ({_gb(free)} free)")
    largest = int((available - _LEAST_ROOM) / _bytes_per_weight(loading.dtype))
    if largest > 0:
        fitting.append(f"a model of at most {_count(largest)} weights")
    if device.type == "cpu" and loading.mem_mb and _needed(n_weights, loading.dtype) <= free_memory():
        fitting.append("a larger --mem-mb")
    return ", ".join(fitting) or "nothing on this machine; use one with more memory"


def _other_devices(device: Any) -> list[Any]:
    import torch

    if device.type != "cpu":
        return [torch.device("cpu")]
    return [torch.device("cuda")] if torch.cuda.is_available() else []


def _needed(n_weights: int, dtype: str) -> int:
    return int(n_weights * _bytes_per_weight(dtype)) + _LEAST_ROOM


def _bytes_per_weight(dtype: str) -> float:
    return _BYTES[dtype] * (1 + _ROOM)


def free_on(device: Any, loading: ModelLoading) -> int:
    """Bytes available to a model on a device, or on all GPUs if it may be spread over them."""
    import torch

    if device.type == "cuda":
        spread = loading.device in ("auto", "cuda")
        indices = range(torch.cuda.device_count()) if spread else [device.index or 0]
        return sum(torch.cuda.mem_get_info(index)[0] for index in indices)
    return free_for_data(loading.mem_mb)


def free_for_data(mem_mb: int) -> int:
    """Bytes available to arrays: the free memory, limited by --mem-mb."""
    free = free_memory()
    return min(free, mem_mb * 1_000_000) if mem_mb else free


def _count(n_weights: int) -> str:
    return f"{n_weights / 1e9:,.1f} billion" if n_weights >= 1e9 else f"{n_weights / 1e6:,.1f} million"


def _gb(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:.1f} MB"
