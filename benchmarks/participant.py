"""A whole participant of the demo, stage by stage, beside the same analysis put together from the usual tools."""

import contextlib
import pkgutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import harness
from benchmarks.participant_peers import Step, Work, steps
from bids_app.demo.generate import DEFAULTS, generate
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
    "bids_app.analyses.networks.conditional.family_links": "links of families and networks, spins",
    "bids_app.inputs.designs.design_held_out": "designs of the brain score",
    "bids_app.analyses.scoring.predict_held_out": "ridge of the brain score, and its refits for p",
    "bids_app.analyses.brainscore.participant.score_brain": "brain scores and their p",
    "bids_app.analyses.brainscore.participant.write_ceiling": "noise ceiling (reads the BOLD again)",
    "bids_app.analyses.writer.write_maps": "writing maps",
    "bids_app.pages.participant.write_participant_report": "report",
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


def settings_of(data: Path, out: Path, device: str) -> Settings:
    """What the README's demo uses, for one participant on the surface."""
    given = {"bids_dir": data, "out_dir": out, "level": "participant", "config_file": data / "code" / "demo.toml"}
    chosen = {"space": "fsaverage5", "device": device, "analysis": ["networks", "brainscore"]}
    return make_settings(given | chosen)


def captured(seen: dict[str, Any]) -> dict[str, Callable[[Any], Any]]:
    """Wrappers that keep the first inputs of the steps that peers are timed on."""

    def keep(call: Any, name: str) -> Any:
        def kept(*args: Any, **options: Any) -> Any:
            result = call(*args, **options)
            seen.setdefault(name, (args, result))
            return result

        return kept

    return {
        "bids_app.encoding.lasso.LassoCV.fit": partial(keep, name="lasso"),
        "bids_app.analyses.scoring.predict_held_out": partial(keep, name="ridge"),
        "bids_app.analyses.dictionary.canonical_responses": partial(keep, name="neurons"),
    }


def work_of(settings: Settings, compute: Callable[[Settings], object]) -> Work:
    """The inputs of the peers, from a run of the app."""
    seen: dict[str, Any] = {}
    with replaced(captured(seen)):
        compute(settings)
    (_, families, responses), _ = seen["lasso"]
    (design, *_), _ = seen["ridge"]
    sources = open_sources(settings)
    return Work(
        runs=sources.runs(sources.participants[0]).runs,
        neurons=np.array(seen["neurons"][1]),
        families=families,
        responses=responses,
        features=[fold.features for fold in design.folds],
        folds=design.pairs,
        n_null=settings.n_permutations,
        n_restarts=settings.restarts,
        n_spins=settings.n_spins,
        n_pictures=len(list((settings.out_dir).glob("sub-*/figures/*.png"))),
    )


def main() -> None:
    """One row per stage of ours, then one per step of the peers, and the ratio."""
    options = harness.arguments(__doc__).parse_args()
    runs = 1 if options.quick else options.runs
    with tempfile.TemporaryDirectory() as folder:
        data, place = Path(folder, "data"), iter(range(1000))
        generate(data, replace(DEFAULTS, participants=1, spaces=("fsaverage5",)))

        def settings() -> Settings:
            return settings_of(data, Path(folder, f"out{next(place)}"), options.device)

        def compute(chosen: Settings) -> None:
            if run(chosen):
                raise RuntimeError("The run failed; what went wrong is said above.")

        work = work_of(settings(), compute)  # also pays for imports
        spent: dict[str, float] = {}
        with replaced(clocks(spent)):
            whole = harness.median_time(lambda: compute(settings()), runs, device=options.device, warm_up=False)
        peers = steps(work)
    _print(whole, {stage: seconds / runs for stage, seconds in spent.items()}, work, peers)


def _print(whole: harness.Timing, spent: dict[str, float], work: Work, peers: Sequence[Step]) -> None:
    spent = spent | {"everything else": whole.wall - sum(spent.values())}
    print(f"\n{harness.machine()}\n")
    shape = f"{len(work.responses)} volumes, {work.responses.shape[1]:,} targets, {work.families.shape[1]} families"
    harness.print_cells(["stage", "tool", "time"])
    harness.print_cells(["---"] * 3)
    for stage, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        harness.print_cells([stage, "ours", f"{seconds:.2f} s"])
    ours = f"{whole.wall:.1f} s, {whole.processor:.1f} s of processor time"
    harness.print_cells([f"**whole participant** ({shape})", "ours", ours])
    for step in sorted(peers, key=lambda step: -step.whole):
        how = f" (1/{step.scale:.4g} of it timed)" if step.scale != 1 else ""
        harness.print_cells([step.name, step.tool, f"{step.whole:,.1f} s{how}"])
    total = sum(step.whole for step in peers)
    harness.print_cells(["**the same put together from these**", "", f"{total:,.0f} s"])
    harness.print_cells(["ours / put together, target ≤ 0.1", "", f"{whole.wall / total:.3f}"])


if __name__ == "__main__":
    main()
