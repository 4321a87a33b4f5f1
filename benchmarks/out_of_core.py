"""Dictionaries of activations that lie on disk, beside the same in memory: time, objective and peak memory.

`--sizes ffn-in` is the largest: `ffn-in` of Llama-3-8B, in float16, because float32 would take 18 GB of disk.

Peak memory is that of anonymous pages: pages of the mapped file are only a cache, which the system drops when others
need the memory.
"""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import harness
from bids_app.disk import new_array
from bids_app.encoding.dictionary import REPRODUCIBLE, DictionaryLearning, ReproducibleDictionary

Floats = npt.NDArray[np.floating[Any]]
N_ATOMS, CHUNK = 64, 4096
MEM_MB = 4000
TOLERANCE = 1e-5  # of a dictionary learned like a restart: it passes over all neurons several times


@dataclass(frozen=True)
class Size:
    """Volumes, neurons, their number format on the disk, and whether memory holds them too."""

    n_volumes: int
    n_neurons: int
    dtype: str = "float32"
    fits: bool = False


# One size that fits into memory; 4 hours of stories for `ffn-out` and `ffn-in` of Llama-3-8B.
SIZES = {
    "both": Size(2_000, 65_536, fits=True),
    "ffn-out": Size(10_000, 131_072),
    "ffn-in": Size(10_000, 458_752, "float16"),
}
QUICK = {"both": Size(200, 8_192, fits=True), "ffn-out": Size(400, 16_384), "ffn-in": Size(400, 40_000, "float16")}
LEARNERS: dict[str, Callable[[], Any]] = {
    "one dictionary": lambda: DictionaryLearning(n_atoms=N_ATOMS, device="cpu", mem_mb=MEM_MB),
    "one, learned on all": lambda: DictionaryLearning(
        n_atoms=N_ATOMS, tolerance=TOLERANCE, device="cpu", mem_mb=MEM_MB
    ),
    "ten restarts": lambda: ReproducibleDictionary(n_atoms=N_ATOMS, device="cpu", mem_mb=MEM_MB),
}


def responses(path: Path, size: Size) -> Floats:
    """Neurons made of 64 atoms, a tenth of them in each neuron, and noise; z-scored, mapped to a file."""
    rng = np.random.default_rng(0)
    atoms = rng.standard_normal((size.n_volumes, N_ATOMS), dtype=np.float32)
    X = new_array(path, size.dtype, (size.n_neurons, size.n_volumes))
    for start in range(0, size.n_neurons, CHUNK):
        block = X[start : start + CHUNK]
        loadings = rng.standard_normal((len(block), N_ATOMS), dtype=np.float32) * (
            rng.random((len(block), N_ATOMS)) < 0.1
        )
        values = loadings @ atoms.T + 3 * rng.standard_normal(block.shape, dtype=np.float32)
        values -= values.mean(axis=1, keepdims=True)
        block[:] = values / values.std(axis=1, keepdims=True)
    X.flush()
    del X
    return np.load(path, mmap_mode="r").T  # type: ignore[no-any-return]


@contextmanager
def peak_anonymous_mb() -> Iterator[Callable[[], float]]:
    """The most megabytes of anonymous memory during the block, seen every 20 ms."""
    peak, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            lines = Path("/proc/self/status").read_text().splitlines()
            now = next(float(line.split()[1]) for line in lines if line.startswith("RssAnon:")) * 1024 / 1e6
            peak[0] = max(peak[0], now)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield lambda: peak[0]
    finally:
        done.set()
        thread.join()


def measured(X: Floats, learner: Any) -> tuple[float, float, float, Any]:
    """Seconds of wall and of processor time, peak memory in MB, and the fitted learner."""
    with peak_anonymous_mb() as peak:
        wall, processor = time.perf_counter(), time.process_time()
        learner.fit(X)
        seconds = time.perf_counter() - wall, time.process_time() - processor
    return *seconds, peak(), learner


def main() -> None:
    """One row for each size, learner and source."""
    parser = harness.arguments(__doc__, runs=1)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()), help="Where the file goes.")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["both", "ffn-out"])
    parser.add_argument("--learners", nargs="+", choices=LEARNERS, default=["one dictionary", "ten restarts"])
    options = parser.parse_args()
    print(f"\n{harness.machine(('numpy', 'torch'))}\n")
    columns = ("learned", "volumes × neurons", "size", "from", "time", "processor time", "per million values")
    harness.print_cells([*columns, "peak memory", "result"])
    harness.print_cells(["---"] * 9)
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        path = Path(folder, "responses.npy")
        # what libraries take when they are first used
        measured(responses(path, Size(50, 5_000)), LEARNERS["one dictionary"]())
        for name in options.sizes:
            size = (QUICK if options.quick else SIZES)[name]
            path.unlink()
            X = responses(path, size)
            for learned in options.learners:
                if size.fits:
                    row(learned, np.array(X.T).T, "memory")
                row(learned, X, "disk")
            del X


def row(name: str, X: Floats, source: str) -> None:
    """Measure and print."""
    wall, processor, peak, learner = measured(X, LEARNERS[name]())
    size = f"{X.shape[0]:,} × {X.shape[1]:,}"
    share = f"{1e9 * processor / X.size:.3g} ms"
    if isinstance(learner, ReproducibleDictionary):
        result = f"{int((learner.reproducibility_ >= REPRODUCIBLE).sum())} reproducible families"
    else:
        result = f"objective {learner.objective_:.6g}, {learner.n_iter_} passes over all"
    cells = [name, size, f"{X.nbytes / 1e6:,.0f} MB, {X.dtype}", source, f"{wall:.1f} s", f"{processor:.1f} s", share]
    harness.print_cells([*cells, f"{peak:,.0f} MB", result])


if __name__ == "__main__":
    main()
