"""A whole participant of the demo, stage by stage, beside reading its BOLD once and its matrix products alone."""

import contextlib
import pkgutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import harness
from bids_app.bids.recording import read_recording
from bids_app.demo.generate import DEFAULTS, generate
from bids_app.encoding.lasso._fista import fista
from bids_app.inputs.sources import open_sources
from bids_app.run.run import run
from bids_app.settings import Settings
from bids_app.settings_input import make_settings

# What is timed, and what the table calls it. The time of one that another calls counts for the inner one alone.
STAGES = {
    "bids_app.inputs.models.ModelRun.activations": "activations of the model",
    "bids_app.analyses.dictionary._learn": "dictionary",
    "bids_app.analyses.work.read_responses": "reading and cleaning the BOLD",
    "bids_app.encoding.lasso.LassoCV.fit": "lasso with cross-validated penalties, and its refits for p",
    "bids_app.analyses.networks.participant._coefficients": "coefficients of the families",
    "bids_app.analyses.networks.participant.score_brain": "scores of the families and their p",
    "bids_app.analyses.networks.participant.family_links": "links of families and networks, spins",
    "bids_app.inputs.designs.design_held_out": "designs of the brain score",
    "bids_app.analyses.scoring.predict_held_out": "ridge of the brain score, and its refits for p",
    "bids_app.analyses.brainscore.participant.score_brain": "brain scores and their p",
    "bids_app.analyses.brainscore.participant.write_ceiling": "noise ceiling (reads the BOLD again)",
    "bids_app.analyses.writer.write_maps": "writing maps",
    "bids_app.pages.participant.write_participant_report": "report",
}

# On the CPU the lasso is no matrix product. By steps along the gradient, which a GPU takes, the same results are.
BY_STEPS: dict[str, Callable[[Any], Any]] = {
    "bids_app.encoding.lasso._cross_validation.lasso_gram": lambda _: fista,
    "bids_app.encoding.dictionary._coding.lasso_gram": lambda _: fista,
}


@contextlib.contextmanager
def replaced(wrappers: dict[str, Callable[[Any], Any]]) -> Iterator[None]:
    """Put wrappers round functions and methods, named as `module.name` or `module.Class.name`."""
    parts = [path.rpartition(".") for path in wrappers]
    places = [(pkgutil.resolve_name(owner), name) for owner, _, name in parts]
    originals = [getattr(owner, name) for owner, name in places]
    try:
        for (owner, name), original, wrap in zip(places, originals, wrappers.values(), strict=True):
            setattr(owner, name, wrap(original))
        yield
    finally:
        for (owner, name), original in zip(places, originals, strict=True):
            setattr(owner, name, original)


def clocks(spent: dict[str, float]) -> dict[str, Callable[[Any], Any]]:
    """Wrappers that note how long each stage takes, less the stages that it calls."""
    inner: list[float] = []

    def clock(call: Any, stage: str) -> Any:
        def timed(*args: Any, **options: Any) -> Any:
            inner.append(0.0)
            start = time.perf_counter()
            try:
                return call(*args, **options)
            finally:
                took = time.perf_counter() - start
                spent[stage] = spent.get(stage, 0.0) + took - inner.pop()
                if inner:
                    inner[-1] += took

        return timed

    return {path: partial(clock, stage=stage) for path, stage in STAGES.items()}


def counters(operations: list[int]) -> dict[str, Callable[[Any], Any]]:
    """Wrappers that note the operations of each product of torch, in whatever thread."""

    def count(call: Any, first: int) -> Any:
        def counted(*args: Any, **options: Any) -> Any:
            result = call(*args, **options)
            operations.append(2 * result.numel() * args[first].shape[-1])
            return result

        return counted

    return {
        "torch.Tensor.__matmul__": partial(count, first=0),
        "torch.addmm": partial(count, first=1),
        "torch.nn.functional.linear": partial(count, first=0),
    }


def settings_of(data: Path, out: Path, device: str) -> Settings:
    """What the README's demo uses, for one participant on the surface."""
    given = {"bids_dir": data, "out_dir": out, "level": "participant", "config_file": data / "code" / "demo.toml"}
    return make_settings(given | {"space": "fsaverage5", "device": device})


def gflops(device: str) -> float:
    """Thousand millions of operations per second of float32 products that fit the cache."""
    A, B = torch.randn(2048, 512, device=device), torch.randn(512, 2048, device=device)
    product = harness.median_time(lambda: [A @ B for _ in range(10)], device=device)
    return 10 * 2 * 2048 * 512 * 2048 / product.wall / 1e9


def read_once(settings: Settings) -> None:
    """Read every run of the participant."""
    sources = open_sources(settings)
    for one in sources.runs(sources.participants[0]).runs:
        read_recording(one)


def main() -> None:
    """One row per stage, then the sums."""
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

        by_steps, operations = list[int](), list[int]()
        with replaced(counters(by_steps) | BY_STEPS):
            compute()  # also pays for imports
        with replaced(counters(operations)):
            compute()
        spent: dict[str, float] = {}
        with replaced(clocks(spent)):
            whole = harness.median_time(compute, runs, device=options.device, warm_up=False)
        reading = harness.median_time(lambda: read_once(settings()), runs)
        speed = gflops(options.device)
    work = {"": sum(operations) / 1e9, " with the lasso in products, as on a GPU": sum(by_steps) / 1e9}
    _print(whole, {stage: seconds / runs for stage, seconds in spent.items()}, reading, work, speed)


def _print(
    whole: harness.Timing, spent: dict[str, float], reading: harness.Timing, work: dict[str, float], speed: float
) -> None:
    """The table; `work` is in thousand millions of operations, `speed` in as many per second."""
    spent = spent | {"everything else": whole.wall - sum(spent.values())}
    print(f"\n{harness.machine()}\n")
    harness.print_cells(["stage", "time"])
    harness.print_cells(["---"] * 2)
    for stage, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        harness.print_cells([stage, f"{seconds:.2f} s"])
    harness.print_cells(["**whole participant**", f"{whole.wall:.2f} s, {whole.processor:.2f} s of processor time"])
    harness.print_cells(["reading the BOLD once", f"{reading.wall:.2f} s"])
    for how, amount in work.items():
        label = f"matrix products{how}, {amount:,.0f} thousand million operations at {speed:.0f} / s"
        harness.print_cells([label, f"{amount / speed:.2f} s"])
        ratio = whole.wall / (reading.wall + amount / speed)
        harness.print_cells([f"whole / (reading + products{how}), target ≤ 3", f"{ratio:.2f}"])


if __name__ == "__main__":
    main()
