from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from bids_app.report.curve_charts import draw_depths, draw_forecast, draw_forecasts
from bids_app.report.curves import Curve, contrast, depth_curves, distance_curves, networks, strongest_regions
from bids_app.report.curves import whole as find_whole

DISTANCES = [-4, 0, 4, 8, 12]
SHAPES = {
    ("all", "all"): [0.001, 0.002, 0.003, 0.006, 0.002],
    ("networks", "Default"): [0.0, 0.001, 0.009, 0.004, 0.0],
    ("regions", "flat"): [0.001, 0.001, 0.001, 0.001, 0.001],
    ("regions", "steep"): [0.0, 0.0, 0.001, 0.01, 0.0],
    ("regions", "past"): [0.01, 0.004, 0.0, 0.0, 0.0],
    ("regions", "empty"): [np.nan] * 5,
}


def group_table() -> pd.DataFrame:
    rows = []
    for (atlas, region), shape in SHAPES.items():
        columns = {"atlas": atlas, "region": region, "base": 0.05}
        rows.append(columns | {"window": "random", "distance": None, "mean": 0.0005, "low": 0.0, "high": 0.001})
        rows += [
            columns | {"window": "distance", "distance": d, "mean": m, "low": m - 0.001, "high": m + 0.002}
            for d, m in zip(DISTANCES, shape, strict=True)
        ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def peaks_table() -> pd.DataFrame:
    rows = [{"atlas": a, "region": r, "low": 4.0, "high": 12.0, "contrast": 0.5} for a, r in SHAPES]
    rows[2]["contrast"] = 2.0  # not what the curve says: the table wins
    return pd.DataFrame(rows)


def whole(curves: list[Curve]) -> Curve:
    found = find_whole(curves)
    assert found is not None
    return found


@pytest.fixture
def curves() -> list[Curve]:
    return distance_curves(group_table(), peaks_table())


def test_curves_are_those_of_the_table(curves: list[Curve]) -> None:
    assert {(curve.atlas, curve.region) for curve in curves} == set(SHAPES)
    for curve in curves:
        shape = np.array(SHAPES[curve.atlas, curve.region])
        np.testing.assert_array_equal(curve.x, DISTANCES)
        np.testing.assert_array_equal(curve.y, shape)
        np.testing.assert_allclose(curve.low, shape - 0.001)
        np.testing.assert_allclose(curve.high, shape + 0.002)
        assert curve.level == (0.0005, 0.0, 0.001)
        assert curve.peak_interval == (4, 12)
        assert curve.base == pytest.approx(0.05)
    everywhere = whole(curves)
    assert (everywhere.name, everywhere.peak, everywhere.at(8)) == ("everywhere", 8, 0.006)
    assert everywhere.best_below(0) == (0.001, -4)
    assert everywhere.share_of_base(0.006) == pytest.approx(0.12)
    assert np.isnan(everywhere.at(9))
    assert [curve.region for curve in networks(curves)] == ["Default"]


def test_a_participant_has_no_interval() -> None:
    table = group_table().rename(columns={"mean": "r"}).drop(columns=["low", "high"])
    curve = whole(distance_curves(table))
    assert not curve.has_interval
    assert curve.level[0] == 0.0005
    assert np.isnan(curve.peak_interval).all()


def test_strongest_regions(curves: list[Curve]) -> None:
    peaks = peaks_table()
    assert [c.region for c in strongest_regions(curves, 8, None, 2)] == ["steep", "flat"]
    assert strongest_regions(curves, 8, peaks, 1)[0].region == "flat"
    assert contrast(whole(curves), 8) == pytest.approx(0.004)
    assert [c.region for c in strongest_regions(curves, 8, None, 9)] == ["steep", "flat", "past"]
    assert strongest_regions(curves, None, None, 9) == []


def test_depth_of_a_peak_is_a_fraction() -> None:
    rows = [
        {"atlas": "all", "region": "all", "layer": k, "fraction": k / 4, "r": r}
        for k, r in enumerate([0.1, 0.4, 0.3, 0.2], start=1)
    ]
    peaks = pd.DataFrame(
        [{"atlas": "all", "region": "all", "group_curve": 2, "fraction": 0.5, "low": 1.0, "high": 3.0}]
    )
    (curve,) = depth_curves(pd.DataFrame(rows), peaks, "gpt2")
    np.testing.assert_array_equal(curve.x, [0.25, 0.5, 0.75, 1])
    assert (curve.peak, curve.peak_interval, curve.model) == (0.5, (0.25, 0.75), "gpt2")


def lines_of(axes: Axes) -> list[npt.NDArray[Any]]:
    return [np.column_stack(line.get_data()) for line in axes.lines]


def test_the_curve_and_its_controls_are_drawn(curves: list[Curve]) -> None:
    curve = whole(curves)
    figure = draw_forecast(curve, tested=8, window=7)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    drawn = lines_of(axes)
    assert any(len(line) == 5 and np.allclose(line, np.column_stack([curve.x, curve.y])) for line in drawn)
    assert any(np.allclose(line[:, 1], curve.level[0]) for line in drawn)  # random words
    (past,) = (patch.get_bbox() for patch in axes.patches[:1] if isinstance(patch, Rectangle))
    assert (past.x0, past.x1) == (-4, 0)
    texts = {text.get_text() for text in axes.texts}
    assert {"d* = 8", "past words only (control)", "words to come only"} <= texts
    dots = [line[0, 0] for line in drawn if len(line) == 1]
    assert dots == [8, 8]  # d* and the tested distance
    bars = [line for line in drawn if len(line) == 2 and np.allclose(line[:, 0], [4, 12])]
    assert len(bars) == 1


def test_without_a_past_nothing_is_shaded(curves: list[Curve]) -> None:
    curve = whole(distance_curves(group_table().query("distance >= 0 or window == 'random'")))
    axes = draw_forecast(curve, tested=None, window=None).axes[0]
    assert not axes.patches
    assert "past words only (control)" not in {text.get_text() for text in axes.texts}


def test_small_charts_share_their_axis(curves: list[Curve]) -> None:
    figure = draw_forecasts(curves, ["k"] * len(curves))
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == [curve.name for curve in curves]
    assert len({axes.get_ylim() for axes in shown}) == 1


def test_models_lie_on_the_same_axes() -> None:
    def curve(model: str, n: int) -> Curve:
        rows = [{"atlas": "all", "region": "all", "layer": k, "fraction": k / n, "r": k} for k in range(1, n + 1)]
        return depth_curves(pd.DataFrame(rows), None, model)[0]

    figure = draw_depths([[curve("a", 3), curve("b", 8)]], ["k"], {"a": "#112233", "b": "#445566"})
    labelled = {str(line.get_label()): line for line in figure.axes[0].lines}
    assert {
        name: (line.get_color(), np.size(line.get_xdata()))
        for name, line in labelled.items()
        if not name.startswith("_")
    } == {
        "a": ("#112233", 3),
        "b": ("#445566", 8),
    }
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]
