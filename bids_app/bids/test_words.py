import json
from pathlib import Path

import numpy as np
import pytest

from bids_app.bids.conftest import from_shared
from bids_app.bids.errors import DatasetError
from bids_app.bids.textgrid import parse_textgrid
from bids_app.bids.words import Words, find_words, read_words

GENTLE = 'So,so,1.0,1.5\nI,,,\ndon\u2019t,don\'t,16.0,16.25\n"well, yes",<unk>,16.5,17.0\nnull,null,80.0,80.5\nend,,,\n'

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 3.5
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "phone"
        xmin = 0
        xmax = 3.5
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 3.5
            text = "sp"
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 3.5
        points: size = 1
        points [1]:
            number = 1.5
            mark = "7 clicks"
    item [3]:
        class = "IntervalTier"
        name = "Word"
        xmin = 0
        xmax = 3.5
        intervals: size = 5
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = "{BR}"
        intervals [2]:
            xmin = 0.5
            xmax = 1e0
            text = "say"
        intervals [3]:
            xmin = 1
            xmax = 2
            text = "\"\"caf\u00e9\"\""
        intervals [4]:
            xmin = 2
            xmax = 3
            text = "42"
        intervals [5]:
            xmin = 3
            xmax = 3.5
            text = ""
"""
SHORT = """File type = "ooTextFile short"
"TextGrid"

0
2
<exists>
1
"IntervalTier"
"words"
0
2
2
0
0.75
"hello"
0.75
2
"sp"
"""


def _write(path: Path, content: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode(encoding))
    return path


def test_gentle_csv_keeps_words_without_a_time(tmp_path: Path) -> None:
    words = read_words(_write(tmp_path / "align.csv", GENTLE))
    assert words.text == ("So", "I", "don't", "well, yes", "null", "end")
    np.testing.assert_array_equal(words.onset, [1.0, np.nan, 16.0, 16.5, 80.0, np.nan])
    np.testing.assert_array_equal(words.duration, [0.5, np.nan, 0.25, 0.5, 0.5, np.nan])
    np.testing.assert_array_equal(words.is_timed, [True, False, True, True, True, False])


def test_gentle_json_says_the_same_as_its_csv(tmp_path: Path) -> None:
    success = {"case": "success", "alignedWord": "x", "start": 16.0, "end": 16.25}
    entries = [{"word": "I", "case": "not-found-in-audio"}, {"word": "don\u2019t", **success}]
    words = read_words(_write(tmp_path / "align.json", json.dumps({"transcript": "I don't", "words": entries})))
    table = read_words(_write(tmp_path / "align.csv", "I,,,\ndon\u2019t,don't,16.0,16.25\n"))
    assert words.text == table.text == ("I", "don't")
    np.testing.assert_array_equal(words.onset, table.onset)
    np.testing.assert_array_equal(words.duration, table.duration)


def test_words_of_the_story_take_their_unaligned_neighbours_with_them(tmp_path: Path) -> None:
    words = read_words(_write(tmp_path / "align.csv", GENTLE)).shifted(4.5)
    story, index = words.within([(15.0, 60.0)])
    assert story.text == ("I", "don't", "well, yes")
    np.testing.assert_array_equal(index, [1, 2, 3])
    np.testing.assert_array_equal(story.onset, [np.nan, 20.5, 21.0])
    both, _ = words.within([(15.0, 60.0), (84.5, 85.0)])
    assert both.text == ("I", "don't", "well, yes", "null", "end")
    assert words.within([(85.0, 90.0)])[0].text == ()


def test_an_interval_holds_its_start_but_not_its_end() -> None:
    words = Words(np.array([0.9, 1.0, 2.0]), np.array([0.0, 0.0, 0.0]), ("early", "a", "b"))
    assert words.within([(1.0, 2.0)])[0].text == ("a",)


def test_a_word_belongs_where_its_midpoint_lies() -> None:
    words = Words(np.array([0.99, 1.9]), np.array([0.4, 0.3]), ("a", "b"))
    assert words.within([(1.0, 2.0)])[0].text == ("a",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_long_textgrid(tmp_path: Path, encoding: str) -> None:
    words = read_words(_write(tmp_path / "x.TextGrid", LONG, encoding))
    assert words.text == ("say", '"café"', "42")
    np.testing.assert_array_equal(words.onset, [0.5, 1, 2])
    np.testing.assert_array_equal(words.duration, [0.5, 1, 1])


def test_short_textgrid(tmp_path: Path) -> None:
    short = SHORT.replace("ooTextFile short", "ooTextFile")
    words = read_words(_write(tmp_path / "x.TextGrid", short, "utf-16"))
    assert (words.text, words.onset.tolist(), words.duration.tolist()) == (("hello",), [0.0], [0.75])


def test_all_interval_tiers_are_read() -> None:
    assert [(tier.name, len(tier.intervals)) for tier in parse_textgrid(LONG)] == [
        ("phone", 1),
        ("clicks", 0),
        ("Word", 5),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.TextGrid", LONG[:-60], "ends too early"),
        ("x.TextGrid", LONG.replace('"Word"', '"utterance"'), "'phone', 'clicks', 'utterance'"),
        ("x.TextGrid", "hello", "ends too early"),
        ("align.csv", "a,b\n", "row 1 has fewer than four cells"),
        ("align.csv", "I,,,\n", "none of the 1 words has a time"),
        ("align.csv", "I,i,5,4\n", r"row 1 \('I'\) ends at 4 s, before it starts"),
        ("align.csv", "I,i,five,6\n", "five"),
        ("align.json", "{}", "words"),
        ("x_words.tsv", "onset\tword\n1\tI\n", "the columns are onset, word"),
        ("x.lab", "", "its ending must be one of"),
    ],
)
def test_a_broken_word_list_is_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as error:
        read_words(_write(tmp_path / name, content))
    assert name in str(error.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x_words.tsv", 'onset\tduration\tword\n1.0\t0.5\tnan\nn/a\tn/a\t"so\n3.0\t1.0\tthere\n'),
        ("x_words.tsv", 'text\tonset\toffset\nnan\t1.0\t1.5\n"so\tn/a\tn/a\nthere\t3.0\t4.0\n'),
        ("x.csv", 'word,onset,end\nnan,1.0,1.5\n"""so",,\nthere,3.0,4.0\n'),
    ],
)
def test_tables_with_a_header(tmp_path: Path, name: str, content: str) -> None:
    words = read_words(_write(tmp_path / name, content))
    assert words.text == ("nan", '"so', "there")
    np.testing.assert_array_equal(words.onset, [1, np.nan, 3])
    np.testing.assert_array_equal(words.duration, [0.5, np.nan, 1])


@pytest.mark.parametrize(
    "name",
    [
        "stimuli/pieman_audio/align.csv",
        "stimuli/gentle/pieman/align.csv",
        "stimuli/gentle/pieman_audio/align.json",
        "stimuli/pieman.TextGrid",
        "stimuli/pieman_words.tsv",
    ],
)
def test_words_are_found_by_the_stem_of_the_stimulus(tmp_path: Path, name: str) -> None:
    expected = _write(tmp_path / name, "")
    assert find_words(tmp_path, "pieman_audio.wav") == expected


def test_annotations_come_first_with_and_without_their_stimuli_folder(tmp_path: Path) -> None:
    _write(tmp_path / "bids" / "stimuli" / "pieman.TextGrid", "")
    for name in ("more/pieman_words.tsv", "more/stimuli/gentle/pieman/align.csv"):
        expected = _write(tmp_path / name, "")
        assert find_words(tmp_path / "bids", "pieman_audio.wav", tmp_path / "more") == expected


def test_a_prefix_is_no_match_and_every_place_is_listed(tmp_path: Path) -> None:
    _write(tmp_path / "stimuli" / "piemanpni.TextGrid", "")
    with pytest.raises(FileNotFoundError, match=r"(?s)pieman_audio/align\.csv.*pieman\.TextGrid.*pieman_words\.tsv"):
        find_words(tmp_path, "pieman_audio.wav")


def test_words_of_alice() -> None:
    """The tale's own beginning, and the number of words counted by hand from the file's marks."""
    grid = from_shared("data/alice/alice.TextGrid")
    lines = [line.strip() for line in grid.read_text().splitlines() if line.strip().startswith("text = ")]
    words = read_words(grid)
    assert len(words) == sum(line not in {'text = "sp"', 'text = ""'} for line in lines) > 2100
    assert words.text[:10] == ("Alice", "was", "beginning", "to", "get", "very", "tired", "of", "sitting", "by")
    assert (np.diff(words.onset) > 0).all()
    assert words.onset[0] == pytest.approx(20.05891632653599)


def test_one_word_in_all_rows_is_no_column_of_words(tmp_path: Path) -> None:
    path = tmp_path / "tale_words.tsv"
    for texts in (["word"] * 30, ["a", *["word"] * 29]):
        rows = "".join(f"{0.4 * n:.1f}\t0.3\t{text}\n" for n, text in enumerate(texts))
        path.write_text(f"onset\tduration\tword\n{rows}")
        if texts[0] == "a":
            assert len(read_words(path).text) == 30
        else:
            with pytest.raises(DatasetError, match=r"all 29 others hold the same word \('word'\)"):
                read_words(path)
