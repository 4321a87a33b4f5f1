import re
from xml.etree import ElementTree

import numpy as np

from bids_app.report import svg


def test_words_under_peaks_do_not_overlap_and_text_is_escaped() -> None:
    times = np.arange(400) * 1.5
    peaks = [(float(time), 1.0, "<long> & word") for time in range(0, 600, 7)]
    tree = ElementTree.fromstring(svg.draw_course(times, np.sin(times), peaks, "sd", "alt & <text>"))
    words = [text for text in tree.iter("text") if text.get("class") == "word"]
    assert words[0].text == "<long> & word"
    places = sorted(float(word.get("x", "nan")) for word in words)
    assert 3 < len(places) < len(peaks)
    assert min(np.diff(places)) >= 6.6 * len("<long> & word")


def test_the_course_runs_through_its_values() -> None:
    text = svg.draw_course(np.array([0.0, 10.0, 20.0]), np.array([0.0, 2.0, 1.0]), [], "sd", "alt")
    (points,) = re.findall(r'points="([^"]+)"', text)
    x, y = np.array([[float(number) for number in point.split(",")] for point in points.split()]).T
    np.testing.assert_allclose(np.diff(x), np.diff(x)[0], atol=0.11)
    np.testing.assert_allclose((y[0] - y[2]) / (y[0] - y[1]), 0.5, atol=0.01)


def test_bars_are_as_tall_as_the_counts() -> None:
    text = svg.draw_layers({1: 10, 3: 5}, 4, "alt")
    heights = [float(height) for height in re.findall(r'<rect [^>]*height="([\d.]+)"', text)]
    np.testing.assert_allclose(heights, [60, 0, 30, 0])
