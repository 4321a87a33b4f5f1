"""Read the same maps of all participants from OUT_DIR, one participant after the other."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from bids_app.analyses.stored_maps import StoredMaps
from bids_app.bids.alignment import Alignment
from bids_app.bids.geometry_base import Geometry
from bids_app.bids.outputs import OutputMap
from bids_app.machine.ahead import ahead
from bids_app.stats.arrays import Floats
from bids_app.stats.blocks import Apply
from bids_app.stats.running import RunningMeans

Members = Sequence[Sequence[OutputMap]]  # the recordings of each participant
Sums = TypeVar("Sums", bound=RunningMeans)


def stored_maps(members: Members, names: Sequence[str], scratch: Path, apply: Apply) -> tuple[Geometry, StoredMaps]:
    """The maps of all participants on the targets of the first one, of which the common ones are in use."""
    alignment, stored = Alignment(), None
    for row, maps in enumerate(_read(members, names, alignment)):
        stored = stored or StoredMaps(scratch, len(members), *maps.shape, apply)
        stored.write(row, maps)
    assert stored is not None
    common, shared = alignment.common()
    stored.use(shared)
    return common, stored


def summed_maps(members: Members, names: Sequence[str], kind: type[Sums]) -> tuple[Geometry, Sums]:
    """Sums over participants on the targets of the first one, of which the common ones are in use."""
    alignment, sums = Alignment(), None
    for maps in _read(members, names, alignment):
        sums = sums or kind(*maps.shape)
        sums.add(maps)
    assert sums is not None
    common, shared = alignment.common()
    sums.use(shared)
    return common, sums


def _read(members: Members, names: Sequence[str], alignment: Alignment) -> Iterator[Floats]:
    """The maps of each participant on the targets of the first one, (n_maps, n_targets), NaN where it has none.

    The next files are read while those of one participant are in use.
    """
    loaded = ahead(OutputMap.load, [output for outputs in members for output in outputs])
    for outputs in members:
        total: Floats | None = None
        for output in outputs:
            maps, geometry = next(loaded)
            _require_maps(output, maps, names)
            at = alignment.add(geometry, f"sub-{output.participant}")
            own = maps if np.array_equal(at, np.arange(maps.shape[1])) else np.where(at >= 0, maps[:, at], np.nan)
            total = own if total is None else total + own
        assert total is not None
        yield total if len(outputs) == 1 else np.divide(total, len(outputs), dtype=np.float32)


def _require_maps(output: OutputMap, maps: Floats, names: Sequence[str]) -> None:
    if len(maps) != len(names):
        raise ValueError(
            f"{output.paths[0].name} holds {len(maps)} maps, but its sidecar lists {len(names)}: run the participant "
            f"level of sub-{output.participant} again"
        )
