from dataclasses import replace

from bids_app.analyses.forecast.report_curves import say_curve
from bids_app.analyses.forecast_files import peak_cell
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


def test_the_headline_gives_no_distance_where_there_is_no_forecast(curves: list[Curve]) -> None:  # noqa: F811
    """A curve has a highest point whatever it shows."""
    by_name = {curve.region: curve for curve in curves}
    assert ">8<" in peak_cell(by_name["all"])
    below_random = replace(by_name["all"], level=(0.007, 0.0, 0.01))
    negative = replace(by_name["all"], y=by_name["all"].y - 1, level=(-0.5, -1.0, 0.0))
    for curve, reason in (
        (by_name["past"], "F is highest at d = −4, not ahead"),
        (replace(by_name["past"], peak=0.0, y=by_name["past"].y * 0 + 1), "F is highest at d = 0, not ahead"),
        (below_random, "F is nowhere above random words"),
        (negative, "F is nowhere above 0"),
    ):
        assert ">none<" in peak_cell(curve)
        assert reason in peak_cell(curve).replace("\u00a0", " ")
        assert say_curve(curve, 8).startswith("No forecast is found: ")
    assert peak_cell(replace(by_name["all"], peak=float("nan"))) == ""
