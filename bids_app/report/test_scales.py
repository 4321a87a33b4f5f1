from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.figure import Figure

from bids_app.report.scales import FADED, Categories, Scale, network_colours, position_scale, score_scale, signed_scale
from bids_app.yeo_networks import SCHEMES


def test_limits_come_from_the_data() -> None:
    values = np.linspace(-0.5, 0.2, 10_001)
    scale = score_scale([values, values / 2], "r")
    assert (scale.low, scale.high) == (0, 0.2)
    signed = signed_scale([values], "z", hidden_below=0.1)
    assert (signed.low, signed.high) == (-0.5, 0.5)


@pytest.mark.parametrize("values", [np.full(3, np.nan), np.zeros(3), np.array([-1.0])])
def test_limits_without_a_positive_value(values: npt.NDArray[np.float64]) -> None:
    assert score_scale([values], "r").high == 1


def test_missing_negative_and_weak_values() -> None:
    scale = Scale("r", 0, 1)
    rgba = scale.colours(np.array([np.nan, -0.2, 0.0, 0.5, 0.5, 1.0]), np.array([1, 1, 1, 1, 0, 0], bool))
    np.testing.assert_allclose(rgba[:, 3], [0, 0, 0, 1, FADED / 2, FADED])
    np.testing.assert_allclose(rgba[3, :3], scale.colour_map(0.5)[:3])


def test_signed_values_below_the_threshold_are_hidden() -> None:
    rgba = Scale("z", -4, 4, hidden_below=2).colours(np.array([-3.0, -1.0, 1.0, 3.0]))
    np.testing.assert_array_equal(rgba[:, 3], [1, 0, 0, 1])
    assert rgba[0, 2] > rgba[0, 0]  # blue
    assert rgba[3, 0] > rgba[3, 2]  # red


def test_positions_are_not_hidden_for_being_small() -> None:
    values = np.array([-5.0, 0.0, 0.1, 9.7, np.nan])
    scale = position_scale([values], "words")
    assert (scale.low, scale.high) == (-5, 10)
    np.testing.assert_array_equal(scale.colours(values)[:, 3], [1, 1, 1, 1, 0])
    faded = scale.colours(values, np.array([0, 1, 0, 0, 1], bool))[:, 3]
    np.testing.assert_allclose(faded, [FADED / 2, 1, FADED / 2, FADED / 2, 0])
    assert position_scale([np.full(3, 4.0)], "layer").high == 5
    fixed = position_scale([values], "fraction", 0.0, 1.0)
    assert (fixed.low, fixed.high) == (0, 1)


def test_categories() -> None:
    rgba = Categories("network", ("a", "b"), ("#ff0000", "#0000ff")).colours(np.array([1, 0, np.nan, -1]))
    np.testing.assert_array_equal(rgba, [[0, 0, 1, 1], [1, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]])


def test_networks_have_distinct_colours() -> None:
    names = ["Visual", "VentAttn", "SalVentAttn", *map(str, range(17))]
    colours = network_colours(names)
    assert colours[0] == "#781286"
    assert len(set(colours[3:])) == 17


def test_all_published_networks_have_their_colours_where_no_atlas_is_kept() -> None:
    """Regions are data without an atlas file: only the names of their networks are known."""
    for scheme in SCHEMES.values():
        assert network_colours(scheme.names) == scheme.colours
    assert network_colours(["17Networks_4", "Salience", "VisCent"]) == ("#2acca4", "#c43afa", "#781286")


@pytest.mark.parametrize("height", [1.2, 2.0, 5.0])  # inches: one row of grayordinates, of surfaces, and three of these
@pytest.mark.parametrize("names", [("Limbic", "Default"), tuple(f"SalienceVentralAttention{n}" for n in range(17))])
def test_the_key_of_networks_fits_into_the_figure(names: tuple[str, ...], height: float) -> None:
    figure = Figure(figsize=(9, height))
    axes = figure.add_axes(((9 - 1.25) / 9, 0.25, 0.13 / 9, 0.5))
    Categories("network", names, ("#ff0000",) * len(names)).draw_key(axes)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert all(upper.y0 > lower.y0 + 5 for upper, lower in pairwise(boxes))  # beside each other, not on each other
    assert all(box.x1 <= figure.bbox.x1 for box in boxes)
    assert boxes[0].y1 <= figure.bbox.y1
    assert boxes[-1].y0 >= 0


@pytest.mark.parametrize("height", [1.2, 4.0])
def test_a_long_label_is_no_longer_than_the_figure_is_high(height: float) -> None:
    figure = Figure(figsize=(6, height))
    axes = figure.add_axes((0.8, 0.3, 0.02, 0.4))
    Scale("mean Pearson correlation with held-out data", 0, 1).draw_key(axes)
    figure.canvas.draw()
    box = axes.yaxis.label.get_window_extent()
    assert box.y0 >= 0
    assert box.y1 <= figure.bbox.height
    assert axes.get_ylabel().replace("\n", " ") == "mean Pearson correlation with held-out data"
