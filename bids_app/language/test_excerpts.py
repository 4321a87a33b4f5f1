import numpy as np

from bids_app.language.excerpts import AROUND, excerpts


def test_the_extremes_come_first_and_do_not_overlap() -> None:
    words = [f"w{i}" for i in range(100)]
    course = np.zeros(100)
    course[[10, 12, 50, 90]] = [5, 4, 6, 3]
    course[70] = -7
    found = excerpts(words, course, 3)
    assert [one.word for one in found] == [50, 10, 90]
    assert [one.value for one in found] == [6, 5, 3]
    assert "*w10*" in found[1].text
    assert "*w12*" in found[1].text  # fires, and lies in the passage of the higher peak
    assert "w11" in found[1].text.split()
    assert found[0].text.split()[0] == f"w{50 - AROUND}"
    lowest = excerpts(words, course, 1, sign=-1)[0]
    assert (lowest.word, lowest.value) == (70, -7)


def test_a_short_story_has_fewer() -> None:
    assert len(excerpts(["a", "b"], np.array([1.0, -1.0]), 20)) == 1
    assert excerpts([], np.zeros(0), 20) == []
