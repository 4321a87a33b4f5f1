"""The sentence on a curve says when nothing is found."""

from dataclasses import replace

import numpy as np
import pytest

from bids_app.analyses.futures.report import _say
from bids_app.report.curves import Curve

CURVE = Curve(
    "all",
    "all",
    x=np.array([-4.0, 0.0, 5.0]),
    y=np.array([0.001, 0.002, 0.01]),
    low=np.full(3, np.nan),
    high=np.full(3, np.nan),
    peak=5.0,
    level=(0.003, 0.001, 0.005),
    base=0.1,
)


def test_a_gain_is_said_with_its_share_and_control() -> None:
    assert _say("syntax", CURVE) == "F of syntax is highest at d* = 5: +0.0100, +10 % of R; random words reach +0.0030."


@pytest.mark.parametrize(("shift", "level", "above"), [(-0.02, np.nan, "0"), (0.0, 0.02, "random words")])
def test_no_gain_is_not_found(shift: float, level: float, above: str) -> None:
    sentence = _say("syntax", replace(CURVE, y=CURVE.y + shift, level=(level, level, level)))
    assert sentence.startswith(f"No forecast of syntax is found: F is nowhere above {above} (")
