"""The atoms that drive the brain: the clearest of a dictionary of the model's neurons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bids_app.bids.words import Words
from bids_app.demo.scans import REPETITION_TIME, Scan, heard
from bids_app.encoding.design.haemodynamics import neuron_responses
from bids_app.encoding.dictionary import DictionaryLearning, time_courses
from bids_app.language.activations import Activations

Float = NDArray[np.float32]

N_ATOMS, PENALTY = 64, 0.15  # the defaults of the analysis
_RESTARTS = 3
_MOST_ALIKE = 0.4  # |r| of two planted atoms


@dataclass(frozen=True)
class Atoms:
    """Atoms that are planted.

    numbers: (n_atoms,) their places in the generator's dictionary, from 1, ordered by variance explained.
    courses: task → (n_volumes, n_atoms), on all volumes of the scan; mean 0 and variance 1 over the story's volumes of
    all scans together.
    """

    numbers: NDArray[np.int64]
    courses: Mapping[str, Float]


def responses(activations: Activations, words: Words, scan: Scan) -> Float:
    """Return (n_volumes, n_neurons) for all volumes of a scan, z-scored by the story's volumes."""
    onset, duration = heard(scan, words)
    layers = []
    for layer in range(activations.n_layers):
        everywhere = neuron_responses(
            activations.layer(layer), onset, duration, REPETITION_TIME, np.arange(scan.n_volumes)
        )
        deviation = everywhere[scan.kept].std(axis=0)
        centred = everywhere - everywhere[scan.kept].mean(axis=0)
        layers.append(np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 0))
    return np.concatenate(layers, axis=1)


def find_atoms(scans: Sequence[Scan], neurons: Sequence[Float], n_atoms: int, seed: int) -> Atoms:
    """Choose at most `n_atoms` atoms of a dictionary that are strong, stable and unlike each other.

    `neurons` holds (n_volumes, n_neurons) of each scan. Stable are atoms that dictionaries from other starting points
    hold as well: only of these can another analysis of the same model be asked to find them.
    """
    story = np.concatenate([responses[scan.kept] for scan, responses in zip(scans, neurons, strict=True)])
    fits = [
        DictionaryLearning(N_ATOMS, PENALTY, random_state=seed + restart).fit(story) for restart in range(_RESTARTS)
    ]
    others = [np.abs(_correlation(fits[0].atoms_, fit.atoms_)).max(axis=1) for fit in fits[1:]]
    chosen = _choose(fits[0].atoms_, np.min(others, axis=0), n_atoms)
    courses = [time_courses(responses, fits[0].loadings_)[:, chosen] for responses in neurons]
    kept = np.concatenate([course[scan.kept] for scan, course in zip(scans, courses, strict=True)])
    scaled = [(course - kept.mean(axis=0)) / kept.std(axis=0) for course in courses]
    return Atoms(chosen + 1, {scan.task: course for scan, course in zip(scans, scaled, strict=True)})


def _choose(atoms: Float, stability: Float, n_atoms: int) -> NDArray[np.int64]:
    """Return the places of the chosen atoms, out of the stronger half: clear ones, each unlike those before it.

    An atom is clear when it is stable and no other atom of the dictionary resembles it.
    """
    alike = np.abs(_correlation(atoms, atoms))
    np.fill_diagonal(alike, 0)
    clarity = (stability - alike.max(axis=1))[: atoms.shape[1] // 2]
    chosen: list[int] = []
    for candidate in np.argsort(-clarity, kind="stable"):
        if len(chosen) < n_atoms and np.all(alike[candidate, chosen] < _MOST_ALIKE):
            chosen.append(int(candidate))
    return np.sort(np.array(chosen, dtype=np.int64))


def _correlation(first: Float, second: Float) -> NDArray[np.float64]:
    """Return (n_first, n_second): Pearson r of the columns."""
    n_first = first.shape[1]
    return np.asarray(np.corrcoef(first.T, second.T)[:n_first, n_first:])
