"""The atoms that drive the brain: families that dictionaries of the model's neurons agree on, whatever their start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bids_app.bids.words import Words
from bids_app.demo.scans import REPETITION_TIME, Scan, heard
from bids_app.encoding.design.haemodynamics import neuron_responses
from bids_app.encoding.dictionary import ReproducibleDictionary, reproducibility_in, time_courses
from bids_app.language.activations import Activations

Float = NDArray[np.float32]

N_RESTARTS = 10
REPRODUCIBLE = 0.85  # ρ of a planted family in other restarts; an analysis counts those of 0.8 as reproducible
_OTHERS = 1_000_003  # what the seed of the other restarts is larger by
_MOST_ALIKE = 0.5  # |r| of two planted atoms


@dataclass(frozen=True)
class Atoms:
    """Atoms that are planted, each the mean of a family that restarts of a dictionary share.

    numbers: (n_atoms,) their places among the generator's families, from 1, ordered by reproducibility.
    reproducibility: (n_atoms,) ρ, the mean of the best |r| of an atom with the family over restarts that the family was
    not made from.
    courses: task → (n_volumes, n_atoms), on all volumes of the scan; mean 0 and variance 1 over the story's volumes of
    all scans together.
    n_reproducible: how many families have a ρ of at least `REPRODUCIBLE`, planted or not.
    """

    numbers: NDArray[np.int64]
    reproducibility: NDArray[np.float64]
    courses: Mapping[str, Float]
    n_reproducible: int


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
    """Choose at most `n_atoms` families of atoms that are reproducible and unlike each other.

    `neurons` holds (n_volumes, n_neurons) of each scan. Another analysis of the same model can only be asked to find
    what dictionaries from other starting points hold as well. ValueError where there is no such family.
    """
    story = np.concatenate([responses[scan.kept] for scan, responses in zip(scans, neurons, strict=True)])
    model, others = (
        ReproducibleDictionary(n_restarts=N_RESTARTS, random_state=number).fit(story)
        for number in (seed, seed + _OTHERS)
    )
    reproducibility = reproducibility_in(list(others.restarts_), model.families_)
    chosen = _choose(model.families_, reproducibility, n_atoms)
    if not len(chosen):
        raise ValueError(
            f"none of the {model.families_.shape[1]} families of the model's atoms has a reproducibility of "
            f"{REPRODUCIBLE} in {N_RESTARTS} other restarts: nothing can be planted. "
            "Give longer stories or another model."
        )
    courses = [time_courses(responses, model.loadings_)[:, chosen] for responses in neurons]
    kept = np.concatenate([course[scan.kept] for scan, course in zip(scans, courses, strict=True)])
    scaled = [(course - kept.mean(axis=0)) / kept.std(axis=0) for course in courses]
    return Atoms(
        chosen + 1,
        reproducibility[chosen],
        {scan.task: course for scan, course in zip(scans, scaled, strict=True)},
        int((reproducibility >= REPRODUCIBLE).sum()),
    )


def _choose(families: Float, reproducibility: NDArray[np.float64], n_atoms: int) -> NDArray[np.int64]:
    """Return the places of the reproducible families, the best first, that are unlike those chosen before."""
    alike = np.abs(np.corrcoef(families.T))
    chosen: list[int] = []
    for candidate in np.argsort(-reproducibility, kind="stable"):
        reproducible = reproducibility[candidate] >= REPRODUCIBLE
        if reproducible and len(chosen) < n_atoms and np.all(alike[candidate, chosen] < _MOST_ALIKE):
            chosen.append(int(candidate))
    return np.sort(np.array(chosen, dtype=np.int64))
