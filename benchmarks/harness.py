"""Time calls in turns and print the rows of docs/benchmarks.md."""

import argparse
import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# What takes more seconds is run once.
LONG = 60
_COLUMNS = ("work", "ours", "peer", "time of peer", "ours / peer", "processor time, ours / peer", "target", "agreement")


@dataclass(frozen=True)
class Timing:
    """Medians over the runs of a call, in seconds, of wall and of processor time, and what its last run returned."""

    wall: float
    processor: float
    runs: int
    result: Any

    def __str__(self) -> str:
        """The wall time to three digits, as a table shows it."""
        return self.scaled(1)

    def scaled(self, scale: float) -> str:
        """The wall time of `scale` times the work, and how it was measured where that was not by a median of all."""
        notes = [f"1/{scale:.4g} of it timed"] * (scale != 1) + ["once"] * (self.runs == 1)
        return f"{_digits(self.wall * scale)} s" + f" ({', '.join(notes)})" * bool(notes)


def take_turns(
    calls: Mapping[str, Callable[[], Any]], runs: int = 5, *, device: str = "cpu", warm_up: bool = True
) -> dict[str, Timing]:
    """Run every call `runs` times, one after the other in turns, so that all see the same state of the machine.

    A first turn that is not counted pays for imports and buffers; leave it out (`warm_up`) where a run takes minutes.
    A call that has taken more than a minute is not run again.
    """
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    results: dict[str, Any] = {}
    for turn in range(runs + warm_up):
        for name, call in calls.items():
            if seconds[name] and seconds[name][-1][0] > LONG:
                continue
            results.pop(name, None)  # the memory of a result is free before the next is made
            wall, processor = time.perf_counter(), _processor_time()
            results[name] = call()
            _wait_for(device)
            seconds[name].append((time.perf_counter() - wall, _processor_time() - processor))
            wall, processor = seconds[name][-1]
            print(f"  turn {turn}: {name} {wall:.3f} s, {processor:.3f} s of processor time", file=sys.stderr)
    timings = {}
    for name, times in seconds.items():
        counted = times[warm_up:] or times
        wall, processor = np.median(counted, axis=0)
        timings[name] = Timing(float(wall), float(processor), len(counted), results[name])
    return timings


def median_time(call: Callable[[], Any], runs: int = 5, *, device: str = "cpu", warm_up: bool = True) -> Timing:
    """`take_turns` of one call alone."""
    return take_turns({"": call}, runs, device=device, warm_up=warm_up)[""]


def print_header() -> None:
    """The head of the table, below the machine and the versions."""
    print(f"\n{machine()}\n")
    print_cells(_COLUMNS)
    print_cells(["---"] * len(_COLUMNS))


def print_row(
    work: str, ours: Timing, peers: Mapping[str, Timing], target: str = "", agreement: str = "", scale: float = 1
) -> None:
    """One row per peer. `scale` is how much more the whole work is than what the peers were timed on."""
    for name, peer in peers.items():
        ratios = _digits(ours.wall / peer.wall / scale), _digits(ours.processor / peer.processor / scale)
        print_cells([work, str(ours), name, peer.scaled(scale), *ratios, target, agreement])


def print_cells(cells: Sequence[str]) -> None:
    """One line of a markdown table."""
    print("| " + " | ".join(cells) + " |", flush=True)


def machine(packages: Sequence[str] = ("numpy", "torch", "himalaya", "scikit-learn", "spams-bin", "celer")) -> str:
    """Processor, cores, GPU and versions, in one line."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    versions = [f"{name} {version}" for name in packages if (version := _version(name))]
    date = time.strftime("%Y-%m-%d")
    return f"{_processor()}, {os.cpu_count()} cores, {gpu}; Python {platform.python_version()}, " + ", ".join(
        [*versions, date]
    )


def arguments(description: str | None, *, runs: int = 5) -> argparse.ArgumentParser:
    """The options that every script has: --device, --runs and --quick."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--device", default="cpu", help="Where ours and the peers that can compute: cpu or cuda.")
    parser.add_argument("--runs", type=int, default=runs, help=f"Runs of each. Default: {runs}.")
    parser.add_argument("--quick", action="store_true", help="Only the smallest size, to see that a script works.")
    return parser


def peak_growth_mb(call: Callable[[], object]) -> float:
    """How many megabytes more than before this process held at most during a call (Linux alone tells)."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _resident_mb("VmRSS")
    call()
    return _resident_mb("VmHWM") - before


def _resident_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(name + ":"))


def run_apart(script: str, *options: str) -> str:
    """What `python -m benchmarks.SCRIPT OPTIONS` prints last, from a process that no other work has touched."""
    command = [sys.executable, "-m", f"benchmarks.{script}", *options]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
    return done.stdout.strip().splitlines()[-1]


def _processor_time() -> float:
    """Seconds of this process and of finished processes that it has started."""
    return sum(os.times()[:4])


def _wait_for(device: str) -> None:
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _digits(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
