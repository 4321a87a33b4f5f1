"""Families by penalty and number of atoms: how many are reproducible, what they explain, links found, and the cost.

python -m benchmarks.families --worlds minilm "demo gpt2" --penalties 0.15 0.2 --atoms 64
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import harness
from benchmarks.links import Restarts, links_of
from benchmarks.links_worlds import WORLDS, World
from bids_app.encoding.dictionary import REPRODUCIBLE, DictionaryLearning, Families, ReproducibleDictionary
from tests.parcel_scores import score_links

_COLUMNS = ("world", "penalty", "atoms", "families", "reproducible", "R² of these", "P", "R", "restarts / dictionary")
_WORLDS, _PENALTIES, _ATOMS = ("minilm", "demo gpt2"), (0.15, 0.2, 0.25, 0.35), (32, 64, 128)
_SNR = 0.3
_PARTICIPANTS = (1, 2)


def explained(X: np.ndarray, courses: np.ndarray) -> float:
    """Share of the variance of X that least squares on time courses explains."""
    basis = np.linalg.qr(courses)[0]
    return float(np.square(basis.T @ X).sum() / np.square(X).sum())


def row(name: str, world: World, penalty: float, n_atoms: int, runs: int) -> tuple[object, ...]:
    """One row of the table."""
    calls: dict[str, Any] = {
        "families": lambda: ReproducibleDictionary(n_atoms, penalty, device="cpu").fit(world.neurons),
        "one": lambda: DictionaryLearning(n_atoms, penalty, device="cpu").fit(world.neurons),
    }
    times = harness.take_turns(calls, runs)
    model, ratio = times["families"].result, times["families"].processor / times["one"].processor
    reproducible = model.reproducibility_ >= REPRODUCIBLE
    restarts = Restarts(model.restarts_, Families(model.families_, model.reproducibility_, model.members_))
    found = true = covered = planted = 0
    for number in _PARTICIPANTS:
        listener = world.listener(number)
        table = links_of(world, restarts, listener, listener.series(_SNR)).rename(columns={"atom": "family"})
        courses = model.families_.astype(np.float64)
        score = score_links(table, courses, world.links, world.courses, signed=world.signed)
        found, true = found + score.found, true + score.true
        covered, planted = covered + score.covered, planted + score.planted
    share = explained(world.neurons, model.families_[:, reproducible])
    precision = f"{true / found:.2f}" if found else "–"
    counts = (len(reproducible), int(reproducible.sum()))
    return name, penalty, n_atoms, *counts, f"{share:.2f}", precision, f"{covered / planted:.2f}", f"{ratio:.1f}"


def main() -> None:
    """The table, a row for each world, penalty and number of atoms."""
    parser = harness.arguments(__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=list(_WORLDS), metavar="WORLD")
    parser.add_argument("--penalties", nargs="+", type=float, default=list(_PENALTIES))
    parser.add_argument("--atoms", nargs="+", type=int, default=list(_ATOMS))
    parser.add_argument("--cache", type=Path, help="Where neurons and what is planted are kept.")
    options = parser.parse_args()
    if options.quick:
        options.worlds, options.penalties, options.atoms = ["demo gpt2"], [0.2], [32]
    folder = options.cache or Path(tempfile.mkdtemp(prefix="families-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"\n{harness.machine()}\n")
    harness.print_cells(_COLUMNS)
    harness.print_cells(["---"] * len(_COLUMNS))
    for name in options.worlds:
        world = WORLDS[name](0, folder)
        for n_atoms in options.atoms:
            for penalty in options.penalties:
                harness.print_cells([str(cell) for cell in row(name, world, penalty, n_atoms, options.runs)])


if __name__ == "__main__":
    main()
