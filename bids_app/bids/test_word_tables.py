import json
from pathlib import Path

import numpy as np
import pytest

from bids_app.bids.errors import DatasetError
from bids_app.bids.words import Words, read_words, words_from_events

EXPECTED = (("hello", "my", "world"), [0.5, 1.0, 2.0], [0.4, 0.4, 0.5])


def _read(path: Path, content: str) -> Words:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return read_words(path)


def _summary(words: Words) -> tuple[tuple[str, ...], list[float], list[float]]:
    return words.text, words.onset.round(6).tolist(), words.duration.round(6).tolist()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", "word,start,end,score\nhello,0.5,0.9,1\nmy,1,1.4,1\nworld,2,2.5,0.1\n"),  # whisperX
        (
            "x.csv",
            "Begin,End,Label,Type,Speaker\n0.5,0.9,hello,words,a\n1,1.4,my,words,a\n1.4,2,,words,a\n2,2.5,world,words,a\n"
            "0.5,0.7,HH,phones,a\n",
        ),
        ("x.csv", "onset;duration;word\n0,5;0,4;hello\n1;0,4;my\n2,0;0,5;world\n"),  # Excel, German
        ("x.tsv", "onset\tduration\tword\n0,5\t0,4\thello\n1\t0,4\tmy\n2,0\t0,5\tworld\n"),
        ("x.tsv", "Start_Time\tStop\tToken\t\n.5\t0.9\thello\t\n1\t1.4\tmy\t\n2\t2.5\tworld\t\n"),
        ("x.tsv", "xmin,xmax,text\n0.5,0.9,hello\n1,1.4,my\n2,2.5,world\n"),  # commas in a .tsv
        ("x.tsv", "onset_ms\tduration_ms\tword\n500\t400\thello\n1000\t400\tmy\n2000\t500\tworld\n"),
        ("x.tsv", "start (ms)\tend\tlabel\n500\t900\thello\n1000\t1400\tmy\n2000\t2500\tworld\n"),
        ("x.tsv", "onset [s]\toffset\tword\n0.5\t0.9\thello\n1\t1.4\tmy\n2\t2.5\tworld\n"),
        ("x.tsv", "onset\tduration\tend\tword\n0.5\t0.4\t0.9\thello\n1\t0.4\t1.4\tmy\n2\t0.5\t2.5\tworld\n"),
        (
            "x.tsv",
            "tier\tonset\tduration\tword\nphones\t.5\t.1\tHH\nwords\t.5\t.4\thello\nwords\t1\t.4\tmy\nwords\t2\t.5\tworld\n",
        ),
        ("x.tsv", "section\tonset\tduration\tword\n1\t.5\t.4\thello\n2\t1\t.4\tmy\n2\t2\t.5\tworld\n"),  # times run on
        ("x.tsv", "onset\tduration\tword\n2\t.5\tworld\n.5\t.4\thello\n1\t.4\tmy\n"),  # sorted by something else
        (
            "x.tsv",
            "onset\tduration\tword\n.5\t.4\thello\n.9\t.1\tsp\n1\t.4\tmy\n1.4\t.6\tn/a\n1.5\t.1\t{BR}\n2\t.5\tworld\n",
        ),
        ("align.csv", "hello;hello;0,5;0,9\nmy;my;1;1,4\nworld;<unk>;2;2,5\n"),  # gentle's, saved by Excel
    ],
)
def test_tables_as_people_have_them(tmp_path: Path, name: str, content: str) -> None:
    assert _summary(_read(tmp_path / name, content)) == EXPECTED


def test_the_sidecar_says_the_unit(tmp_path: Path) -> None:
    (tmp_path / "x_words.json").write_text(json.dumps({"onset": {"Units": "ms"}, "duration": {"Units": "ms"}}))
    content = "onset\tduration\tword\n500\t400\thello\n1000\t400\tmy\n2000\t500\tworld\n"
    assert _summary(_read(tmp_path / "x_words.tsv", content)) == EXPECTED
    with pytest.raises(DatasetError, match=r'milliseconds.*onset_ms.*"Units": "ms"'):
        _read(tmp_path / "y_words.tsv", content)
    (tmp_path / "x_words.json").write_text(json.dumps({"onset": {"Units": "TR"}}))
    with pytest.raises(DatasetError, match="'TR'; it must be s or ms"):
        read_words(tmp_path / "x_words.tsv")


def test_a_list_of_words_beside_a_table_is_no_sidecar(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "x_words.json").write_text(json.dumps([{"word": "hello", "start": 0.5, "end": 0.9}]))
    with caplog.at_level("INFO"):
        words = _read(tmp_path / "x_words.tsv", "onset\tduration\tword\n0.5\t0.4\thello\n1\t0.4\tmy\n2\t0.5\tworld\n")
    assert _summary(words) == EXPECTED
    assert "x_words.json holds a list, no description of the columns of x_words.tsv: it is passed over" in caplog.text
    (tmp_path / "x_words.json").write_text("3")
    with pytest.raises(DatasetError, match=r"x_words\.json must hold a JSON object"):
        read_words(tmp_path / "x_words.tsv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("onset\tduration\tword\n", "there are no words: the file is empty"),
        ("onset\tduration\tword\n1\t1\tsp\n2\t1\t\n", "only 2 pauses"),
        ("0.5\t0.9\thello\n", r"the columns are 0\.5, 0\.9, hello; needed"),
        ("onset\tduration\tword\n1\t1\n", "row 2 has 2 cells, the header 3"),
        ("onset\tduration\tword\n1\t1\ta\tb\n", "row 2 has 4 cells"),
        ("onset\tonset\tduration\tword\n1\t1\t1\ta\n", "two columns are called onset"),
        ("onset\tduration\tend\tword\n1\t1\t9\ta\n", "start, duration and end do not fit"),
        ("onset\toffset\tword\n10\t.3\ta\n11\t.4\tb\n", "if the column holds durations, call it duration"),
        ("onset\tduration\tword\n1:02\t1\ta\n", "row 2: '1:02' is not a time"),
        ("onset\tduration\tword\n1\t1e400\ta\n", "row 2: '1e400' is not a time"),
        ("onset (s)\tend_ms\tword\n1\t1300\ta\n2\t2300\tb\n", None),
        ("section\tonset\tduration\tword\n1\t.1\t.2\ta\n1\t.4\t.2\tb\n2\t.1\t.2\tc\n", "several sections"),
        ("tier\tonset\tduration\tword\nA - words\t1\t.4\ta\nB - words\t1\t.4\tb\n", "exactly one tier"),
        ("start\tend\ttext\n0\t5\tHello there, you\n5\t9\tit is me again\n", "hold several words"),
        ("onset\tduration\tword\n0,5\t0.4\ta\n", "'0,5' is not a time"),  # a comma and a point
    ],
)
def test_tables_that_cannot_be_read_are_explained(tmp_path: Path, content: str, message: str | None) -> None:
    if message is None:  # each column has its own unit
        assert _read(tmp_path / "x_words.tsv", content).duration.round(6).tolist() == [0.3, 0.3]
        return
    with pytest.raises(DatasetError, match=message) as error:
        _read(tmp_path / "x_words.tsv", content)
    assert "x_words.tsv" in str(error.value)


def test_words_of_an_events_file(tmp_path: Path) -> None:
    """As in Reading Brain: milliseconds, words without an onset, rows of other events."""
    path = tmp_path / "x_events.tsv"
    path.write_text(
        "onset\tduration\ttrial_type\tword\n-100\t300\tread\tThe\nn/a\tn/a\tread\told\n500\t300\tread\tcat\n900\t9\tcross\tn/a\n"
    )
    words = words_from_events(path, {"onset": {"Units": "ms"}, "duration": {"Units": "ms"}})
    assert words.text == ("The", "old", "cat")
    np.testing.assert_allclose(words.onset, [-0.1, np.nan, 0.5])
    assert words.counts.n_unaligned == 1
    with pytest.raises(DatasetError, match="milliseconds"):
        words_from_events(path)


def test_what_a_file_held_is_counted(tmp_path: Path) -> None:
    words = _read(tmp_path / "align.csv", "So,so,1.0,1.5\nI,,,\nwent,<unk>,2,2.4\nhome,home,3,3.2\n")
    assert (words.counts.n_words, words.counts.n_unaligned, words.counts.n_unknown) == (4, 1, 1)
    assert words.shifted(4.0).within([(5.0, 6.0)])[0].counts == words.counts
