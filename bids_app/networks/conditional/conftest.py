"""A small world with known truth: families of several restarts, networks of regions, responses of some of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bids_app.encoding.dictionary import Families, find_families
from bids_app.networks.conditional import conditional_links
from bids_app.stats.standardise import zscore

N_RESTARTS, N_ATOMS, N_NETWORKS, N_REGIONS = 4, 12, 4, 15
NAMES = ("Amber", "Birch", "Cobalt", "Dune")
Array = npt.NDArray[Any]


def smooth(noise: Array, rho: float) -> Array:
    """AR(1) series of variance 1, along the first axis."""
    series = noise.copy()
    for row in range(1, len(series)):
        series[row] = rho * series[row - 1] + np.sqrt(1 - rho**2) * noise[row]
    return series


@dataclass
class World:
    """Restarts and their families, on `n` volumes; labels of regions; and what drives the networks."""

    n: int = 400
    seed: int = 0
    n_restarts: int = N_RESTARTS

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        # Atoms resemble each other, as those of a model do: two by two they share a part.
        base = smooth(rng.standard_normal((self.n, N_ATOMS)), 0.5)
        base[:, 1::2] = 0.6 * base[:, ::2] + 0.8 * base[:, 1::2]
        self.courses = zscore(base)
        self.restarts = [
            zscore(self.courses + 0.25 * smooth(rng.standard_normal((self.n, N_ATOMS)), 0.5))[
                :, rng.permutation(N_ATOMS)
            ]
            for _ in range(self.n_restarts)
        ]
        self.families: Families = find_families(self.restarts)
        self.labels = np.repeat(np.arange(1, N_NETWORKS + 1), N_REGIONS)
        self.confounds = smooth(rng.standard_normal((self.n, 4)), 0.9)

    def family_of(self, atom: int) -> tuple[int, int]:
        """The family of an atom, and the sign of their correlation."""
        r = np.corrcoef(self.courses[:, atom], self.families.courses.T)[0, 1:]
        return int(np.abs(r).argmax()), int(np.sign(r[np.abs(r).argmax()]))

    def responses(self, drive: dict[int, Array], seed: int = 0, shared: float = 0.5) -> Array:
        """Noise, some of it shared by a network, with confounds; plus courses of atoms times gains (n_targets,)."""
        rng = np.random.default_rng((self.seed, seed))
        n_targets = len(self.labels)
        own = smooth(rng.standard_normal((self.n, n_targets)), 0.4)
        common = smooth(rng.standard_normal((self.n, N_NETWORKS)), 0.4)[:, self.labels - 1]
        series = np.sqrt(1 - shared**2) * own + shared * common + self.confounds @ rng.standard_normal((4, n_targets))
        for atom, gains in drive.items():
            series = series + self.courses[:, [atom]] * gains
        basis = np.linalg.qr(np.column_stack([np.ones(self.n), self.confounds]))[0]
        return zscore(series - basis @ (basis.T @ series))

    def gains(self, network: int, strength: float, both_signs: bool = False, seed: int = 0) -> Array:
        """Gains of the regions of one network (from 0): all positive, or half of each sign."""
        rng = np.random.default_rng((self.seed, seed, network))
        inside = self.labels == network + 1
        gains = np.zeros(len(self.labels))
        gains[inside] = strength * np.exp(0.3 * rng.standard_normal(inside.sum()))
        if both_signs:
            gains[inside] *= rng.permutation(np.resize([1, -1], inside.sum()))
        return gains

    def links(self, Y: Array, **options: Any) -> Any:
        """The table of links."""
        return conditional_links(
            self.restarts, self.families, Y, self.labels, NAMES, confounds=[self.confounds], device="cpu", **options
        )

    def expected(self, atom: int, network: int, sign: int) -> tuple[int, str, str]:
        """The link that an atom's drive of a network must give."""
        family, same = self.family_of(atom)
        return family, NAMES[network], "active" if sign * same > 0 else "deactive"


def linked(table: Any) -> set[tuple[int, str, str]]:
    """The links of a table."""
    found = table[table["linked"]]
    return set(zip(found["atom"].astype(int), found["network"], found["part"], strict=True))


@pytest.fixture(scope="session")
def world() -> World:
    """The world of most tests."""
    return World()
