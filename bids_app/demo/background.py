"""What a scanner records when nobody listens: noise, drifts, head motion, pulsation, and the table of confounds."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from nilearn.glm.first_level import make_first_level_design_matrix
from numpy.typing import NDArray
from scipy import ndimage, signal

from bids_app.demo.scans import REPETITION_TIME

Float = NDArray[np.float64]

_SMOOTHNESS = 6.0 / 2.355  # mm: standard deviation of the kernel that smooths the noise
_FIELD_SMOOTHNESS = 20.0  # mm: the same for the places where drifts, motion and pulsation act
_MEMORY = 0.4  # autocorrelation of the noise from one volume to the next
_SLOWEST = 1 / 128  # Hz: confound tables of fMRIPrep hold cosines below this frequency
_MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
_MASKS = ("CSF", "WM")
_COMPONENTS_PER_MASK = 5
_DRIFT, _MOVED, _PULSATING = 0.6, 0.4, 0.4  # standard deviations, in those of the noise


@dataclass(frozen=True)
class Background:
    """Recording without a response, in standard deviations of the noise: noise and nuisance (n_volumes, x, y, z).

    `confounds` is the table of one run, `metadata` its sidecar.
    """

    noise: NDArray[np.float32]
    nuisance: NDArray[np.float32]
    confounds: pd.DataFrame
    metadata: dict[str, Any]


def make_background(n_volumes: int, shape: tuple[int, ...], voxel_size: float, rng: np.random.Generator) -> Background:
    """Make the background of one run."""
    noise = _noise(n_volumes, shape, _SMOOTHNESS / voxel_size, rng)
    motion, cosines, components = _motion(n_volumes, rng), _cosines(n_volumes), _components(n_volumes, rng)
    nuisance = np.zeros((n_volumes, int(np.prod(shape))), dtype=np.float32)
    for courses, strength in ((cosines[:, :6], _DRIFT), (motion, _MOVED), (components[:, ::2], _PULSATING)):
        standard = (courses - courses.mean(axis=0)) / courses.std(axis=0)
        places = _noise(courses.shape[1], shape, _FIELD_SMOOTHNESS / voxel_size, rng, memory=0.0)
        mixed = standard.astype(np.float32) @ places.reshape(len(places), -1)
        nuisance += strength / np.sqrt(courses.shape[1]) * mixed
    table, metadata = _table(motion, cosines, components)
    return Background(noise, nuisance.reshape(n_volumes, *shape), table, metadata)


def _noise(
    n_volumes: int, shape: tuple[int, ...], smoothness: float, rng: np.random.Generator, memory: float = _MEMORY
) -> NDArray[np.float32]:
    """Return (n_volumes, x, y, z): Gaussian noise of variance 1, smooth in space (voxels), first-order in time."""
    white = rng.standard_normal((n_volumes, *shape), dtype=np.float32)
    for volume in white:
        ndimage.gaussian_filter(volume, smoothness, output=volume, mode="wrap")
    white /= white.std()
    if memory:
        white[1:] *= np.sqrt(1 - memory**2)  # the first volume is drawn from the stationary distribution
        for volume in range(1, n_volumes):
            white[volume] += memory * white[volume - 1]
    return white


def _motion(n_volumes: int, rng: np.random.Generator) -> Float:
    """Return (n_volumes, 6): slow wandering with a few sudden moves; mm and radians."""
    steps = rng.normal(0, 0.02, (n_volumes, len(_MOTION)))
    steps[rng.random(n_volumes) < 0.02] *= 8
    wandering = signal.lfilter([1.0], [1.0, -0.98], steps, axis=0)
    wandering[:, 3:] /= 50  # fMRIPrep takes a head of 50 mm radius
    return np.asarray(wandering)


def _cosines(n_volumes: int) -> Float:
    """Return (n_volumes, n_cosines) of fMRIPrep's high-pass."""
    times = np.arange(n_volumes) * REPETITION_TIME
    design = make_first_level_design_matrix(times, drift_model="cosine", high_pass=_SLOWEST)
    return np.asarray(design.filter(like="drift"), dtype=np.float64)


def _components(n_volumes: int, rng: np.random.Generator) -> Float:
    """Return (n_volumes, 10): uncorrelated time courses as principal components of CSF and white matter."""
    raw = signal.lfilter([1.0], [1.0, -0.6], rng.standard_normal((n_volumes, len(_MASKS) * _COMPONENTS_PER_MASK)), 0)
    return np.asarray(np.linalg.qr(raw - raw.mean(axis=0))[0])


def _table(motion: Float, cosines: Float, components: Float) -> tuple[pd.DataFrame, dict[str, Any]]:
    moves = np.abs(np.diff(motion * [1, 1, 1, 50, 50, 50], axis=0, prepend=np.nan)).sum(axis=1)
    columns = {"framewise_displacement": moves} | dict(zip(_MOTION, motion.T, strict=True))
    columns |= {f"cosine{index:02d}": course for index, course in enumerate(cosines.T)}
    metadata = {}
    for index, course in enumerate(components.T):
        name = f"a_comp_cor_{index:02d}"
        columns[name] = course
        metadata[name] = {"Mask": _MASKS[index // _COMPONENTS_PER_MASK], "Method": "aCompCor", "Retained": True}
    return pd.DataFrame(columns).round(8), metadata
