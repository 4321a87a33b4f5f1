import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from bids_app.report.figures import draw_rows
from bids_app.report.panels import Panel, Picture
from bids_app.report.scales import Scale


def test_pictures_and_outlines_lie_where_they_belong() -> None:
    """A red spot with an outline round it, at the top left of the second of two pictures in the second of two rows."""
    plain = Picture("left lateral", np.ones((40, 60, 4)))
    region = np.zeros((40, 60))
    spotted = Picture("left lateral", np.ones((40, 60, 4)), region)
    spotted.pixels[4:12, 6:30], region[4:12, 6:30] = (1, 0, 0, 1), 1
    panels = [Panel(title, np.zeros(1)) for title in ("", "")]
    figure = draw_rows(panels, [[plain, plain], [plain, spotted]], Scale("r", 0, 1))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = np.asarray(canvas.buffer_rgba())[..., :3].astype(float) / 255
    per_pixel = figure.dpi * (10 - 1.4) / 120  # dots of the figure per pixel of a picture: two of 60 beside the key
    maps = image[:, : int(120 * per_pixel)]
    red = np.argwhere((maps[..., 0] > 0.9) & (maps[..., 1] < 0.1))
    title, dots_high = 0.28 * figure.dpi, 40 * per_pixel
    wanted = (2 * title + dots_high + 8 * per_pixel, (60 + 18) * per_pixel)  # the middle of the spot
    # Dot i lies from i to i + 1, so its middle is at i + 0.5. A picture's edges are rounded to whole dots.
    np.testing.assert_allclose(red.mean(axis=0) + 0.5, wanted, atol=1.5)
    assert np.ptp(red, axis=0) == pytest.approx((8 * per_pixel, 24 * per_pixel), abs=4)
    dark = np.argwhere(maps[: int(2 * title + 2 * dots_high)].max(axis=-1) < 0.3)
    np.testing.assert_allclose((dark.min(axis=0) + dark.max(axis=0) + 1) / 2, wanted, atol=1.5)
    assert np.ptp(dark, axis=0) == pytest.approx((8 * per_pixel, 24 * per_pixel), abs=4)
