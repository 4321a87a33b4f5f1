"""Which atom drives which network, and how strongly each vertex answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bids_app.demo.atoms import Atoms
from bids_app.demo.cortex import Cortex, smooth_fields
from bids_app.demo.recordings import Data, Head
from bids_app.demo.scans import Scan, stream

Float = NDArray[np.float64]

PARTS = ("active", "deactive")
_TAIL = 0.5  # spread of the log of the gains: some vertices of a network answer more than most
_RINGS = 20  # smoothness of the gains
_INDIVIDUAL = 0.2  # share of the variance of log gains that differs between participants


@dataclass(frozen=True)
class Planted:
    """What drives the brain: links (atom, network, part, gain), their atoms, and the signal-to-noise ratio."""

    links: pd.DataFrame
    atoms: Atoms
    snr: float


def driven(networks: Sequence[str], n_driven: int | None, seed: int) -> list[str]:
    """The networks that are driven, in their order: all, or as many drawn at random."""
    if n_driven is None or n_driven >= len(networks):
        return list(networks)
    chosen = stream(seed, "driven").choice(len(networks), n_driven, replace=False)
    return [networks[index] for index in sorted(chosen)]


def plan_links(numbers: Sequence[int], networks: Sequence[str], n_deactive: int, seed: int) -> pd.DataFrame:
    """Let each atom activate one network, and the first `n_deactive` of a shuffled list deactivate another.

    The networks take turns, so that all are driven about equally. Columns: atom, network, part, gain.
    """
    rng = stream(seed, "links")
    order = list(rng.permutation(np.asarray(numbers)))
    first = rng.permutation(len(networks))
    rows = []
    for turn, atom in enumerate(order):
        rows.append((int(atom), networks[first[turn % len(networks)]], "active", 1.0))
        if turn < n_deactive:
            # Three further on, and one more each round: two atoms of one network share no second one
            other = (turn + 1 + (2 + turn // len(networks)) % max(1, len(networks) - 1)) % len(networks)
            rows.append((int(atom), networks[first[other]], "deactive", -1.0))
    table = pd.DataFrame(rows, columns=["atom", "network", "part", "gain"])
    return table.sort_values(["atom", "part"], ignore_index=True)


def vertex_gains(
    cortex: Cortex, labels: NDArray[np.int64], *, atom: int, label: int, gain: float, seed: int, who: str
) -> Float:
    """Return (n_vertices,): the gains of one link of an atom and a network (`label`) in one participant (`who`).

    Zero outside the network; inside, smooth over the cortex and heavy-tailed, with mean `gain`.
    """
    names = ("gains", str(atom), str(label))
    common = smooth_fields(cortex, 1, _RINGS, stream(seed, *names))[0]
    own = smooth_fields(cortex, 1, _RINGS, stream(seed, *names, who))[0]
    inside = (labels == label) & cortex.is_cortex
    gains = np.zeros(len(labels))
    gains[inside] = np.exp(_TAIL * (np.sqrt(1 - _INDIVIDUAL) * common + np.sqrt(_INDIVIDUAL) * own)[inside])
    return np.asarray(gains * (gain / gains[inside].mean()))


def respond(label: str, scan: Scan, head: Head, planted: Planted, seed: int) -> Data:
    """Return (n_volumes, n_vertices): the response of one participant, in standard deviations of the noise."""
    if planted.links.empty:
        return np.zeros((scan.n_volumes, len(head.labels)), dtype=np.float32)
    links = zip(*(planted.links[name] for name in ("atom", "network", "gain")), strict=True)
    gains = [
        vertex_gains(
            head.cortex,
            head.labels,
            atom=int(atom),
            label=head.networks.index(network) + 1,
            gain=float(gain),
            seed=seed,
            who=label,
        )
        for atom, network, gain in links
    ]
    place = {int(number): index for index, number in enumerate(planted.atoms.numbers)}
    courses = planted.atoms.courses[scan.task][:, [place[int(atom)] for atom in planted.links["atom"]]]
    return drive(np.stack(gains), courses, head.labels, scan.kept, planted.snr).astype(np.float32)


def drive(
    gains: Float, courses: NDArray[np.floating], labels: NDArray[np.int64], kept: NDArray[np.int64], snr: float
) -> Float:
    """Return (n_volumes, n_vertices): the response to the story, in standard deviations of the noise.

    gains: (n_links, n_vertices); courses: (n_volumes, n_links). In each network the mean over vertices of the
    response's standard deviation over the story's volumes is `snr`.
    """
    response = courses @ gains
    for label in np.unique(labels[np.any(gains != 0, axis=0)]):
        inside = labels == label
        response[:, inside] *= snr / response[np.ix_(kept, inside)].std(axis=0).mean()
    return response
