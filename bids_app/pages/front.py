"""The first screen of a page: the answer in a picture and up to three sentences, and the evidence beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bids_app.analyses.registry import ANALYSES
from bids_app.report import html
from bids_app.report.cards import Card
from bids_app.report.figures import draw_maps
from bids_app.report.interactive.maps import InteractiveMap
from bids_app.report.interactive.view import Regions, View, draw
from bids_app.report.page import Page
from bids_app.report.panels import Panel
from bids_app.report.parcels import draw as draw_parcels
from bids_app.report.parcels import order_of
from bids_app.report.regions import parts_of, region_labels
from bids_app.report.results import Results, mean_of, titles
from bids_app.report.scales import Scale, network_colours

_MOST_SENTENCES = 3
_MOST_RESULTS = 4  # whose answers stand on the first screen
_MOST_PARCELS = 20
_MOST_WORDS = 3  # of a family, beside a place that is clicked


@dataclass(frozen=True)
class Front:
    """The first screen as HTML, and the views that it holds."""

    body: str = ""
    views: tuple[View, ...] = ()


def front(page: Page, all_results: Sequence[Results], cards: Mapping[int, Sequence[Card]]) -> Front:
    """The first screen; `cards` are those of each of the results, by position. Empty where there are no results."""
    if not all_results:
        return Front()
    views = find_views(page, all_results, cards)
    still = _still(page, all_results[0], views[0]) if views else ""
    picture = draw(views, still) if views else _chart(page, all_results[0]) + html.missing(_why_no_view(all_results))
    beside = _beside(page, all_results)
    told = _answers(all_results)
    aside = f'<aside class="evidence" aria-label="Evidence">{beside}</aside>' if beside else ""
    return Front(f'<div class="answer">{told}\n{picture}</div>\n{aside}', tuple(views))


def _answers(all_results: Sequence[Results]) -> str:
    """At most three sentences for each of the results."""
    answers = sorted((one for analysis in ANALYSES for one in analysis.report().answers), key=lambda one: one.rank)
    paragraphs = []
    for results, title in list(zip(all_results, titles(all_results), strict=True))[:_MOST_RESULTS]:
        variant = results.variants()[0]
        sentences = [text for one in answers if (text := one.text(variant))][:_MOST_SENTENCES]
        prefix = f"{title}: " if len(all_results) > 1 and sentences else ""
        if sentences:
            paragraphs.append(html.paragraph(prefix + " ".join(sentences), "takeaway"))
    return "\n".join(paragraphs)


def _beside(page: Page, all_results: Sequence[Results]) -> str:
    """What analyses show beside the picture, of the first results that have it; of several, it is said which."""
    bodies = []
    named = list(zip(all_results, titles(all_results), strict=True))
    for analysis in ANALYSES:
        beside = analysis.report().beside
        known = ((title, beside(page, results)) for results, title in named) if beside else iter(())
        title, body = next(((title, body) for title, body in known if body), ("", ""))
        whose = html.paragraph(f"Of {title}; all follow below.", "count") if body and len(named) > 1 else ""
        bodies += [whose + body] if body else []
    return "\n".join(bodies)


def _why_no_view(all_results: Sequence[Results]) -> str:
    """Why there is no interactive map, and what is there instead."""
    if any("seg" in results.entities for results in all_results):
        return (
            "Parcels have no positions here, so no map can be turned or clicked; charts of more of them follow below."
        )
    return "No map can be turned or clicked: its mesh is not available; pictures, or what to do, follow below."


def find_views(page: Page, all_results: Sequence[Results], cards: Mapping[int, Sequence[Card]]) -> list[View]:
    """The interactive maps of each of the results that has any."""
    views = []
    for place, (results, title) in enumerate(zip(all_results, titles(all_results), strict=True)):
        maps = page.maps.of(results)
        if maps:
            networks, parcels = (_regions(page, maps[0], atlas) for atlas in ("atlas", "regions"))
            views.append(View(title, tuple(maps), networks, parcels, _families(cards.get(place, ()))))
    return views


def _regions(page: Page, one: InteractiveMap, atlas: str) -> Regions | None:
    found = region_labels(page.out_dir, one.whole or one.geometry, atlas)
    if found is None:
        return None
    names, labels = found
    if one.whole is not None:
        labels = np.nan_to_num(one.whole.cortex.on_mesh(labels.astype(float))).astype(int)
    return Regions(tuple(names), tuple(network_colours(names)), labels)


def _families(cards: Sequence[Card]) -> dict[str, dict[str, Any]]:
    """What is said of each family at a place that is clicked, by number."""
    return {
        card.number: {"anchor": card.anchor, "words": card.words[:_MOST_WORDS], "links": card.linked} for card in cards
    }


def _chart(page: Page, results: Results) -> str:
    """The highest values of the first map, of parcels, or of networks where a mesh is missing; "" without a map."""
    one = page.maps.chart_of(results)
    if one is None or not isinstance(one.colouring, Scale):
        return ""
    if one.geometry.has_own_names:
        names, values, passing, what = one.geometry.target_names, one.values, one.passing, "parcels"
        tested = "" if passing is None else " Filled: q < 0.05."
    else:
        parts, of = parts_of(page.out_dir, one.geometry)
        names, passing, what = tuple(parts), np.zeros(len(parts), dtype=bool), f"means of {of}"
        values = np.array([mean_of(one.values[targets]) for targets in parts.values()])
        tested = " Means are not tested."  # and so drawn hollow
    shown = order_of(values, _MOST_PARCELS)
    if not len(shown):
        return ""
    figure = draw_parcels([Panel(one.title, values, passing)], names, one.colouring, _MOST_PARCELS)
    caption = f"{one.title}: the {len(shown)} highest of {len(names)} {what}.{tested}"
    told = [f"{names[row]} {values[row]:.3g}" for row in shown]
    alt = f"Dots. {'; '.join(told)}. {caption}"
    return page.add(figure, results, "front", alt=alt, caption=caption)


def _still(page: Page, results: Results, view: View) -> str:
    """The picture that stands in for the interactive view in print and without scripts: its first map."""
    one: InteractiveMap = view.maps[0]
    tested = one.passing is not None
    passing = one.passing if one.passing is not None and one.passing.any() else None
    figure = draw_maps([Panel(one.title, one.values, passing)], one.geometry, one.colouring)
    told = " Full colour: q < 0.05." if passing is not None else " Nowhere is q < 0.05." if tested else ""
    caption = f"{one.title}.{told}"
    return page.add(figure, results, "front", alt=f"Map of the brain. {caption}", caption=caption)
