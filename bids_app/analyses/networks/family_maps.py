"""The maps of all families, or atoms, in the order of their table of links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.analyses.networks.link_tables import Links, map_rows, order_of_atoms, short_name
from bids_app.bids.catalogue import STATISTICS
from bids_app.bids.geometry_base import Geometry
from bids_app.report.figures import spread
from bids_app.report.page import Page
from bids_app.report.panels import Panel
from bids_app.report.results import Results
from bids_app.report.scales import Scale, signed_scale

Array = npt.NDArray[Any]
MAP_STATS = ("z", "mean", "t", "beta")  # of the maps of atoms, the one that is drawn first


@dataclass(frozen=True)
class FamilyMaps:
    """Maps (n_families, n_targets) of one statistic with the names of their families (n_families,).

    `cuts` (n_families,) is the |value| from which each counts as active.
    """

    stat: str
    names: tuple[str, ...]
    values: Array
    cuts: Array
    geometry: Geometry

    def scale(self, place: int) -> Scale:
        """Colours of one map."""
        return signed_scale([self.values[place]], STATISTICS[self.stat].label, float(self.cuts[place]))


def family_maps(page: Page, results: Results, parts: Sequence[Links] | None) -> FamilyMaps | None:
    """The maps of the families of a table of links, or of all without one; None if there are none that match it."""
    maps = results.maps(results.atoms, MAP_STATS, several=True)
    if maps is None:
        return None
    names = maps.names if parts is None else parts[0].atoms
    rows = map_rows(names, maps.names)
    if rows is None:
        return None
    values = maps.values[rows]
    cuts = np.array([_cut(maps.stat, one, page) for one in values])
    return FamilyMaps(maps.stat, names, values, cuts, maps.geometry)


def _cut(stat: str, values: Array, page: Page) -> float:
    """Threshold of |value| as in the analysis: from a percentage of the brain, or in standard deviations."""
    if page.top_percent is not None:
        return float(np.nanquantile(np.abs(values), 1 - page.top_percent / 100)) or 1e-12
    return page.threshold if stat == "z" else max(page.threshold * spread(values), 1e-12)


def offer_maps(page: Page, results: Results, parts: Sequence[Links] | None, maps: FamilyMaps) -> None:
    """Offer the maps of all families in the interactive view, linked ones first."""
    noun = "Family" if results.kind == "families" else "Atom"
    order = range(len(maps.names)) if parts is None else order_of_atoms(parts)[0]
    for place in order:
        number = short_name(maps.names[place])
        panel = Panel(f"{noun} {number}", maps.values[place])
        page.offer(results, panel, maps.geometry, maps.scale(int(place)), family=number)
