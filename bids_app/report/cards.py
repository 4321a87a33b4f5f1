"""Cards of families, or atoms: what every analysis knows of each, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bids_app.report import html


@dataclass(frozen=True)
class Fact:
    """A number in the head of a card by which cards sort: its value, and its text."""

    value: float
    text: str


@dataclass(frozen=True)
class CardPart:
    """What one analysis knows of a family.

    Attributes
    ----------
    rank : parts are shown in this order
    body : HTML inside the opened card
    facts : numbers by which cards sort, by name, the largest first
    words : words that drive the family, strongest first
    linked : networks that it is linked to, as text
    picture : HTML in the head of the card
    """

    rank: int
    body: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    linked: str = ""
    picture: str = ""


@dataclass(frozen=True)
class Card:
    """A family or an atom: its name, number, anchor in the page, and parts in their order."""

    name: str
    number: str
    anchor: str
    parts: tuple[CardPart, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """Words that drive it."""
        return tuple(word for part in self.parts for word in part.words)

    @property
    def linked(self) -> str:
        """Networks that it is linked to."""
        return "; ".join(part.linked for part in self.parts if part.linked)

    @property
    def facts(self) -> dict[str, Fact]:
        """All numbers of its head."""
        return {name: fact for part in self.parts for name, fact in part.facts.items()}


def draw_cards(cards: Sequence[Card], anchor: str, recording: int, in_view: bool) -> str:
    """All cards with fields that sort and search them; `anchor` is that of the list.

    With `in_view`, each card has a button that shows its map of recording number `recording` in the interactive view.
    """
    names = list(dict.fromkeys(name for card in cards for name in card.facts))
    options = ['<option value="place">linked first</option>', '<option value="number">number</option>']
    options += [
        f'<option value="fact{place}" data-order="falling">{html.escape(name)}</option>'
        for place, name in enumerate(names)
    ]
    tools = (
        f'<div class="controls script-only"><label class="choice">Sort by <select data-sorts="{anchor}">'
        f'{"".join(options)}</select></label><label class="choice wide">Search words and networks '
        f'<input type="search" data-filters="{anchor}"></label>'
        f'<span class="count" id="{anchor}-count" role="status">{len(cards)} shown</span></div>'
    )
    body = "\n".join(_card(card, place, names, recording, in_view) for place, card in enumerate(cards))
    return f'{tools}\n<div class="cards" id="{anchor}">\n{body}\n</div>'


def _card(card: Card, place: int, names: Sequence[str], recording: int, in_view: bool) -> str:
    facts = card.facts
    data = [f'data-place="{place}"', f'data-number="{html.escape(card.number)}"']
    data += [f'data-fact{i}="{facts[name].value:.6g}"' for i, name in enumerate(names) if name in facts]
    told = [html.escape(fact.text) for fact in facts.values()]
    linked = f'<span class="linked">{html.escape(card.linked)}</span>' if card.linked else ""
    words = f'<span class="words">{html.escape(", ".join(card.words))}</span>' if card.words else ""
    picture = "".join(part.picture for part in card.parts)
    button = (
        f'<button type="button" data-family="{html.escape(card.number)}" data-recording="{recording}" hidden>'
        f"Show its map on the brain</button>"
    )
    body = "\n".join(part.body for part in card.parts if part.body)
    return (
        f'<article class="card" id="{card.anchor}" {" ".join(data)}>\n<details class="main"><summary>'
        f'<span class="name">{html.escape(card.name)}</span>{linked}{words}'
        f'<span class="facts">{" · ".join(told)}</span>{picture}</summary>\n'
        f'<p>{button * in_view}</p>\n{body}\n<p><a href="#{card.anchor}">Link to this card</a></p>\n'
        "</details>\n</article>"
    )
