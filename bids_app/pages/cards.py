"""Cards of all families, or atoms: what the analyses know of each, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bids_app.analyses.registry import ANALYSES
from bids_app.pages.sections import RenderedSection
from bids_app.report import html
from bids_app.report.cards import Card, CardPart, draw_cards
from bids_app.report.page import Page
from bids_app.report.results import Results, titles

ANCHOR, HEADING = "cards", "What does each family of neurons respond to?"


def find_cards(page: Page, all_results: Sequence[Results]) -> dict[int, list[Card]]:
    """The cards of each of the results, by position: those of the first variant of the dictionary."""
    found = {place: _cards(page, results.variants()[0], place) for place, results in enumerate(all_results)}
    return {place: cards for place, cards in found.items() if cards}


def _cards(page: Page, results: Results, place: int) -> list[Card]:
    parts: dict[str, list[CardPart]] = {}
    for analysis in ANALYSES:
        known = analysis.report().cards
        for number, part in (known(page, results) if known else {}).items():
            parts.setdefault(number, []).append(part)
    noun = "Family" if results.kind == "families" else "Atom"
    prefix = f"data{place + 1}-" if place else ""
    cards = [
        Card(f"{noun} {number}", number, f"{prefix}{noun.lower()}-{number}", tuple(sorted(of, key=_rank)))
        for number, of in parts.items()
    ]
    return sorted(cards, key=lambda card: (not card.linked, _order(card.number)))


def _rank(part: CardPart) -> int:
    return part.rank


def _order(number: str) -> tuple[int, str]:
    return (int(number), "") if number.isdecimal() else (10**9, number)


def cards_section(
    all_results: Sequence[Results], cards: Mapping[int, Sequence[Card]], shown: Sequence[Results]
) -> list[RenderedSection]:
    """The section of the cards, none without cards; `shown` are the results in the interactive view, in its order."""
    if not cards:
        return []
    bodies = []
    for place, (results, title) in enumerate(zip(all_results, titles(all_results), strict=True)):
        if place not in cards:
            continue
        heading = html.heading(title) if len(cards) > 1 else ""
        in_view = any(one is results for one in shown)
        recording = next((i for i, one in enumerate(shown) if one is results), 0)
        chosen = html.paragraph(text) if (text := _of_several(results)) else ""
        bodies.append(heading + chosen + draw_cards(cards[place], f"cards-{place + 1}", recording, in_view))
    kind = all_results[min(cards)].variants()[0].kind
    intro = (
        f"One card per {'family' if kind == 'families' else 'atom'}, linked ones first: the words at which it is "
        "highest, how far low-level features explain it, its time course, its passages, links and layers. ↑: the "
        "network rises with it; ↓: the network falls."
    )
    return [(ANCHOR, HEADING, html.paragraph(intro) + "\n" + "\n".join(bodies))]


def _of_several(results: Results) -> str:
    """Which dictionary the cards describe, where several were learned."""
    variants = [one for one in results.variants() if not one.atoms.endswith("Shifted")]
    if len(variants) < 2:
        return ""
    named = ", ".join(one.description.get("atoms", one.kind) for one in variants)
    return f"Of the dictionaries ({named}), the cards and the interactive map show that of the first."
