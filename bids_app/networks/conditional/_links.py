"""From responses to links: gate, probabilities, space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.encoding.autoregression import ORDER
from bids_app.encoding.dictionary import REPRODUCIBLE, Families
from bids_app.networks.conditional._contrast import contrast_p
from bids_app.networks.conditional._design import Design
from bids_app.networks.conditional._gate import Gate, open_gate
from bids_app.networks.conditional._pieces import NetworkSeries, consecutive_pieces, network_series
from bids_app.networks.conditional._probabilities import link_probabilities
from bids_app.networks.conditional._space import conditional_maps, marginal_maps, spatial_p
from bids_app.networks.correspondence import PARTS
from bids_app.networks.spins import Spins
from bids_app.stats.arrays import Doubles, Floats
from bids_app.stats.fdr import fdr

PROBABLE = 0.5  # of a candidate
BAYESIAN_FDR = 0.08  # of a list of links at most: the mean of 1 − probability
# The expected share of false links over the Bayesian false discovery rate. A restart without a good atom of a family
# counts against its link, so that probabilities are too small: on planted truth, the ratio was 0 to 1.1 in lists.
CALIBRATION = 2 / 3
ALPHA = 0.05
# From full maps (n_chosen, n_targets) to p of large and of small means, (n_chosen, n_networks) each.
SpatialTest = Callable[[Floats], tuple[Doubles, Doubles]]


@dataclass(frozen=True)
class Evidence:
    """What the time courses of the networks say.

    Attributes
    ----------
    gate : whether any family has to do with each network, and the inflation of the noise
    probability : array of shape (2, n_families, n_networks), active and deactive
    coefficients : array of shape (n_families, n_pieces), of each piece of the networks
    noise : array of shape (n_networks, order), partial autocorrelations of each network's noise; NaN without targets
    """

    gate: Gate
    probability: Doubles
    coefficients: Doubles
    noise: Doubles

    @property
    def is_candidate(self) -> npt.NDArray[np.bool_]:
        """Families that probably carry a network's response, (2, n_families, n_networks)."""
        return np.asarray((self.probability > PROBABLE) & self.gate.is_open)

    @property
    def chosen(self) -> npt.NDArray[np.int64]:
        """Families that are a candidate anywhere."""
        return np.flatnonzero(self.is_candidate.any(axis=(0, 2)))

    @property
    def typical_noise(self) -> Doubles:
        """Partial autocorrelations for all targets, (order,): the median over networks."""
        known = np.isfinite(self.noise).all(axis=1)
        return np.asarray(np.median(self.noise[known], axis=0)) if known.any() else np.zeros(ORDER)


def temporal_evidence(design: Design, series: NetworkSeries, *, device: str = "auto") -> Evidence:
    """Gate and probabilities of networks; one without targets gets none."""
    n_networks = series.n_networks
    noise = np.full((n_networks, ORDER), np.nan)
    if not series.present or not design.is_long_enough:
        nothing = np.zeros((2, design.n_families, n_networks))
        unknown = np.full(n_networks, np.nan)
        none = np.zeros((design.n_families, len(series.network)))
        return Evidence(Gate(np.ones(n_networks), unknown, 0), nothing, none, noise)
    for network in series.present:
        noise[network] = design.noise_of(series.series[:, series.of(network)])
    found = link_probabilities(design, series, noise, device=device)
    left = np.zeros((design.n_volumes, n_networks))
    for network in series.present:
        left[:, network] = (series.series - found.fitted)[:, series.of(network)].mean(axis=1)
    gate = open_gate(design, series, left, noise)
    return Evidence(gate, found.of_parts(series), found.coefficients, noise)


def spatial_evidence(
    evidence: Evidence,
    design: Design,
    marginals: Floats,
    labels: npt.NDArray[np.integer],
    test: SpatialTest,
    regions: NetworkSeries | None = None,
) -> tuple[Doubles, Doubles]:
    """Mean of each candidate's conditional coefficients over its network, and p; (2, n_families, n_networks) each.

    Of the active part the mean of the positive coefficients (others count as 0), of the deactive part that of the
    negative ones. NaN for what is no candidate. Parameters: marginals of shape (n_families, n_targets), NaN where there
    are no data; labels (n_targets,); see `SpatialTest`; of regions in no space, the responses of the networks, whose
    contrasts are tested as well, see `contrast_p`: p is the larger of both.
    """
    shape = evidence.probability.shape
    coefficient, p = np.full(shape, np.nan), np.full(shape, np.nan)
    chosen = evidence.chosen
    if len(chosen):
        maps = conditional_maps(design, marginals, chosen, evidence.typical_noise)
        # Of a link with both signs, the length of the coefficients says more than either part.
        of_both = np.asarray(evidence.is_candidate[:, chosen].all(axis=0))
        twice = np.flatnonzero(of_both.any(axis=1))
        parts = np.maximum(maps, 0), np.minimum(maps, 0), np.abs(maps[twice])
        borders = [len(maps), 2 * len(maps)]
        # All in one call, so that each rotation is made once.
        large, small = (np.split(values, borders) for values in test(np.concatenate(parts)))
        p[0, chosen], p[1, chosen] = large[0], small[1]
        if regions is not None:
            p[:, chosen] = np.maximum(p[:, chosen], contrast_p(design, regions, chosen))
        p[:, chosen[twice]] = np.where(of_both[twice], large[2], p[:, chosen[twice]])
        for network in np.unique(labels[labels > 0]) - 1:
            for side in (0, 1):
                coefficient[side, chosen, network] = np.nanmean(parts[side][:, labels == network + 1], axis=1)
    for values in (coefficient, p):
        values[~evidence.is_candidate] = np.nan
    return coefficient, p


def link_table(
    evidence: Evidence,
    coefficient: Doubles,
    p: Doubles,
    network_names: Sequence[str],
    reproducibility: Doubles,
) -> pd.DataFrame:
    """One row per family, network and part; families from 0, as `networks.correspondence.link` counts atoms."""
    candidates = evidence.is_candidate
    q = np.full(p.shape, np.nan)
    q[candidates] = fdr(p[candidates])
    with np.errstate(invalid="ignore"):
        passed = (q < ALPHA) & (reproducibility >= REPRODUCIBLE)[:, None] & evidence.gate.allows_links
    linked = passed & (evidence.probability >= _least_probability(evidence.probability[passed]))
    n_families, n_networks = p.shape[1:]
    tables = [
        pd.DataFrame(
            {
                "atom": np.repeat(np.arange(n_families), n_networks),
                "network": np.tile(np.asarray(network_names, dtype=object), n_families),
                "part": part,
                "rho": np.repeat(reproducibility, n_networks),
                "probability": evidence.probability[side].ravel(),
                "coefficient": coefficient[side].ravel(),
                "gate_p": np.tile(evidence.gate.p, n_families),
                "p": p[side].ravel(),
                "q": q[side].ravel(),
                "linked": linked[side].ravel(),
            }
        )
        for side, part in enumerate(PARTS)
    ]
    return pd.concat(tables, ignore_index=True)


def _least_probability(probability: Doubles) -> float:
    """The probability from which on links have a Bayesian false discovery rate of at most `BAYESIAN_FDR`; inf for none.

    Newton et al. (2004): the mean of 1 − probability over the list.
    """
    falling = np.sort(probability)[::-1]
    within = np.cumsum(1 - falling) <= BAYESIAN_FDR * np.arange(1, len(falling) + 1)
    return float(falling[within][-1]) if within.any() else np.inf


def conditional_links(
    restarts: Sequence[npt.NDArray[np.floating]],
    families: Families,
    Y: npt.NDArray[np.floating],
    labels: npt.NDArray[np.integer],
    network_names: Sequence[str],
    *,
    confounds: Sequence[npt.ArrayLike | None] | None = None,
    run_lengths: Sequence[int] | None = None,
    content: npt.NDArray[np.int64] | None = None,
    pieces: npt.NDArray[np.integer] | None = None,
    spins: Spins | None = None,
    n_permutations: int = 1000,
    seed: int = 0,
    device: str = "auto",
) -> pd.DataFrame:
    """Links of families of neurons with networks: which family carries a network's response, given all others.

    Three questions in turn. Does any atom have to do with the network (circular shifts)? Which family carries its
    response, and does not merely resemble one that does (sum of single effects in each restart)? Is that the network's,
    and not the whole cortex's (rotated networks)?

    Parameters
    ----------
    restarts : arrays of shape (n_volumes, n_atoms), the atoms of each restart (`ReproducibleDictionary.restarts_`)
    families : what they share, see `find_families`; time courses on the same volumes
    Y : array of shape (n_volumes, n_targets), responses without confounds, z-scored in each run; NaN for no data
    labels : array of shape (n_targets,), 1 … in the order of `network_names`, 0 for none
    confounds : for each run an array of shape (n_volumes of the run, n) of what was regressed out of Y, or None
    run_lengths : volumes of each run; by default one run
    content : (n_volumes,) equal where the same was heard again; None where nothing was
    pieces : array of shape (n_targets,), numbers of pieces of neighbours inside each network; by default, targets that
        follow each other, at most 36 pieces in a network
    spins : rotations, for targets on fsaverage5; else networks are dealt out to the targets `n_permutations` times, and
        each network is compared with the rest of the cortex

    Returns
    -------
    table with the columns atom (the family, from 0), network, part, rho, probability, coefficient, gate_p, p, q, linked
    """
    design = Design.make(restarts, families, confounds, run_lengths, content)
    valid = np.isfinite(Y).all(axis=0)
    labels = np.where(valid, labels, 0)
    pieces = consecutive_pieces(labels) if pieces is None else pieces
    series = network_series(np.where(valid, Y, 0), labels, pieces, len(network_names))
    evidence = temporal_evidence(design, series, device=device)
    marginals = np.full((design.n_families, len(valid)), np.nan, dtype=np.float32)
    marginals[:, valid] = marginal_maps(design, Y[:, valid], evidence.typical_noise)

    def test(maps: Floats) -> tuple[Doubles, Doubles]:
        return spatial_p(maps, labels, len(network_names), spins=spins, n_permutations=n_permutations, seed=seed)

    regions = series if spins is None else None
    found = spatial_evidence(evidence, design, marginals, labels, test, regions)
    return link_table(evidence, *found, network_names, families.reproducibility)


def expected_false_share(links: pd.DataFrame) -> float:
    """Expected share of false links: `CALIBRATION` times the mean of 1 − probability; NaN without a link."""
    probability = links.loc[links["linked"].astype(bool), "probability"]
    return CALIBRATION * float((1 - probability).mean()) if len(probability) else float("nan")
