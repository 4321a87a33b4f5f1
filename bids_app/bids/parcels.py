"""The network of each parcel, if the data set provides it."""

import logging
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from bids_app.bids.entities import parse_name
from bids_app.bids.tables import unquoted
from bids_app.bids.text import read_rows
from bids_app.wording import listed

log = logging.getLogger("neurons2networks")

_NAMES = ("name", "label")
_NETWORKS = ("network", "network_label")


def parcel_networks(derivative: Path, seg: str, names: Sequence[str]) -> tuple[str, ...] | None:
    """Network of each parcel ("" = none) from the table of the segmentation, or None if no table has them.

    The table is one of `parcel_tables`, with columns `name` (or `label`) and `network` (or `network_label`).
    """
    for path in parcel_tables(derivative, seg):
        networks = _read(path)
        known = set(names) & set(networks)
        if known:
            _report_unknown(path, [name for name in names if name not in known], len(names))
            return tuple(networks.get(name, "") for name in names)
        if networks:
            log.warning(
                "%s names no region of the series (%s; the table has %s): they are in no network",
                path,
                listed(names, 3),
                listed(list(networks), 3),
            )
    return None


def parcel_tables(derivative: Path, seg: str) -> list[Path]:
    """Tables `…seg-SEG_dseg.tsv` and `…atlas-SEG_dseg.tsv` in the derivative's own folder and in its `atlases`."""
    paths = chain(derivative.glob("*_dseg.tsv"), derivative.glob("atlases/**/*_dseg.tsv"))
    entities = {path: parse_name(path).entities for path in sorted(paths)}
    return [path for path, of_file in entities.items() if seg in {of_file.get("seg"), of_file.get("atlas")}]


def _report_unknown(path: Path, unknown: Sequence[str], n_regions: int) -> None:
    if unknown:
        log.warning("%s: %d of %d regions are not in it: %s", path, len(unknown), n_regions, listed(unknown))


def _read(path: Path) -> dict[str, str]:
    rows = [[unquoted(cell) for cell in row] for row in read_rows(path) if row]
    columns = rows[0] if rows else []
    name = next((column for column in _NAMES if column in columns), None)
    network = next((column for column in _NETWORKS if column in columns), None)
    if name is None or network is None:
        return {}
    records = [dict(zip(columns, row, strict=False)) for row in rows[1:]]
    return {row[name]: row.get(network, "").replace("n/a", "") for row in records if row.get(name)}
