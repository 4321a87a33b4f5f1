"""The section about where the atoms predict the brain."""

from __future__ import annotations

from bids_app.report import html
from bids_app.report.page import Page
from bids_app.report.panels import Panel
from bids_app.report.results import Maps, Results
from bids_app.report.scales import score_scale
from bids_app.report.scores import HELD_OUT, parcel_panels, passing, say_parcels, say_passing, score_cell


def atom_encoding(page: Page, analysis: Results) -> str:
    """Map of the held-out score of all atoms together."""
    found = fit_of_atoms(analysis)
    if found is None:
        return html.missing("No held-out score of the atoms: this recording has no map of it (analysis networks).")
    what, maps = found
    panel = Panel("Held-out score", maps.values[0], passing(analysis, maps, what, 0))
    caption = f"How well all {analysis.kind} together predict held-out brain responses. {say_passing(panel, maps)}"
    caption += say_parcels(analysis, maps, what, 0)
    panels = [panel, *parcel_panels(analysis, maps, what, 0)]
    scale = score_scale([one.values for one in panels], HELD_OUT)
    return page.add_maps(panels, maps.geometry, scale, analysis, analysis.variant("fit"), caption)


def fit_of_atoms(analysis: Results) -> tuple[str, Maps] | None:
    """The held-out score of the atoms, and what it is called: the group keeps it apart from the atoms' own maps."""
    for what, stat in ((analysis.variant(f"{analysis.kind}fit"), "mean"), (analysis.atoms, "r")):
        maps = analysis.maps(what, [stat], several=False)
        if maps is not None:
            return what, maps
    return None


def encoding_cell(analysis: Results) -> str:
    """The mean held-out score of the atoms."""
    what, maps = fit_of_atoms(analysis) or ("", None)
    return score_cell(analysis, maps, what)
