"""Evidence on planted truth, five seeds each: the nuisance band, the word-rate atom, timing, leaks; and its time."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from benchmarks import harness
from bids_app.analyses.evidence.checks import timing_table
from bids_app.analyses.evidence.conftest_world import EACH, NETWORKS, World, make_world
from bids_app.analyses.evidence.spaces import WEIGHTS, OverBand, course_designs, over_band
from bids_app.encoding.design.folds import contiguous_folds
from bids_app.encoding.leaks import autocorrelation_scores, leaks
from bids_app.encoding.ridge.banded import Space, design_banded, predict_banded
from bids_app.encoding.ridge.held_out import predict_held_out
from bids_app.forecast.variance import variance_of
from bids_app.forecast.variance import weightings as mixtures
from bids_app.inputs.band import band_of, word_rate
from bids_app.inputs.designs import Designs
from bids_app.inputs.fits import Fit
from bids_app.stats.correlation import r2
from bids_app.stats.standardise import zscore

Floats = npt.NDArray[np.float32]
SEEDS = range(5)
N_TIMED = 20  # well-timed runs
N_LARGE = 20_000  # targets of the table of times
_MORE = np.concatenate([WEIGHTS, [[0.5, 0.5], [0.1, 0.9], [0.99, 0.01], [0.01, 0.99], [1.0, 0.0]]])


def worlds(**changes: Any) -> Iterator[World]:
    """One world for each seed."""
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            yield make_world(Path(folder), seed, **changes)


def gains(world: World) -> OverBand:
    """What the model adds to the band."""
    designs = world.designs.banded(1, band_of([world.timing], world.stories, world.settings), WEIGHTS)
    return over_band(designs, world.responses, world.settings, None)


def planted_regions() -> None:
    """A region driven by word rate, one by the model, one by nothing: mean over seeds, and the range of the means."""
    found = [gains(world) for world in worlds()]
    print("| region | r of the band | unique R² of the model, mean (range over seeds) | share with q < 0.05 |")
    print("| --- | --- | --- | --- |")
    for number, name in enumerate(NETWORKS):
        where = slice(EACH * number, EACH * (number + 1))
        band, unique, share = (
            np.array([values[where].mean() for values in each])
            for each in (
                [one.band for one in found],
                [one.unique for one in found],
                [one.gain.q < 0.05 for one in found],
            )
        )
        spread = f"{unique.mean():.3f} ({unique.min():.3f} to {unique.max():.3f})"
        print(f"| {name} | {band.mean():.2f} | {spread} | {share.mean():.2f} |")


def rate_atom() -> None:
    """An atom that is word rate, in the region that word rate drives: what it adds to the band."""
    found = []
    for world in worlds():
        band = band_of([world.timing], world.stories, world.settings)
        rate = zscore(word_rate(world.timing, world.stories))[:, None]
        designs = course_designs(rate, band, world.responses, world.settings)
        found.append(over_band(designs, world.responses, world.settings, None))
    unique = np.array([one.unique[:EACH].mean() for one in found])
    share = np.mean([(one.gain.q[:EACH] < 0.05).mean() for one in found])
    print(
        f"\nAn atom that is word rate, in the region {NETWORKS[0]}: unique R² {unique.mean():.3f} "
        f"({unique.min():.3f} to {unique.max():.3f}), share with q < 0.05 {share:.2f}."
    )


def weightings() -> None:
    """Mean R² of both together with the weightings of the product, and with many."""
    few: list[Floats] = []
    many: list[Floats] = []
    for world in worlds():
        designs = world.designs.banded(1, band_of([world.timing], world.stories, world.settings), _MORE)
        models = [range(len(WEIGHTS)), range(len(_MORE))]
        found = predict_banded(designs, models, world.responses.data, device="cpu")
        for means, one in zip((few, many), found, strict=True):
            means.append(r2(one.predictions, world.responses.data).reshape(len(NETWORKS), EACH).mean(axis=1))
    print(f"\nMean R² by region with {len(WEIGHTS)} weightings: {_listed(few)}; with {len(_MORE)}: {_listed(many)}.")


def _listed(means: list[Floats]) -> str:
    return ", ".join(f"{name} {mean:.3f}" for name, mean in zip(NETWORKS, np.mean(means, axis=0), strict=True))


def timing() -> None:
    """Runs 6 s late that are flagged, and well-timed runs that are."""
    late = [_outcome(world) for world in worlds(shift=4)]
    early = [_outcome(world) for world in worlds(shift=-4)]
    well = []
    for seed in range(N_TIMED):
        with tempfile.TemporaryDirectory() as folder:
            well.append(_outcome(make_world(Path(folder), 100 + seed)))
    print(
        f"\nTiming: flagged {late.count('failed')} of {len(late)} runs 6 s late, {early.count('failed')} of "
        f"{len(early)} runs 6 s early, {well.count('failed')} of {len(well)} well-timed runs."
    )


def _outcome(world: World) -> str:
    fit = cast("Fit", SimpleNamespace(runs=(SimpleNamespace(label="run"),)))
    return str(timing_table(world.responses, fit, world.stories)["outcome"][0])


def leak_alarm() -> None:
    """Seeds in which the alarm rings with volumes split at random, and with contiguous folds."""
    rings: dict[str, int] = {"random volumes": 0, "contiguous": 0, "contiguous, purge 3": 0}
    for seed, world in enumerate(worlds()):
        Y = world.responses.data
        volumes = np.arange(len(Y))
        tests = [np.sort(part) for part in np.array_split(np.random.default_rng(seed).permutation(len(Y)), 5)]
        folds = {
            "random volumes": [(np.setdiff1d(volumes, test), test) for test in tests],
            "contiguous": contiguous_folds(len(Y), 5),
            "contiguous, purge 3": contiguous_folds(len(Y), 5, 3),
        }
        for name, pairs in folds.items():
            rings[name] += bool(leaks(autocorrelation_scores(Y, [len(Y)], pairs)).any())
    told = ", ".join(f"{name} {count} of {len(SEEDS)}" for name, count in rings.items())
    print(f"\nLeak alarm rings: {told}.")


def times(world: World, n_targets: int, runs: int) -> None:
    """Time of the gain over the band, and of three bands, beside the plain ridge on the same responses."""
    designs, device = world.designs, world.settings.device
    Y = np.random.default_rng(0).standard_normal((len(world.responses.data), n_targets), dtype=np.float32)
    plain = designs.present(1)
    banded = designs.banded(1, band_of([world.timing], world.stories, world.settings), WEIGHTS)
    weights, models = mixtures(3, 7, 0)  # designs are made once for all participants who heard the same
    spaces = [_space(designs, shift) for shift in range(3)]
    three = design_banded(spaces, weights, designs.pipeline.folds(len(Y)), device=device)
    names = ["first", "second", "third"]
    calls = {
        "plain": lambda: predict_held_out(plain, Y, device=device),
        "band": lambda: predict_banded(banded, [(0, 1), (0,)], Y, device=device),
        "three": lambda: variance_of(three, models, names, Y, device=device),
    }
    measured = harness.take_turns(calls, runs, device=device)
    whole = measured["plain"].processor
    print(f"\n| work, {len(Y)} volumes, {n_targets:,} targets | time | processor time / that of the plain ridge |")
    print("| --- | --- | --- |")
    titles = {
        "plain": "plain ridge",
        "band": "model and band, and the band",
        "three": "unique variance of three spaces",
    }
    for key, name in titles.items():
        print(f"| {name} | {measured[key]} | {measured[key].processor / whole:.1f} |")


def _space(designs: Designs, shift: int) -> Space:
    """Features of the present words, moved by some volumes."""
    sums = np.roll(designs.present_sums(1), shift, axis=0)
    return lambda train: designs.pipeline.features(sums, designs.run_lengths, train)


def main() -> None:
    """All of it."""
    options = harness.arguments(__doc__).parse_args()
    print(harness.machine(), end="\n\n")
    planted_regions()
    rate_atom()
    weightings()
    timing()
    leak_alarm()
    with tempfile.TemporaryDirectory() as folder:
        world = make_world(Path(folder), 0, n_volumes=400, pca=20, device=options.device)
        times(world, 2000 if options.quick else N_LARGE, 1 if options.quick else min(options.runs, 3))


if __name__ == "__main__":
    main()
