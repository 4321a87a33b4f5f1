"""What the log and the sidecars say of what was heard more than once."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from bids_app.analyses.work import Work
from bids_app.inputs.fits import Fit
from bids_app.inputs.sources import Sources
from bids_app.inputs.test_averages import STORIES, play, responses
from bids_app.inputs.timing import StimulusTiming
from bids_app.settings import Settings

AT_ONCE, LATER, BETWEEN = play(), play(onset=6.0), play(onset=3.6)  # volumes of the last lie between the others'


@pytest.mark.parametrize(
    ("repeats", "timings", "handled"),
    [
        ("together", (AT_ONCE, LATER), "in one fold"),
        ("average", (AT_ONCE, LATER), "averaged"),
        (
            "average",
            (AT_ONCE, BETWEEN),
            "in one fold, not averaged: no two runs have volumes at the same times of it",
        ),
        (
            "average",
            (AT_ONCE, BETWEEN, LATER),
            "in one fold, after averaging run-0 with run-2 (others have volumes at other times of it)",
        ),
    ],
)
def test_what_was_done_about_repeats(repeats: str, timings: tuple[StimulusTiming, ...], handled: str) -> None:
    settings = Settings(bids_dir=Path("in"), out_dir=Path("out"), level="participant", repeats=repeats)
    runs = tuple(SimpleNamespace(label=f"run-{number}") for number in range(len(timings)))
    fit = cast("Fit", SimpleNamespace(name="sub-01", runs=runs))
    work = Work(cast("Sources", SimpleNamespace(settings=settings, stories=STORIES)), fit)
    work.__dict__["runs"] = responses(*timings)[0]
    (repeated,) = work.repeated["Repeated"]
    assert repeated["Handled"] == handled
