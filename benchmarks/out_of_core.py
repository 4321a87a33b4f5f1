"""The dictionary of activations that lie on disk, beside the same in memory: time, objective and peak memory.

Peak memory is that of anonymous pages: pages of the mapped file are only a cache, which the system drops when others
need the memory.
"""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import harness
from bids_app.disk import new_array
from bids_app.encoding.dictionary import DictionaryLearning

Floats = npt.NDArray[np.float32]
N_ATOMS, CHUNK = 64, 4096
# Volumes and neurons: one size that fits into memory, and 4 hours of stories for `ffn-out` of Llama-3-8B.
BOTH, LARGE = (2_000, 65_536), (10_000, 131_072)
MEM_MB = 4000


def responses(path: Path, n_volumes: int, n_neurons: int) -> Floats:
    """Neurons made of 64 atoms, a tenth of them in each neuron, and noise; z-scored, mapped to a file."""
    rng = np.random.default_rng(0)
    atoms = rng.standard_normal((n_volumes, N_ATOMS), dtype=np.float32)
    X = new_array(path, np.float32, (n_neurons, n_volumes))
    for start in range(0, n_neurons, CHUNK):
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


def measured(X: Floats) -> tuple[float, float, float, float]:
    """Seconds of wall and of processor time, peak memory in MB and objective of a fit."""
    with peak_anonymous_mb() as peak:
        wall, processor = time.perf_counter(), time.process_time()
        learner = DictionaryLearning(n_atoms=N_ATOMS, device="cpu", mem_mb=MEM_MB).fit(X)
        seconds = time.perf_counter() - wall, time.process_time() - processor
    return *seconds, peak(), learner.objective_


def main() -> None:
    """One row each: in memory, the same from disk, and what memory does not hold."""
    parser = harness.arguments(__doc__, runs=1)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()), help="Where the file goes.")
    options = parser.parse_args()
    both, large = ((200, 8_192), (400, 16_384)) if options.quick else (BOTH, LARGE)
    print(f"\n{harness.machine(('numpy', 'torch'))}\n")
    columns = ("volumes × neurons", "size", "from", "time", "processor time", "per million values", "peak memory")
    harness.print_cells([*columns, "objective"])
    harness.print_cells(["---"] * 8)
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        measured(responses(Path(folder, "first.npy"), 50, 5_000))  # what libraries take when they are first used
        X = responses(Path(folder, "both.npy"), *both)
        row(np.array(X.T).T, "memory")
        row(X, "disk")
        Path(folder, "both.npy").unlink()
        row(responses(Path(folder, "large.npy"), *large), "disk")


def row(X: Floats, source: str) -> None:
    """Measure and print."""
    wall, processor, peak, objective = measured(X)
    size = f"{X.shape[0]:,} × {X.shape[1]:,}"
    share = f"{1e9 * processor / X.size:.3g} ms"
    cells = [size, f"{X.nbytes / 1e6:,.0f} MB", source, f"{wall:.1f} s", f"{processor:.1f} s", share]
    harness.print_cells([*cells, f"{peak:,.0f} MB", f"{objective:.6g}"])


if __name__ == "__main__":
    main()
