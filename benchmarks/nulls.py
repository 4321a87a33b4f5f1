"""Nulls of space: how often a map of noise has p < 0.05 with a network, and how often a planted effect is found."""

import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.spatial import cKDTree

from benchmarks import harness
from bids_app.networks.conditional import spatial_p
from bids_app.networks.meshes import load_meshes
from bids_app.networks.sphere import unit_sphere
from bids_app.networks.spins import Spins
from bids_app.networks.surrogates import EigenSurrogates, MoranSurrogates, Surrogates

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
N_NETWORKS, N_PATCHES, N_DRAWS = 7, 60, 999
STEPS = (3, 10, 40, 160)  # of smoothing on the cortex
PLANTED = 0.5  # standard deviations that a network is higher
NAMES = ("spin", "spin-undistorted", "eigen", "moran")


def partition(seed: int) -> Ints:
    """Labels (20484,) of seven networks of several patches, mirrored; 0 on a medial wall of 7 %."""
    random, points = np.random.default_rng(seed), unit_sphere()
    centres = random.standard_normal((N_PATCHES, 3))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    network = random.integers(1, N_NETWORKS + 1, N_PATCHES)
    sides = [network[cKDTree(centres * [side, 1, 1]).query(points)[1]] for side in (1, -1)]
    sides[0][points[:, 0] > 0.85], sides[1][points[:, 0] < -0.85] = 0, 0
    return np.concatenate(sides)


def noise(n_maps: int, steps: int, seed: int) -> Doubles:
    """Maps (n_maps, 20484) of white noise averaged over neighbours some times, on the mesh of the cortex."""
    random, sides = np.random.default_rng(seed), []
    for points, faces in load_meshes("fsaverage5", 10_242):
        pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
        pairs = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
        near = sparse.csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(points), len(points)))
        near = near + sparse.eye_array(len(points))
        mean = sparse.csr_array(sparse.diags_array(1 / near.sum(axis=1)) @ near)
        values = random.standard_normal((len(points), n_maps))
        for _ in range(steps):
            values = np.asarray(mean @ values)
        sides.append(values)
    maps = np.concatenate(sides).T
    return np.asarray(maps / maps.std(axis=1, keepdims=True))


def rates(name: str, maps: Doubles, labels: Ints, folder: Path) -> tuple[float, float]:
    """Share of p < 0.05 over maps and networks, without effect and where one network is higher."""
    spins, surrogates = _null(name, folder)
    quiet, found = maps.copy(), maps.copy()
    for row, one in enumerate(found):
        one[labels == 1 + row % N_NETWORKS] += PLANTED
    quiet[:, labels == 0], found[:, labels == 0] = np.nan, np.nan
    p, planted = (spatial_p(x, labels, N_NETWORKS, spins=spins, surrogates=surrogates)[0] for x in (quiet, found))
    rows = np.arange(len(maps))
    return float((p < 0.05).mean()), float((planted[rows, rows % N_NETWORKS] < 0.05).mean())


def _null(name: str, folder: Path) -> tuple[Spins | None, Surrogates | None]:
    if name == "eigen":
        return None, EigenSurrogates(N_DRAWS, 0, folder)
    if name == "moran":
        return None, MoranSurrogates(N_DRAWS, 0, folder)
    return Spins.cached(N_DRAWS, 0, folder, undistorted=name == "spin-undistorted"), None


def main() -> None:
    """One row for each smoothness and null."""
    options = harness.arguments(__doc__).parse_args()
    n_maps, n_partitions = (70, 1) if options.quick else (140, 5)
    print(harness.machine(), end="\n\n")
    print("| smoothing steps | null | p < 0.05 without effect | found with effect | processor time |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for steps in STEPS:
            for name in NAMES:
                start = time.process_time()
                all_rates = [
                    rates(name, noise(n_maps, steps, seed), partition(seed), Path(folder))
                    for seed in range(n_partitions)
                ]
                took = time.process_time() - start
                mean, found = np.mean(all_rates, axis=0)
                print(f"| {steps} | {name} | {mean:.3f} | {found:.2f} | {took:.0f} s |", flush=True)


if __name__ == "__main__":
    main()
