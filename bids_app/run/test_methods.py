"""The methods text names the settings of the run, and each cited work once."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bids_app import __version__
from bids_app.run.methods import methods_text
from bids_app.settings import Settings

SCORES = "Scores of held-out responses"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "in", tmp_path / "out", "participant", model=("tiny", "large"))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, f"neurons2networks {__version__}"),
        ({}, "tiny, large"),
        ({"high_pass": 0.01}, "high-passed at 0.01 Hz"),
        ({"smoothing_fwhm": 6.0}, "smoothed at 6 mm"),
        ({"confounds": ("trans_*", "rot_*")}, "(choice: trans_* rot_*)"),
        ({"repeats": "average"}, "were averaged"),
        ({"context": "left"}, "with left context only."),
        ({"context": "300"}, "at least 300 tokens of left context"),
        ({"analysis": ("brainscore",), "pca": 17}, "reduced to 17 principal components"),
        ({"analysis": ("brainscore",), "folds": 7}, "averaged over 7 contiguous folds"),
    ],
)
def test_settings_are_named(settings: Settings, change: dict[str, Any], text: str) -> None:
    assert text in methods_text(replace(settings, **change))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"high_pass": 0.0}, "high-passed"),
        ({"smoothing_fwhm": 0.0}, "smoothed"),
        ({"analysis": ("brainscore",), "pca": 0}, "principal components"),
        ({"analysis": ("networks",)}, SCORES),
    ],
)
def test_steps_that_were_not_taken_are_not_named(settings: Settings, change: dict[str, Any], text: str) -> None:
    assert text not in methods_text(replace(settings, **change))


def test_settings_are_compared_with_the_preset_or_the_defaults(settings: Settings) -> None:
    usual = replace(settings, model=("gpt2",))
    assert "All settings were the defaults." in methods_text(usual)
    assert "Different were: `folds = 7 (default 5)`." in methods_text(replace(usual, folds=7))
    published = replace(usual, preset="sun2024", links="dice", dictionary_scope="story")
    assert "All settings were those of the preset sun2024, else the defaults." in methods_text(published)
    changed = methods_text(replace(published, links="conditional"))
    assert 'Different were: `links = "conditional" (preset sun2024 "dice")`.' in changed


def test_every_analysis_has_a_paragraph_and_what_they_share_is_told_once(settings: Settings) -> None:
    text = methods_text(
        replace(settings, analysis=("networks", "brainscore", "forecast", "futures", "depth", "variance"))
    )
    body, cited = text.split("## To cite\n\n")
    assert body.count(SCORES) == 1
    assert len(body.strip().split("\n\n")) == 1 + 3 + 6 + 1  # title; data, model, scores; analyses; settings
    references = cited.strip().split("\n")
    assert len(references) == len(set(references)) > 5
    assert all(re.match(r"- \S", reference) for reference in references)
