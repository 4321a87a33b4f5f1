"""What the pages of participants and of the group have in common, in the order in which a reader asks."""

from __future__ import annotations

from collections.abc import Sequence

from bids_app.analyses.record import Section
from bids_app.pages.cards import cards_section, find_cards
from bids_app.pages.front import Front, front
from bids_app.pages.quality import quality
from bids_app.pages.sections import RenderedSection, methods, render, summary
from bids_app.report.figures import style
from bids_app.report.page import Page
from bids_app.report.results import Results

CARDS = 70  # rank of the last section before the cards: the links, which the cards explain


def body(
    page: Page, all_results: Sequence[Results], sections: Sequence[Section], more: Sequence[RenderedSection] = ()
) -> tuple[Front, list[RenderedSection]]:
    """The first screen and all sections: answers, cards, `more`, quality of the data, methods."""
    if not all_results:
        return Front(), [*more, methods(page)]
    with style():
        before = render(page, all_results, [section for section in sections if section.rank <= CARDS])
        after = render(page, all_results, [section for section in sections if section.rank > CARDS])
        cards = find_cards(page, all_results)
        first = front(page, all_results, cards)
    shown = [results for results in all_results if page.maps.of(results)]
    table = summary(all_results)
    numbers = [("numbers", "The numbers in short", table)] if table else []
    ends = [*more, *quality(page, all_results), methods(page)]
    return first, [*numbers, *before, *cards_section(all_results, cards, shown), *after, *ends]
