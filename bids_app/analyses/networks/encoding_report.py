"""The section about where families, or atoms, predict the brain."""

from __future__ import annotations

from bids_app.report import html
from bids_app.report.page import Page
from bids_app.report.panels import Panel
from bids_app.report.results import Maps, Results
from bids_app.report.scales import score_scale
from bids_app.report.scores import HELD_OUT, parcel_panels, passing, say_parcels, say_passing, score_cell


def atom_encoding(page: Page, results: Results) -> str:
    """Map of the held-out score of all families, or atoms, together."""
    found = fit_of_atoms(results)
    if found is None:
        return html.missing("No held-out score: this recording has no map of it (analysis networks).")
    desc, maps = found
    panel = Panel("Held-out score", maps.values[0], passing(results, maps, desc, 0))
    caption = f"How well all {results.kind} together predict held-out brain responses. {say_passing(panel, maps)}"
    caption += say_parcels(results, maps, desc, 0)
    panels = [panel, *parcel_panels(results, maps, desc, 0)]
    scale = score_scale([one.values for one in panels], HELD_OUT)
    return page.add_maps(panels, maps.geometry, scale, results, results.variant("fit"), caption)


def fit_of_atoms(results: Results) -> tuple[str, Maps] | None:
    """The held-out score and its desc: the group stores it separately from the maps of single families."""
    for desc, stat in ((results.variant(f"{results.kind}fit"), "mean"), (results.atoms, "r")):
        maps = results.maps(desc, [stat], several=False)
        if maps is not None:
            return desc, maps
    return None


def encoding_cell(results: Results) -> str:
    """The mean held-out score."""
    desc, maps = fit_of_atoms(results) or ("", None)
    return score_cell(results, maps, desc)
