"""FreeSurfer annotations: a colour per vertex, and a table with the colour of each region.

The format is that of FreeSurfer's `read_annotation.m`. Sizes in the file are checked against its length before they
are used.
"""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bids_app.text_files import MEGABYTE, FileError, read_bytes

_LIMIT = 64 * MEGABYTE
_MOST_REGIONS = 100_000


class _Stream:
    """Numbers and names of a file in order, checked against the remaining bytes."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    @property
    def is_empty(self) -> bool:
        """Whether the file is empty."""
        return not self._content

    def bytes(self, n_bytes: int) -> bytes:
        if not 0 <= n_bytes <= len(self._content) - self._at:
            raise ValueError("it ends too early, or a size in it is wrong")
        self._at += n_bytes
        return self._content[self._at - n_bytes : self._at]

    def integer(self) -> int:
        return int(struct.unpack(">i", self.bytes(4))[0])

    def text(self) -> str:
        return self.bytes(self.integer()).rstrip(b"\0").decode("utf-8", errors="replace")

    def integers(self, count: int) -> NDArray[np.int64]:
        return np.frombuffer(self.bytes(4 * count), dtype=">i4").astype(np.int64)


def read_annotation(path: Path) -> tuple[NDArray[np.int64], dict[int, tuple[str, NDArray[np.int64]]]]:
    """Label of each vertex (n,), -1 without one, and name and colour (red, green, blue; 0–255) of each label.

    Raises FileError for a file that is truncated, is not an annotation, or holds impossible sizes.
    """
    stream = _Stream(read_bytes(path, _LIMIT))
    try:
        if stream.is_empty:
            raise ValueError("it is empty")
        pairs = stream.integers(2 * stream.integer()).reshape(-1, 2)
        if not pairs.size:
            raise ValueError("it has no vertices")
        if stream.integer() == 0:
            raise ValueError("it has no table of colours")
        regions = _regions(stream)
    except ValueError as error:
        raise FileError(f"{path} is not a readable annotation ({error}): get or make it again.") from error
    if not np.array_equal(np.sort(pairs[:, 0]), np.arange(len(pairs))):
        raise FileError(f"{path} does not list each vertex once: get or make it again.")
    values = np.empty(len(pairs), dtype=np.int64)
    values[pairs[:, 0]] = pairs[:, 1]
    return _labels(path, values, regions), regions


def _regions(stream: _Stream) -> dict[int, tuple[str, NDArray[np.int64]]]:
    n_entries = stream.integer()
    is_new = n_entries < 0
    if is_new:
        if n_entries != -2:
            raise ValueError(f"its table of colours has the version {-n_entries}; 2 is known")
        stream.integer()  # the largest label plus one
    stream.text()  # the file that the table came from
    if is_new:
        n_entries = stream.integer()
    if not 0 < n_entries <= _MOST_REGIONS:
        raise ValueError(f"its table of colours has {n_entries} entries")
    regions: dict[int, tuple[str, NDArray[np.int64]]] = {}
    for at in range(n_entries):
        label = stream.integer() if is_new else at
        name, colour = stream.text(), stream.integers(4)[:3]
        if label < 0 or label in regions or (colour < 0).any() or (colour > 255).any():
            raise ValueError(f"entry {at + 1} of its table of colours is damaged")
        regions[label] = (name, colour)
    return regions


def _labels(
    path: Path, values: NDArray[np.int64], regions: dict[int, tuple[str, NDArray[np.int64]]]
) -> NDArray[np.int64]:
    """Label of each vertex from its colour, written as one number."""
    known: dict[int, int] = {}
    for label, (_, (red, green, blue)) in regions.items():
        known.setdefault(int(red + 256 * green + 65536 * blue), label)
    colours, inverse = np.unique(values, return_inverse=True)
    labels = np.array([known.get(int(colour), -1) if colour else -1 for colour in colours], dtype=np.int64)[inverse]
    n_unknown = int(((labels < 0) & (values != 0)).sum())
    if n_unknown:
        shown = ", ".join(str(int(colour)) for colour in colours[~np.isin(colours, [0, *known])][:8])
        raise FileError(
            f"{path} has {n_unknown:,} vertices with a colour ({shown}) that its own table of names does not have: add "
            "it to the table, or set these vertices to 0."
        )
    return labels
