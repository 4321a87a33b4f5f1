"""Links of families with networks in one participant, and the data that the group level needs."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.bids.targets import fill
from bids_app.encoding.dictionary import Families
from bids_app.inputs.correspondence import NetworkSpace
from bids_app.inputs.pieces import network_pieces
from bids_app.inputs.responses import Responses, RunSource
from bids_app.inputs.timing import story_time
from bids_app.networks.conditional import (
    STRIDE,
    Design,
    Evidence,
    NetworkSeries,
    expected_false_share,
    link_table,
    marginal_maps,
    network_series,
    spatial_evidence,
    temporal_evidence,
)
from bids_app.networks.correspondence import PARTS, part_overlaps

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FamilyLinks:
    """Links of one fit, and the results behind them.

    Attributes
    ----------
    table : see `networks.conditional.link_table`, with the overlap (`dice`) of each part of each map
    marginals : array of shape (n_families, n_targets), NaN where there are no data
    courses : see `link_outputs.NETWORK_COURSES`
    pieces : identifies this partition of the networks
    fields : fields of the sidecars
    """

    table: pd.DataFrame
    marginals: Floats
    courses: pd.DataFrame
    pieces: str
    fields: Mapping[str, Any]


def family_links(responses: Responses, design: Design, rho: Doubles, beta: Floats, space: NetworkSpace) -> FamilyLinks:
    """Link families with reproducibility `rho` to the networks of an atlas.

    `beta` (n_families, n_targets) are the coefficients of the sparse fit, whose overlap with networks is described.
    """
    names = space.atlas.network_names
    valid = responses.valid
    labels = np.where(valid, space.atlas.labels, 0)
    pieces = network_pieces(responses.geometry, space.atlas.labels, space.settings)
    series = network_series(responses.data, labels[valid], pieces.of_targets[valid], len(names))
    evidence = temporal_evidence(design, series, device=space.settings.device)
    marginals = fill(marginal_maps(design, responses.data, evidence.typical_noise), responses.valid)
    found = spatial_evidence(evidence, design, marginals, labels, space.means_test, space.of_regions(series))
    table = with_overlap(link_table(evidence, *found, names, rho), beta, space)
    courses = _network_courses(responses, series)
    return FamilyLinks(table, marginals, courses, pieces.key, link_fields(table, evidence, names))


def with_overlap(table: pd.DataFrame, beta: Floats, space: NetworkSpace) -> pd.DataFrame:
    """The table of links with the overlap of each part of each map with each network."""
    settings = space.settings
    projected = space.project(beta)
    overlap = part_overlaps(projected, space.labels, space.n_networks, settings.threshold, settings.top_percent)
    return table.assign(dice=np.concatenate([overlap[part].ravel() for part in PARTS]))


def link_fields(table: pd.DataFrame, evidence: Evidence, names: tuple[str, ...]) -> dict[str, Any]:
    """Fields of the sidecar of a table of links."""
    share = expected_false_share(table)
    inflation = {name: _number(value) for name, value in zip(names, evidence.gate.inflation, strict=True)}
    return {"ExpectedFalseShare": _number(share), "NoiseInflation": inflation}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def warn_if_short(design: Design, desc: str) -> None:
    """Log that no links can be found in so few volumes."""
    if not design.is_long_enough:
        log.warning(
            "%s: no links: %d volumes are too few for %d atoms and %d confounds; use a smaller --atoms or longer runs",
            desc,
            design.n_volumes,
            design.restarts.shape[2],
            design.confounds.shape[1],
        )


def design_of(responses: Responses, restarts: Floats, families: Families, D: Floats) -> Design:
    """Regressors of the responses of a fit, with the confounds of the responses removed.

    Parameters
    ----------
    restarts : array of shape (n_restarts, n_volumes, n_atoms), on the rows of the responses
    D : array of shape (n_volumes, n_families), time courses of the families there
    """
    confounds = [
        confounds_of(sources, length) for sources, length in zip(responses.sources, responses.run_lengths, strict=True)
    ]
    there = dataclasses.replace(families, courses=D)
    return Design.make(list(restarts), there, confounds, responses.run_lengths, responses.content)


def _network_courses(responses: Responses, networks: NetworkSeries) -> pd.DataFrame:
    """Responses of the networks' pieces, with run, story, time and confounds: see `link_outputs.NETWORK_COURSES`."""
    blocks, start = [], 0
    for run, (timing, sources) in enumerate(zip(responses.timings, responses.sources, strict=True)):
        length = len(timing.volumes)
        stories, seconds = story_time(timing)
        table = pd.DataFrame({"run": run + 1, "story": stories, "seconds": seconds})
        columns = dict(zip(map(piece_name, networks.number), networks.series[start : start + length].T, strict=True))
        confounds = confounds_of(sources, length)
        if confounds is not None:
            columns |= {f"confound-{i + 1:02d}": column for i, column in enumerate(confounds.T)}
        blocks.append(pd.concat([table, pd.DataFrame(columns)], axis=1))
        start += length
    return pd.concat(blocks, ignore_index=True)


def piece_name(number: int) -> str:
    """The column of a piece, see `NetworkSeries.number`; both are counted from 1.

    >>> piece_name(2003)
    'network-03_piece-04'
    """
    return f"network-{number // STRIDE + 1:02d}_piece-{number % STRIDE + 1:02d}"


def piece_number(name: str) -> int:
    """The piece of a column.

    >>> piece_number("network-03_piece-04")
    2003
    """
    network, piece = (int(part.partition("-")[2]) - 1 for part in name.split("_"))
    return network * STRIDE + piece


def confounds_of(sources: tuple[RunSource, ...], n_rows: int) -> Floats | None:
    """Confounds that were regressed out of a run, or out of the runs averaged in it, (n_rows, n)."""
    blocks = []
    for source in sources:
        if source.nuisance is not None:
            block = np.zeros((n_rows, source.nuisance.shape[1]), dtype=np.float32)
            block[source.rows] = source.nuisance
            blocks.append(block)
    return np.concatenate(blocks, axis=1) if blocks else None
