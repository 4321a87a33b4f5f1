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
    """Maps (n_families, n_targets) of one statistic, and the |value| from which each counts as active (n_families,)."""

    stat: str
    values: Array
    cuts: Array
    geometry: Geometry

    def scale(self, place: int) -> Scale:
        """Colours of one map."""
        return signed_scale([self.values[place]], STATISTICS[self.stat].label, float(self.cuts[place]))


def family_maps(page: Page, results: Results, parts: Sequence[Links]) -> FamilyMaps | None:
    """The maps of the families of a table of links; None if there are none that match it."""
    maps = results.maps(results.atoms, MAP_STATS, several=True)
    rows = None if maps is None else map_rows(parts[0].atoms, maps.names)
    if maps is None or rows is None:
        return None
    values = maps.values[rows]
    cuts = np.array([_cut(maps.stat, one, page) for one in values])
    return FamilyMaps(maps.stat, values, cuts, maps.geometry)


def _cut(stat: str, values: Array, page: Page) -> float:
    """Threshold of |value| as in the analysis: from a percentage of the brain, or in standard deviations."""
    if page.top_percent is not None:
        return float(np.nanquantile(np.abs(values), 1 - page.top_percent / 100)) or 1e-12
    return page.threshold if stat == "z" else max(page.threshold * spread(values), 1e-12)


def offer_maps(page: Page, results: Results, parts: Sequence[Links], maps: FamilyMaps) -> None:
    """Offer the maps of all families in the interactive view, linked ones first."""
    noun = "Family" if results.kind == "families" else "Atom"
    order, _ = order_of_atoms(parts)
    for place in order:
        number = short_name(parts[0].atoms[place])
        panel = Panel(f"{noun} {number}", maps.values[place])
        page.offer(results, panel, maps.geometry, maps.scale(int(place)), family=number)
