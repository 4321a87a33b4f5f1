"""The methods text names what was computed, and cites it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bids_app.analyses.networks.link_outputs import FAMILY_LINKS
from bids_app.analyses.networks.methods import paragraph
from bids_app.analyses.references import KONG_2025, NEWTON_2004, SUN_2024, WANG_2020, WESTFALL_YOUNG_1993
from bids_app.encoding.dictionary import REPRODUCIBLE
from bids_app.networks.conditional._gate import ALLOWS_LINKS
from bids_app.networks.conditional._links import BAYESIAN_FDR
from bids_app.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "in", tmp_path / "out", "participant")


def test_conditional_links_name_their_settings_and_steps(settings: Settings) -> None:
    found = paragraph(dataclasses.replace(settings, links="conditional", restarts=7, n_spins=123))
    for text in (
        "with 7 random starts",
        "123 random rotations",
        "probability above 0.5",
        "within 8 %",
        "rho below 0.8",
    ):
        assert text in found.text
    assert {SUN_2024, WANG_2020, WESTFALL_YOUNG_1993, NEWTON_2004} <= set(found.cites)
    assert KONG_2025 not in found.cites
    assert "Dice" not in found.text


def test_columns_and_text_state_the_bounds_of_the_list(settings: Settings) -> None:
    found = paragraph(settings).text
    column = FAMILY_LINKS.columns["linked"]
    assert f"at most {BAYESIAN_FDR}" in column
    assert f"rho is at least {REPRODUCIBLE}" in column
    assert f"gate_p is at most {ALLOWS_LINKS} " in column
    assert f"at most {ALLOWS_LINKS}," in found


def test_published_links_are_labelled(settings: Settings) -> None:
    found = paragraph(dataclasses.replace(settings, links="dice", top_percent=5))
    for text in ("published method", "not to be trusted", "strongest 5 % of the brain"):
        assert text in found.text
    assert {SUN_2024, KONG_2025} <= set(found.cites)
    assert WANG_2020 not in found.cites
    assert "random starts" not in found.text
