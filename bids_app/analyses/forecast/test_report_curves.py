from dataclasses import replace

from bids_app.analyses.forecast.report_curves import say_curve
from bids_app.report.curves import Curve
from bids_app.report.test_curves import curves  # noqa: F401


def test_the_sentence_on_the_curve(curves: list[Curve]) -> None:  # noqa: F811
    by_name = {curve.region: curve for curve in curves}
    sentence = say_curve(by_name["all"], 8)
    assert sentence == (
        "F is highest at d* = 8 (95 % interval 4 to 12): +0.0060, +12 % of R. Random words reach +0.0005; the best "
        "past window (d\u00a0=\u00a0−4) reaches +0.0010."
    )
    assert "d* = −4, in the past" in say_curve(by_name["past"], 8)
    assert "words ahead add less: 0.0000 at the tested distance, 8" in say_curve(by_name["past"], 8)
    weak = replace(by_name["all"], level=(0.007, 0.0, 0.01))
    assert "Random words reach as much or more: +0.0070" in say_curve(weak, 8)
