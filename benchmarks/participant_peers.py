"""The analysis of one participant put together from what a user would pick, each step timed on a sample and scaled.

The steps have the inputs of ours: responses, families and designs are taken from a run of the app. What a user would
not do at all (links given all other families, statistics of parcels, checks of inputs) is not counted here.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from benchmarks import lasso, ridge
from bids_app.bids.recording import read_recording
from bids_app.bids.runs import Run

Floats = npt.NDArray[np.float32]
Fold = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]

N_SINGLE, N_BATCHED, N_ROTATIONS, N_PICTURES = 6, 1_000, 10, 1


@dataclass(frozen=True)
class Work:
    """The inputs of a participant's analysis, and how much of each there is.

    Attributes
    ----------
    runs : the BOLD, as the app reads it
    neurons : (n_volumes, n_neurons), from which dictionaries are learned
    families : (n_volumes, n_families), regressors of every target
    responses : (n_volumes, n_targets)
    features : per fold, features of the brain score with delays (n_volumes, n_features)
    folds : training and test rows
    n_null : refits at a wrong time, for p
    n_restarts, n_spins, n_pictures : dictionaries, rotations, pictures on the page
    """

    runs: Sequence[Run]
    neurons: Floats
    families: Floats
    responses: Floats
    features: Sequence[Floats]
    folds: Sequence[Fold]
    n_null: int
    n_restarts: int
    n_spins: int
    n_pictures: int


@dataclass(frozen=True)
class Step:
    """A step of the analysis: its tool, seconds of the sample, and how much more the whole is."""

    name: str
    tool: str
    seconds: float
    scale: float

    @property
    def whole(self) -> float:
        """Seconds of all of it."""
        return self.seconds * self.scale


def steps(work: Work) -> list[Step]:
    """All steps; of the lasso, the quickest tool."""
    V = work.responses.shape[1]
    n_targets = V + work.n_null
    return [
        _step("reading and cleaning the BOLD", "nibabel, nilearn.signal.clean", partial(_read, work)),
        _step("dictionaries", "SPAMS, 200 iterations", partial(_dictionary, work), work.n_restarts),
        min(_lassos(work, n_targets), key=lambda step: step.whole),
        _step("ridge with held-out scores, and refits for p", "himalaya KernelRidgeCV", partial(_ridge, work)),
        _step("spin test of the families' maps", "numpy, scipy", partial(_spins, work), work.n_spins / N_ROTATIONS),
        _step("writing maps", "nibabel", partial(_write, work)),
        _step("pictures of the page", "nilearn.plotting", _picture, work.n_pictures / N_PICTURES),
    ]


def _step(name: str, tool: str, call: Callable[[], object], scale: float = 1) -> Step:
    start = time.perf_counter()
    call()
    return Step(name, tool, time.perf_counter() - start, scale)


def _read(work: Work) -> None:
    from nilearn.signal import clean

    for run in work.runs:
        recording = read_recording(run)
        clean(recording.data, t_r=recording.repetition_time, high_pass=0.01, standardize="zscore_sample")


def _dictionary(work: Work) -> None:
    import spams

    X = np.asfortranarray(work.neurons)
    penalty = 0.2 * len(X) ** 0.5
    atoms = spams.trainDL(X, K=64, lambda1=penalty, iter=200, batchsize=512, numThreads=-1, verbose=False)
    spams.lasso(X, D=atoms, lambda1=penalty, mode=2, numThreads=-1)


def _lassos(work: Work, n_targets: int) -> list[Step]:
    """Held-out scores of the families: a cross-validated penalty in the training rows of each fold, and one for all."""
    name, random = "lasso with cross-validated penalties, and refits for p", np.random.default_rng(0)
    chosen = random.permutation(work.responses.shape[1])
    tools: list[tuple[str, Callable[[Floats, Floats], object], int]] = [
        ("scikit-learn LassoCV", lasso.scikit_learn, N_SINGLE),
        ("celer_path", lasso.celer, N_SINGLE),
        ("himalaya SparseGroupLassoCV", partial(lasso.himalaya, device="cpu"), N_BATCHED),
    ]
    rows = [train for train, _ in work.folds] + [np.arange(len(work.families))]
    found = []
    for tool, fit, n in tools:
        Y = work.responses[:, chosen[:n]]

        def every(fit: Callable[[Floats, Floats], object] = fit, Y: Floats = Y) -> None:
            for train in rows:
                fit(work.families[train], Y[train])

        found.append(_step(name, tool, every, n_targets / n))
    return found


def _ridge(work: Work) -> None:
    random = np.random.default_rng(0)
    null = work.responses[:, random.integers(0, work.responses.shape[1], work.n_null)]
    Y = np.concatenate([work.responses, np.roll(null, len(null) // 2, axis=0)], axis=1)
    for (train, test), features in zip(work.folds, work.features, strict=True):
        inner = _inner(len(train))
        model: Any = ridge.himalaya(features[train], Y[train], inner, "cpu")
        predicted = np.asarray(model.predict(features[test]))
        a, b = (values - values.mean(axis=0) for values in (predicted, Y[test]))
        np.sum(a * b, axis=0) / np.sqrt(np.sum(a**2, axis=0) * np.sum(b**2, axis=0))


def _inner(n: int) -> list[Fold]:
    parts = np.array_split(np.arange(n), 4)
    return [(np.setdiff1d(np.arange(n), part), part) for part in parts]


def _spins(work: Work) -> None:
    """Dice of each family's strongest tenth with seven networks under rotations, as in the usual scripts."""
    random, n = np.random.default_rng(0), work.responses.shape[1]
    points = random.standard_normal((n, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    tree, labels = cKDTree(points), random.integers(0, 8, n)
    maps = random.standard_normal((work.families.shape[1], n)).astype(np.float32)
    low, high = (np.quantile(maps, share, axis=1)[:, None] for share in (0.1, 0.9))
    parts = np.concatenate([maps > high, maps < low]).astype(np.float32)
    for rotation in Rotation.random(N_ROTATIONS, random_state=0):
        _, nearest = tree.query(rotation.apply(points))
        rotated = np.take(labels, nearest)
        networks = np.equal.outer(rotated, np.arange(1, 8)).astype(np.float32)
        2 * (parts @ networks) / (parts.sum(axis=1)[:, None] + networks.sum(axis=0))


def _write(work: Work) -> None:
    """Three maps of each family, and as many of scores as ours."""
    maps = np.random.default_rng(0).standard_normal((3 * work.families.shape[1] + 8, work.responses.shape[1]))
    with tempfile.TemporaryDirectory() as folder:
        for side, half in enumerate(np.array_split(maps.astype(np.float32), 2, axis=1)):
            arrays = [nibabel.gifti.GiftiDataArray(row) for row in half]
            nibabel.GiftiImage(darrays=arrays).to_filename(Path(folder, f"hemi-{side}.func.gii"))


def _picture() -> None:
    """Four views of one map on the surface, as one figure."""
    import matplotlib.pyplot as plt
    from nilearn.datasets import load_fsaverage
    from nilearn.plotting import plot_surf_stat_map

    mesh = load_fsaverage("fsaverage5")["inflated"]
    values = np.random.default_rng(0).standard_normal(10_242).astype(np.float32)
    figure, axes = plt.subplots(1, 4, subplot_kw={"projection": "3d"})
    for axis, (hemisphere, view) in zip(
        axes, ((h, v) for h in ("left", "right") for v in ("lateral", "medial")), strict=True
    ):
        plot_surf_stat_map(mesh.parts[hemisphere], values, hemi=hemisphere, view=view, axes=axis, colorbar=False)
    with tempfile.TemporaryFile() as file:
        figure.savefig(file)
    plt.close(figure)
