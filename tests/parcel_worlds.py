"""Worlds of 400 parcels with known truth, made apart from the package: families of neurons that drive networks."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.signal import lfilter

from tests.parcel_neurons import select_unlike, standard
from tests.parcel_scores import OPPOSITE, Score, score_links
from tests.parcel_source import N_VOLUMES, Source

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Schaefer's 400 parcels in 7 networks.
NETWORKS = {"Vis": 61, "SomMot": 77, "DorsAttn": 46, "SalVentAttn": 47, "Limbic": 26, "Cont": 52, "Default": 91}
# Confounds that share the noise of all parcels, named so that the default strategy of an analysis takes them.
TISSUES = {"a_comp_cor_00": "CSF", "a_comp_cor_01": "WM"}
_REPRODUCIBLE = 0.85  # least reproducibility of a planted family
_MOST_ALIKE = 0.45  # |r| of two planted families
_GAIN_SPREAD, _INDIVIDUAL = 0.5, 0.2  # sd of log gains over parcels; share of its variance that participants differ in
_MEMORY = 0.4  # autocorrelation of the noise from one volume to the next
# Shares of the variance of a parcel's noise; the rest is the parcel's own.
_OF_NETWORK, _GLOBAL, _DRIFT, _MOTION = 0.25, 0.1, 0.1, 0.05


@dataclass(frozen=True)
class Options:
    """Settings of a world.

    Attributes
    ----------
    snr : standard deviation of the planted response over that of the noise, mean over the parcels of a network
    seed : what is planted where, gains and noise follow from it
    n_families : at most so many reproducible families, the best first; each drives one network positively and another
        negatively
    bipolar : half of the parcels of each network answer with the opposite sign
    irreproducible : as many atoms of a single dictionary, which other dictionaries lack, are planted as well
    everywhere : one of the families is in no link and moves all parcels alike
    """

    snr: float = 0.3
    seed: int = 0
    n_families: int = 13
    bipolar: bool = False
    irreproducible: bool = False
    everywhere: bool = False


@dataclass(frozen=True)
class Recording:
    """One participant: series (n_volumes, 400) and confounds (n_volumes, n_confounds) with their names."""

    series: Floats
    confounds: Floats
    names: tuple[str, ...]


class World:
    """Families of neurons that drive networks, and participants who listen.

    Attributes
    ----------
    source : neurons and what may be planted
    labels : array of shape (400,), the network of each parcel, from 0 in the order of NETWORKS
    courses : array of shape (n_volumes, n_planted), z-scored time courses of what is planted
    links : one row per planted link: family (column of `courses`), network, part, reproducible
    unplanted : array of shape (n_volumes, n), what moves all parcels alike
    """

    def __init__(self, source: Source, options: Options):
        """Choose the families, their networks and the gains that participants share."""
        self.source, self.options = source, options
        rng = np.random.default_rng([options.seed, 1])
        self.labels: Ints = np.repeat(np.arange(len(NETWORKS)), list(NETWORKS.values()))
        known = [k for k in np.argsort(-source.reproducibility) if source.reproducibility[k] >= _REPRODUCIBLE]
        chosen = select_unlike(source.families, known, options.n_families, _MOST_ALIKE)
        if options.everywhere:
            moving = int(rng.integers(len(chosen)))
            self.unplanted = source.families[:, [chosen.pop(moving)]]
        else:
            self.unplanted = np.zeros((len(source.families), 0))
        columns = [source.families[:, chosen]]
        self.n_reproducible = columns[0].shape[1]
        if options.irreproducible:
            n_atoms = source.lonely.shape[1] // 2
            lonely = select_unlike(source.lonely, range(n_atoms), self.n_reproducible, _MOST_ALIKE)
            columns.append(source.lonely[:, lonely])
        self.courses = np.concatenate(columns, axis=1)
        self.links = self._plan(rng)
        self._signs = np.where(self.links["part"] == "active", 1.0, -1.0)
        shape = (len(self.links), len(self.labels))
        self._log_gains = rng.standard_normal(shape)
        self._polarity = np.where(rng.permuted(np.arange(shape[1]) % 2), 1.0, -1.0) if options.bipolar else 1.0

    def _plan(self, rng: np.random.Generator) -> pd.DataFrame:
        """Every family has one network that it activates and another that it deactivates; networks take turns."""
        names = list(NETWORKS)
        rows = []
        turn = rng.permutation(len(names))
        for place, family in enumerate(rng.permutation(self.courses.shape[1])):
            if place % len(names) == 0:
                turn, shift = rng.permutation(len(names)), int(rng.integers(1, len(names)))
            driven = turn[place % len(names)], turn[(place + shift) % len(names)]
            for network, part in zip(driven, OPPOSITE, strict=True):
                rows.append((int(family), names[network], part, bool(family < self.n_reproducible)))
        return pd.DataFrame(rows, columns=["family", "network", "part", "reproducible"])

    def participant(self, number: int) -> Recording:
        """The series and confounds of one participant, from 1."""
        rng = np.random.default_rng([self.options.seed, 2, number])
        noise, confounds, names = make_noise(self.labels, rng)
        own = rng.standard_normal(self._log_gains.shape)
        series = noise + self.options.snr * self._response(own) if self.options.snr else noise
        return Recording(series, confounds, names)

    def _response(self, own: Floats) -> Floats:
        """Response (n_volumes, 400) with a mean standard deviation of 1 over the parcels of each network."""
        spread = np.sqrt(1 - _INDIVIDUAL) * self._log_gains + np.sqrt(_INDIVIDUAL) * own
        inside = self.labels == np.array([list(NETWORKS).index(name) for name in self.links["network"]])[:, None]
        gains = np.exp(_GAIN_SPREAD * spread) * inside * self._signs[:, None] * self._polarity
        response = self.courses[:, self.links["family"]] @ gains
        for network in np.unique(self.labels):
            parcels = self.labels == network
            response[:, parcels] /= response[:, parcels].std(axis=0).mean() or 1.0
        return np.asarray(response + self.unplanted.sum(axis=1, keepdims=True) * np.exp(_GAIN_SPREAD * spread[0]))

    def evaluate(self, links: pd.DataFrame, courses: Floats, *, reproducible: bool = False) -> Score:
        """`score_links` of families with time courses (n_volumes, n_families) and the planted ones."""
        signed = not self.options.bipolar
        return score_links(links, courses, self.links, self.courses, signed=signed, reproducible=reproducible)


def make_noise(labels: Ints, rng: np.random.Generator) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Noise (n_volumes, n_parcels) of variance 1, confounds that share some of it, and their names.

    The noise of a parcel is its own, its network's, everybody's, a slow drift and motion.
    """
    n_parcels, n_networks = len(labels), int(labels.max()) + 1
    own = _autocorrelated(n_parcels, rng)
    shared = _autocorrelated(n_networks, rng)[:, labels] * rng.uniform(0.5, 1.5, n_parcels)
    everybody = _autocorrelated(1, rng)
    cosines = standard(np.cos(np.pi * np.outer(np.arange(N_VOLUMES) + 0.5, np.arange(1, 12)) / N_VOLUMES))
    motion = standard(np.cumsum(rng.standard_normal((N_VOLUMES, 6)), axis=0))
    drift, moved = (courses @ rng.standard_normal((courses.shape[1], n_parcels)) for courses in (cosines, motion))
    parts = {
        1 - _OF_NETWORK - _GLOBAL - _DRIFT - _MOTION: own,
        _OF_NETWORK: shared,
        _GLOBAL: everybody * rng.uniform(0.5, 1.5, n_parcels),
        _DRIFT: drift / np.sqrt(cosines.shape[1]),
        _MOTION: moved / np.sqrt(motion.shape[1]),
    }
    noise = standard(np.sum([np.sqrt(share) * part for share, part in parts.items()], axis=0))
    tissue = standard(everybody + _autocorrelated(2, rng))
    names = [f"trans_{axis}" for axis in "xyz"] + [f"rot_{axis}" for axis in "xyz"] + list(TISSUES)
    names += [f"cosine{number:02d}" for number in range(cosines.shape[1])]
    return noise, np.column_stack([motion, tissue, cosines]), tuple(names)


def _autocorrelated(n_columns: int, rng: np.random.Generator) -> Floats:
    """Columns of first-order autoregressive noise, (n_volumes, n_columns), variance 1."""
    white = rng.standard_normal((N_VOLUMES + 50, n_columns)) * np.sqrt(1 - _MEMORY**2)
    return np.asarray(lfilter([1.0], [1.0, -_MEMORY], white, axis=0)[50:])
