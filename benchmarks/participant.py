"""A whole participant of the demo, beside reading its BOLD once and its matrix products alone."""

import contextlib
import importlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import harness
from bids_app.bids.recording import read_recording
from bids_app.demo.generate import DEFAULTS, generate
from bids_app.settings import Settings
from bids_app.settings_input import make_settings
from bids_app.workflow.run import run
from bids_app.workflow.sources import open_sources

# Where the stages of a run are called, and what a table calls them.
STAGES = {
    "bids_app.workflow.participant.read_responses": "reading and cleaning the BOLD",
    "bids_app.workflow.stimulus.model_runs": "activations of the model",
    "bids_app.workflow.stimulus.get_dictionary": "dictionary",
    "bids_app.workflow.participant.encode_networks": "networks",
    "bids_app.workflow.participant.brainscore": "brain score",
    "bids_app.report.participant.write_participant_report": "report",
}


@contextlib.contextmanager
def timed(spent: dict[str, float]) -> Iterator[None]:
    """Note how long each stage takes. Stages that call another one are told less its time."""
    originals = {}
    running: list[float] = []

    def clocked(stage: str, call: Any) -> Any:
        def wrapper(*args: Any, **options: Any) -> Any:
            running.append(0.0)
            start = time.perf_counter()
            try:
                return call(*args, **options)
            finally:
                took, inner = time.perf_counter() - start, running.pop()
                spent[stage] = spent.get(stage, 0.0) + took - inner
                if running:
                    running[-1] += took

        return wrapper

    for path, stage in STAGES.items():
        module, name = path.rsplit(".", 1)
        originals[path] = getattr(importlib.import_module(module), name)
        setattr(importlib.import_module(module), name, clocked(stage, originals[path]))
    try:
        yield
    finally:
        for path, call in originals.items():
            module, name = path.rsplit(".", 1)
            setattr(importlib.import_module(module), name, call)


def settings_of(data: Path, out: Path, device: str) -> Settings:
    """What the README's demo uses, for one participant on the surface."""
    given = {"config_file": data / "code" / "demo.toml", "participant_label": ("01",), "space": "fsaverage5"}
    label = sorted(folder.name for folder in data.glob("sub-*"))[0].removeprefix("sub-")
    places = {"bids_dir": data, "out_dir": out, "level": "participant"}
    return make_settings(places | given | {"participant_label": (label,), "device": device, "nprocs": 1})


def gflops() -> float:
    """Thousand millions of operations per second of float32 products that fit the cache."""
    A, B = torch.randn(2048, 512), torch.randn(512, 2048)
    product = harness.median_time(lambda: [A @ B for _ in range(10)])
    return 10 * 2 * 2048 * 512 * 2048 / product.wall / 1e9


def read_once(settings: Settings) -> None:
    """Read every run of the participant."""
    for one in open_sources(settings).runs(settings.participant_label[0]).runs:
        read_recording(one)


def main() -> None:
    """One row per stage, then the sums. The products are those of torch, counted in a run of its own."""
    options = harness.arguments(__doc__).parse_args()
    runs = 1 if options.quick else options.runs
    with tempfile.TemporaryDirectory() as folder:
        data, place = Path(folder, "data"), iter(range(1000))
        generate(data, replace(DEFAULTS, participants=1, spaces=("fsaverage5",)))

        def settings() -> Settings:
            return settings_of(data, Path(folder, f"out{next(place)}"), options.device)

        def compute() -> None:
            if run(settings()):
                raise RuntimeError("The run failed; what went wrong is said above.")

        with FlopCounterMode(display=False) as counter:
            compute()
        spent: dict[str, float] = {}
        with timed(spent):
            whole = harness.median_time(compute, runs, device=options.device, warm_up=False)
        reading = harness.median_time(lambda: read_once(settings()), runs)
        speed = gflops()
    products = counter.get_total_flops() / speed / 1e9
    print(f"\n{harness.machine()}\n")
    harness.print_cells(["stage", "time"])
    harness.print_cells(["---"] * 2)
    for stage, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        harness.print_cells([stage, f"{seconds / runs:.2f} s"])
    harness.print_cells(["everything else", f"{whole.wall - sum(spent.values()) / runs:.2f} s"])
    harness.print_cells(["**whole participant**", f"{whole.wall:.2f} s, {whole.processor:.2f} s of processor time"])
    harness.print_cells(["reading the BOLD once", f"{reading.wall:.2f} s"])
    label = f"matrix products, {counter.get_total_flops() / 1e9:,.0f} thousand million operations at {speed:.0f} / s"
    harness.print_cells([label, f"{products:.2f} s"])
    ratio = whole.wall / (reading.wall + products)
    harness.print_cells(["whole / (reading + products), target ≤ 3", f"{ratio:.2f}"])


if __name__ == "__main__":
    main()
