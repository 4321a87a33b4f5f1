"""The lesions of one fit: the sub-group of each network at each dose, and random sets that match it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bids_app.networks.lesion_sets import MOST_SHARED, cells_of, expected_share, matched_draw, size_of

Ints = npt.NDArray[np.int64]

SUBGROUP = "subgroup"
CONTROLS = ("activity", "layer", "random")
MATCHED = ("activity", "layer")


@dataclass(frozen=True)
class Neurons:
    """All neurons of a model, layers and units counted from 0.

    Attributes
    ----------
    layer_of, unit_of : (n_neurons,)
    activity : (n_neurons,) mean |activation| over the words of the stories
    """

    layer_of: Ints
    unit_of: Ints
    activity: npt.NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of neurons."""
        return len(self.layer_of)

    def cells(self, control: str) -> Ints:
        """Within which a control draws its neurons, (n_neurons,)."""
        if control == "activity":
            return cells_of(self.activity, self.layer_of)
        return self.layer_of if control == "layer" else np.zeros(len(self), dtype=np.int64)

    def by_layer(self, neurons: Ints) -> dict[int, Ints]:
        """Units of each layer."""
        layers = self.layer_of[neurons]
        return {int(layer): self.unit_of[neurons[layers == layer]] for layer in np.unique(layers)}


@dataclass(frozen=True)
class Lesion:
    """One set of neurons: of a network's sub-group, or a draw (from 1) of a control; `random` is of no network."""

    control: str
    network: str
    dose: float
    draw: int
    neurons: Ints


@dataclass(frozen=True)
class LesionPlan:
    """All lesions, the intact model first.

    Attributes
    ----------
    networks : with a sub-group, in the order of the atlas
    lesions : see `Lesion`
    omitted : what was left out, and why, one sentence each
    """

    networks: tuple[str, ...]
    doses: tuple[float, ...]
    controls: tuple[str, ...]
    lesions: tuple[Lesion, ...]
    omitted: tuple[str, ...] = field(default=())

    @cached_property
    def _rows(self) -> dict[tuple[str, str, float], list[int]]:
        rows: dict[tuple[str, str, float], list[int]] = {}
        for row, each in enumerate(self.lesions):
            rows.setdefault((each.control, each.network, each.dose), []).append(row)
        return rows

    def rows(self, control: str, network: str, dose: float) -> list[int]:
        """Lesions of a control for a network at a dose, by draw; empty if it was left out."""
        return self._rows.get((control, "" if control == "random" else network, dose), [])

    def row_of(self, network: str, dose: float) -> int | None:
        """The lesion of a network's sub-group; None if the sub-group is too small for the dose."""
        found = self.rows(SUBGROUP, network, dose)
        return found[0] if found else None

    @cached_property
    def reading_of(self) -> Ints:
        """Which of the different sets each lesion is, (n_lesions,): networks of one family share sets and draws."""
        numbers: dict[bytes, int] = {}
        return np.array([numbers.setdefault(each.neurons.tobytes(), len(numbers)) for each in self.lesions])

    @cached_property
    def different(self) -> list[int]:
        """The first lesion with each of the different sets."""
        return [int(row) for row in np.unique(self.reading_of, return_index=True)[1]]

    @property
    def main_dose(self) -> float:
        """The middle of the doses; 0 without any."""
        return self.doses[len(self.doses) // 2] if self.doses else 0.0

    @cached_property
    def subgroups(self) -> list[int]:
        """Rows of all lesions of sub-groups."""
        return [row for row, each in enumerate(self.lesions) if each.control == SUBGROUP]


def plan_lesions(
    strongest: Mapping[str, Ints],
    neurons: Neurons,
    doses: Sequence[float],
    controls: Sequence[str],
    n_draws: int,
    seed: int,
) -> LesionPlan:
    """Plan the lesions of networks whose neurons are given by falling strength.

    A draw depends on the seed, the set that it matches, its control and its number alone, so that participants with the
    same sub-group share it.
    """
    omitted: list[str] = []
    lesions = [Lesion("intact", "", 0.0, 0, np.zeros(0, dtype=np.int64))]
    wanted = sorted(set(doses))
    doses = tuple(dose for dose in wanted if size_of(dose, len(neurons)))
    omitted.extend(f"{dose:.3g} %: that is no neuron of {len(neurons)}" for dose in wanted if dose not in doses)
    for network, ordered in strongest.items():
        for dose in doses:
            size = size_of(dose, len(neurons))
            if size > len(ordered):
                omitted.append(
                    f"{network} at {dose:.3g} %: its sub-group has {len(ordered)} neurons, {size} are needed"
                )
                continue
            chosen = np.sort(ordered[:size])
            lesions.append(Lesion(SUBGROUP, network, dose, 0, chosen))
            lesions.extend(_matched(chosen, network, dose, neurons, controls, n_draws, seed, omitted))
    if "random" in controls and strongest:
        lesions.extend(_random(doses, len(neurons), n_draws, seed))
    return LesionPlan(tuple(strongest), doses, tuple(controls), tuple(lesions), tuple(omitted))


def _matched(
    chosen: Ints,
    network: str,
    dose: float,
    neurons: Neurons,
    controls: Sequence[str],
    n_draws: int,
    seed: int,
    omitted: list[str],
) -> Iterator[Lesion]:
    for control in MATCHED:
        if control not in controls:
            continue
        cells = neurons.cells(control)
        shared = expected_share(chosen, cells)
        if shared > MOST_SHARED:
            kind = "layer and activity" if control == "activity" else "layer"
            omitted.append(
                f"{network} at {dose:.3g} %, control {control}: no matched control is possible, because the set fills "
                f"most of its layers (draws of the same {kind} would share {100 * shared:.0f} % of it)"
            )
            continue
        random = np.random.default_rng([seed, CONTROLS.index(control), *chosen.tolist()])
        for draw in range(1, n_draws + 1):
            yield Lesion(control, network, dose, draw, matched_draw(chosen, cells, random))


def _random(doses: Sequence[float], n_neurons: int, n_draws: int, seed: int) -> Iterator[Lesion]:
    for dose in doses:
        size = size_of(dose, n_neurons)
        random = np.random.default_rng([seed, CONTROLS.index("random"), size])
        for draw in range(1, n_draws + 1):
            yield Lesion("random", "", dose, draw, np.sort(random.choice(n_neurons, size=size, replace=False)))
