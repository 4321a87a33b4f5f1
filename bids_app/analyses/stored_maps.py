"""Maps of any number of participants, on disk: written participant by participant, read in blocks of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bids_app.analyses.scratch import ScratchFile
from bids_app.stats.blocks import Apply, here
from bids_app.stats.running import RunningMeans

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Statistic = Callable[[Floats, Bools], tuple[Floats, ...]]
CurveStatistic = Callable[[Floats], Sequence[npt.NDArray[np.floating]]]

BLOCK = 1 << 22  # values in memory at once: 16 MB, whatever the number of participants
_VALUE = np.dtype(np.float32).itemsize


class StoredMaps:
    """Maps (n_participants, n_maps, n_targets), of which only blocks are in memory.

    They lie in a file without a name in `folder`, see `ScratchFile`.

    Attributes
    ----------
    shape : (n_participants, n_maps, n_targets) of the targets in use
    complete : targets in use with a value in every map of every participant, (n_targets,)
    apply : `map` by which statistics are computed from blocks
    """

    def __init__(self, folder: Path, n_participants: int, n_maps: int, n_targets: int, apply: Apply = here) -> None:
        """Reserve the space. Raises DiskError, with the space needed, if the disk is too full."""
        self.apply = apply
        self._folder, self._stored = folder, (n_participants, n_maps, n_targets)
        self._targets = np.arange(n_targets)
        self._file = ScratchFile(folder, n_participants * n_maps * n_targets * _VALUE)
        self._means = RunningMeans(n_maps, n_targets)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_participants, n_maps, n_targets) of the targets in use."""
        return (*self._stored[:2], len(self._targets))

    @property
    def complete(self) -> Bools:
        """Targets in use with a value in every map of every participant, (n_targets,)."""
        return self._means.complete

    def write(self, participant: int, maps: Floats) -> None:
        """Store the maps (n_maps, n_targets) of a participant; each is written once."""
        if maps.shape != self._stored[1:]:
            raise ValueError(f"maps of the shape {maps.shape} came; these participants have {self._stored[1:]}.")
        self._means.add(maps)
        self._file.write(maps.astype(np.float32, copy=False), participant * maps.size * _VALUE)

    def use(self, targets: npt.NDArray[np.intp]) -> None:
        """Use only these targets: from now on, `shape`, `complete` and all blocks are of them."""
        self._targets = targets
        self._means.use(targets)

    def mean(self) -> Floats:
        """Mean over participants, (n_maps, n_targets), NaN where a participant has no value."""
        return self._means.mean()

    def close(self) -> None:
        """Free the space on the disk."""
        self._file.close()

    def participants(self) -> Iterator[Floats]:
        """The maps (n_maps, n_targets) of each participant."""
        for participant in range(self._stored[0]):
            yield self._read(slice(participant, participant + 1), slice(None), slice(0, len(self._targets)))[0]

    def blocks(self, one: int) -> Iterator[Floats]:
        """The complete targets of one of the maps in blocks of neighbours: values (n_participants, n)."""
        n_participants, _, n_targets = self.shape
        complete = self.complete
        for targets in _slices(n_targets, max(1, BLOCK // n_participants)):
            yield self._read(slice(None), slice(one, one + 1), np.arange(n_targets)[targets][complete[targets]])[:, 0]

    def of_maps(self, statistic: Statistic) -> tuple[Floats, ...]:
        """A statistic over participants, (n_maps, n_targets) each.

        `statistic` takes values (n_participants, n, m) of some maps and targets, and which of the targets are complete
        (m,); it treats each map and target by itself.
        """
        n_participants, n_maps, n_targets = self.shape
        width = max(1, min(n_targets, BLOCK // n_participants))
        height = max(1, BLOCK // (n_participants * width))
        where = [(maps, targets) for maps in _slices(n_maps, height) for targets in _slices(n_targets, width)]
        blocks = ((self._read(slice(None), maps, targets), self.complete[targets]) for maps, targets in where)
        found: list[Floats] = []
        for block, parts in zip(where, self.apply(partial(_of_block, statistic), blocks), strict=True):
            found = found or [np.empty((n_maps, n_targets), dtype=np.float32) for _ in parts]
            for whole, part in zip(found, parts, strict=True):
                whole[block] = part
        return tuple(found)

    def of_curves(self, statistic: CurveStatistic, where: Bools) -> Floats:
        """A statistic of each target's curve over the maps, (n_statistics, n_targets), NaN except at `where`.

        `statistic` takes values (n_participants, n_maps, m) of some of the targets and returns arrays (m,).
        """
        n_participants, n_maps, n_targets = self.shape
        width = max(1, BLOCK // (n_participants * n_maps))
        found = np.full((len(statistic(np.zeros((1, n_maps, 0), np.float32))), n_targets), np.nan, dtype=np.float32)
        blocks = [(targets, np.flatnonzero(where[targets])) for targets in _slices(n_targets, width)]
        blocks = [(targets, inside) for targets, inside in blocks if len(inside)]
        values = (self._read(slice(None), slice(None), targets)[:, :, inside] for targets, inside in blocks)
        for (targets, inside), parts in zip(blocks, self.apply(partial(_stacked, statistic), values), strict=True):
            found[:, targets.start + inside] = parts
        return found

    def changed(self, change: Callable[[Floats], Floats], n_maps: int) -> StoredMaps:
        """Other maps, `change` of those of each participant: (n_maps, n_targets) to (`n_maps`, n_targets)."""
        n_participants, _, n_targets = self.shape
        made = StoredMaps(self._folder, n_participants, n_maps, n_targets, self.apply)
        for row, maps in enumerate(self.participants()):
            made.write(row, change(maps))
        return made

    def _read(self, participants: slice, maps: slice, targets: slice | npt.NDArray[np.intp]) -> Floats:
        """Values of neighbouring maps and targets in use, (n_participants, n, m), at ascending targets."""
        n_participants, n_maps, n_targets = self._stored
        rows, columns = range(n_participants)[participants], range(n_maps)[maps]
        chosen = self._targets[targets]
        first, last = (int(chosen[0]), int(chosen[-1]) + 1) if len(chosen) else (0, 0)
        values = np.empty((len(rows), len(columns), last - first), dtype=np.float32)
        for row, block in zip(rows, values, strict=True):
            if last - first == n_targets:  # all of the maps lie side by side
                self._file.fill(block, (row * n_maps + columns[0]) * n_targets * _VALUE)
                continue
            for column, strip in zip(columns, block, strict=True):
                self._file.fill(strip, ((row * n_maps + column) * n_targets + first) * _VALUE)
        return values if len(chosen) == last - first else values[:, :, chosen - first]


def _of_block(statistic: Statistic, block: tuple[Floats, Bools]) -> tuple[Floats, ...]:
    return statistic(*block)


def _stacked(statistic: CurveStatistic, values: Floats) -> npt.NDArray[np.floating]:
    return np.stack(statistic(values))


def _slices(length: int, step: int) -> Iterator[slice]:
    for start in range(0, length, step):
        yield slice(start, min(length, start + step))
