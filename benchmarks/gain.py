"""What fine-tuning gains in regions that were planted: driven by states 8 words ahead, by present ones, by nothing.

The worlds are those of the unit tests (`bids_app/analyses/gain/conftest.py`), one for each seed: text, tiny model,
story and responses. A region of the table is the mean of its 6 parcels; intervals are those of Student's t over seeds.
"""

import argparse
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy import stats

from bids_app.analyses.gain.conftest import REGIONS, World
from bids_app.bids.outputs import find_maps
from bids_app.finetune.layout import expand_models
from bids_app.run.participant import run_participant

CONTROLS = ("near", "low", "shuffled")


def main() -> None:
    """Print a table with a row for each training, and a column for each region."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gain", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="Default: 5.")
    parser.add_argument("--quick", action="store_true", help="One seed without controls.")
    parser.add_argument("--device", default="cpu", help="Ignored: the models are tiny.")
    arguments = parser.parse_args()
    gains: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    n_seeds, controls = (1, ()) if arguments.quick else (arguments.seeds, CONTROLS)
    for seed in range(n_seeds):
        for key, means in _gains(seed, controls).items():
            gains[key].append(means)
    print(f"Gain in brain score over α = 0, mean and 95 % interval over {n_seeds} seeds.\n")
    print(
        "| training | "
        + " | ".join(f"driven by {region}" for region in ("present states", "states 8 ahead", "nothing"))
    )
    print("|---" * (1 + len(REGIONS)) + "|")
    for (control, alpha), values in gains.items():
        print(f"| α = {alpha}{', control ' * bool(control)}{control} | " + " | ".join(_cells(np.array(values))) + " |")


def _gains(seed: int, controls: tuple[str, ...]) -> dict[tuple[str, str], list[float]]:
    """Mean gain of the parcels of each region, by control and α."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), seed=seed).make()
        world.train((0, 0.5, 1), controls)
        run_participant(world.settings(model=expand_models([str(world.tuned)])), "sub-01")
        found = {}
        for output in find_maps(world.root / "out", "gain", "r"):
            maps = output.load()[0][0].reshape(len(REGIONS), world.n_parcels)
            key = (str(output.sidecar["Control"]), f"{output.sidecar['Alpha']:g}")
            found[key] = maps.mean(axis=1).tolist()
        return dict(sorted(found.items()))


def _cells(values: np.ndarray) -> list[str]:
    """Mean and interval of each column, (n_seeds, n_regions)."""
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values, axis=0) if len(values) > 1 else np.full(3, np.nan)
    return [
        f"{mean:+.3f} ({mean - h:+.3f} to {mean + h:+.3f})" for mean, h in zip(values.mean(axis=0), half, strict=True)
    ]


if __name__ == "__main__":
    main()
