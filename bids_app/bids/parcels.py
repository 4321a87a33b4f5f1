"""The network of each parcel, where a data set tells it."""

import csv
import io
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from bids_app.bids.entities import parse_name
from bids_app.bids.textgrid import read_text

_NAMES = ("name", "label")
_NETWORKS = ("network", "network_label")


def parcel_networks(derivative: Path, seg: str, names: Sequence[str]) -> tuple[str, ...] | None:
    """Network of each parcel ("" = none) from the table of the segmentation, or None when no table has them.

    The table is one of `parcel_tables`, with columns `name` (or `label`) and `network` (or `network_label`).
    """
    for path in parcel_tables(derivative, seg):
        networks = _read(path)
        if set(names) & set(networks):
            return tuple(networks.get(name, "") for name in names)
    return None


def parcel_tables(derivative: Path, seg: str) -> list[Path]:
    """Tables `…seg-SEG_dseg.tsv` and `…atlas-SEG_dseg.tsv` in the derivative's own folder and in its `atlases`."""
    places = chain(derivative.glob("*_dseg.tsv"), derivative.glob("atlases/**/*_dseg.tsv"))
    entities = {path: parse_name(path).entities for path in sorted(places)}
    return [path for path, own in entities.items() if seg in {own.get("seg"), own.get("atlas")}]


def _read(path: Path) -> dict[str, str]:
    table = csv.DictReader(io.StringIO(read_text(path)), delimiter="\t", quoting=csv.QUOTE_NONE)
    columns = table.fieldnames or []
    name = next((column for column in _NAMES if column in columns), None)
    network = next((column for column in _NETWORKS if column in columns), None)
    if name is None or network is None:
        return {}
    return {row[name]: (row[network] or "").replace("n/a", "") for row in table}
