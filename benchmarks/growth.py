"""How time and memory grow with targets, neurons and volumes, under --mem-mb 4000."""

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks import harness
from bids_app.encoding.design.folds import contiguous_folds
from bids_app.encoding.dictionary import DictionaryLearning
from bids_app.encoding.ridge import RidgeCV

MEM_MB = 4000.0
N_VOLUMES, N_TARGETS, N_NEURONS, N_FEATURES = 300, 20_000, 9_216, 240
FACTORS = {"targets": (1, 2, 4, 8), "neurons": (1, 2, 4, 8), "volumes": (1, 2, 4)}
_MEMORY = ("results", "peak beside data and results")
_ALPHAS = [float(alpha) for alpha in np.logspace(-1, 8, 10)]


def work(kind: str, factor: int, device: str) -> Callable[[], object]:
    """The computation that grows: ridge with targets and volumes, the dictionary with neurons."""
    random = np.random.default_rng(0)
    n_volumes = N_VOLUMES * (factor if kind == "volumes" else 1)
    if kind == "neurons":
        latent = random.standard_normal((n_volumes, 64), dtype=np.float32)
        X = latent @ random.standard_normal((64, N_NEURONS * factor), dtype=np.float32)
        X += 4 * random.standard_normal(X.shape, dtype=np.float32)
        X = (X - X.mean(axis=0)) / X.std(axis=0)
        return partial(DictionaryLearning(n_atoms=64, device=device, mem_mb=MEM_MB).fit, X)
    n_targets = N_TARGETS * (factor if kind == "targets" else 1)
    design = random.standard_normal((n_volumes, N_FEATURES), dtype=np.float32)
    Y = random.standard_normal((n_volumes, n_targets), dtype=np.float32)
    return partial(RidgeCV(_ALPHAS, contiguous_folds(n_volumes, 5), device, MEM_MB).fit, design, Y)


def memory(call: Callable[[], object]) -> tuple[float, float]:
    """Megabytes of the arrays that a fit returns, and of all that it held at most beside them and the data."""
    fitted: list[object] = []
    peak = harness.peak_growth_mb(lambda: fitted.append(call()))
    results = sum(array.nbytes for array in vars(fitted[0]).values() if isinstance(array, np.ndarray)) / 1e6
    return results, peak - results


def main() -> None:
    """One row per factor: time, time over that of the smallest, memory of the results and peak of all else."""
    parser = harness.arguments(__doc__)
    parser.add_argument("--memory", nargs=2, metavar=("KIND", "FACTOR"), help="Only print one peak.")
    options = parser.parse_args()
    if options.memory:
        kind, factor = options.memory
        DictionaryLearning(8, device=options.device).fit(np.eye(50))  # libraries take memory when they are first used
        print(*memory(work(kind, int(factor), options.device)))
        return
    print(f"\n{harness.machine()}\n")
    harness.print_cells(["what grows", "× as many", "time", "time / smallest", "processor time / smallest", *_MEMORY])
    harness.print_cells(["---"] * 7)
    for kind, factors in FACTORS.items():
        some = factors[:2] if options.quick else factors
        calls = {str(factor): work(kind, factor, options.device) for factor in some}
        times = harness.take_turns(calls, options.runs, device=options.device)
        for factor in some:
            time, first = times[str(factor)], times["1"]
            ratios = f"{time.wall / first.wall:.2f}", f"{time.processor / first.processor:.2f}"
            told = harness.run_apart("growth", "--memory", kind, str(factor), "--device", options.device)
            sizes = [f"{float(size):,.0f} MB" for size in told.split()]
            harness.print_cells((kind, str(factor), str(time), *ratios, *sizes))


if __name__ == "__main__":
    main()
