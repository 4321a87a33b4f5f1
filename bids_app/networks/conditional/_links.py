"""From responses to links: gate, probabilities, space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.encoding.dictionary import REPRODUCIBLE
from bids_app.networks.conditional._design import Design
from bids_app.networks.conditional._gate import open_gate
from bids_app.networks.conditional._probabilities import link_probabilities
from bids_app.networks.conditional._space import conditional_maps, spatial_p
from bids_app.networks.spins import Spins
from bids_app.stats.arrays import Doubles, Floats
from bids_app.stats.fdr import fdr
from bids_app.stats.standardise import zscore

PROBABLE = 0.5
ALPHA = 0.05
PARTS = ("active", "deactive")


def network_means(Y: Floats, labels: npt.NDArray[np.integer], n_networks: int) -> Doubles:
    """Mean response of each network, (n_volumes, n_networks); zeros for a network without targets."""
    means = np.zeros((len(Y), n_networks))
    for network in range(n_networks):
        members = labels == network + 1
        if members.any():
            means[:, network] = Y[:, members].mean(axis=1, dtype=np.float64)
    return means


def conditional_links(
    design: Design,
    Y: Floats,
    labels: npt.NDArray[np.integer],
    network_names: Sequence[str],
    reproducibility: Doubles,
    *,
    spins: Spins | None = None,
    device: str = "auto",
) -> pd.DataFrame:
    """Links of families with networks."""
    means = zscore(network_means(Y, labels, len(network_names))).astype(np.float64)
    noise = design.noise_coefficients(means)
    gate = open_gate(design, means, noise)
    probability = link_probabilities(design, means, noise, device=device)
    candidates = probability > PROBABLE
    p = np.full(probability.shape, np.nan)
    chosen = np.flatnonzero(candidates.any(axis=(0, 2)))
    if len(chosen):
        maps = conditional_maps(design, Y, chosen, float(np.median(noise)))
        p[:, chosen] = np.stack(spatial_p(maps, labels, len(network_names), spins=spins))
    p[~candidates] = np.nan
    q = np.full(p.shape, np.nan)
    q[candidates] = fdr(p[candidates])
    linked = (q < ALPHA) & gate.is_open & (reproducibility >= REPRODUCIBLE)[:, None]
    n_families, n_networks = probability.shape[1:]
    tables = [
        pd.DataFrame(
            {
                "family": np.repeat(np.arange(n_families), n_networks),
                "network": np.tile(np.asarray(network_names, dtype=object), n_families),
                "part": part,
                "rho": np.repeat(reproducibility, n_networks),
                "probability": probability[side].ravel(),
                "gate_p": np.tile(gate.p, n_families),
                "p": p[side].ravel(),
                "q": q[side].ravel(),
                "linked": linked[side].ravel(),
            }
        )
        for side, part in enumerate(PARTS)
    ]
    return pd.concat(tables, ignore_index=True)


def expected_false_share(links: pd.DataFrame) -> float:
    """Expected share of false links: the mean over links of 1 − their probability; NaN without a link."""
    linked = links.loc[links["linked"].astype(bool), "probability"]
    return float((1 - linked).mean()) if len(linked) else float("nan")
