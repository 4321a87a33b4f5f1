import json
from pathlib import Path

import numpy as np
import pytest

from bids_app.bids.errors import DatasetError
from bids_app.bids.words import read_words

TIMED = [("hello", 0.5, 0.9), ("my", 1.0, 1.4), ("world", 2.0, 2.5)]
ENTRIES = [{"word": word, "start": start, "end": end} for word, start, end in TIMED]
# As long as a minute of speech: times beyond 10,000 ms.
LONG = [{"text": f"w{at}", "start": 400 * at + 100, "end": 400 * at + 400, "confidence": 0.9} for at in range(60)]


@pytest.mark.parametrize(
    "content",
    [
        {"words": ENTRIES},
        ENTRIES,
        {"words": [entry | {"speaker": "A", "confidence": 0.9} for entry in ENTRIES]},  # Friends
        {"segments": [{"text": "hello my", "words": ENTRIES[:2]}, {"words": ENTRIES[2:]}], "word_segments": ENTRIES},
        [{"words": ENTRIES}],
        {"word_segments": [{"word": f" {word}", "start": start, "end": end} for word, start, end in TIMED]},
        {"tiers": {"words": {"type": "interval", "entries": [[start, end, word] for word, start, end in TIMED]},
                   "phones": {"type": "interval", "entries": [[0.5, 0.6, "HH"]]}}},
        {"tiers": [{"class": "IntervalTier", "name": "words",
                    "entries": [[0, 0.5, ""], *([start, end, word] for word, start, end in TIMED)]}]},
        {"words": [{"token": word, "onset": str(start), "duration": end - start} for word, start, end in TIMED]},
        {"Units": "ms", "words": [{"text": word, "start": a * 1000, "end": b * 1000} for word, a, b in TIMED]},
        {"words": [*ENTRIES[:1], {"word": "uh", "case": "not-found-in-transcript"}, *ENTRIES[1:]]},
    ],
)  # fmt: skip
def test_json_of_aligners_and_transcribers(tmp_path: Path, content: object) -> None:
    path = tmp_path / "tale.json"
    path.write_text(json.dumps(content))
    words = read_words(path)
    assert words.text == ("hello", "my", "world")
    np.testing.assert_allclose(words.onset, [0.5, 1.0, 2.0])
    np.testing.assert_allclose(words.duration, [0.4, 0.4, 0.5])


def test_words_without_times_keep_their_position(tmp_path: Path) -> None:
    path = tmp_path / "tale.json"
    path.write_text(json.dumps({"segments": [{"words": [ENTRIES[0], {"word": "1998"}, ENTRIES[2]]}]}))
    words = read_words(path)
    assert words.text == ("hello", "1998", "world")
    assert words.is_timed.tolist() == [True, False, True]


def test_milliseconds_are_taken_where_they_are_known(tmp_path: Path) -> None:
    path = tmp_path / "tale.json"
    path.write_text(json.dumps({"audio_duration": 25, "words": LONG}))
    np.testing.assert_allclose(read_words(path).onset[:2], [0.1, 0.5])
    plain = [{"word": entry["text"], "start": entry["start"], "end": entry["end"]} for entry in LONG]
    for undecided in (plain, LONG[:3]):
        path.write_text(json.dumps({"words": undecided}))
        with pytest.raises(DatasetError, match='add "Units": "ms"'):
            read_words(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"results": {}}, "the file holds results; a list of words has one of the keys"),
        ({"segments": [{"text": "a b", "start": 0, "end": 2}]}, "no times of single words"),
        ({"words": [{"start": 1, "end": 2}]}, "word 1 has no text"),
        ({"words": [["a", 1, 2]]}, "word 1 is"),
        ({"words": {"a": 1}}, "words is not a list but dict"),
        ({"words": [{"word": "a", "start": "soon", "end": 2}]}, "word 1: 'soon' is not a time"),
        ({"tiers": {"words": {"entries": [[1, 2]]}}}, "is not start, end, label"),
        ({"tiers": {"A - words": {"entries": []}, "B - words": {"entries": []}}}, "exactly one tier"),
        ({"words": []}, "there are no words"),
    ],
)
def test_other_json_is_explained(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "tale.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=message) as error:
        read_words(path)
    assert str(path) in str(error.value)


def test_speakers_may_talk_at_once(tmp_path: Path) -> None:
    path = tmp_path / "tale.json"
    other = {"word": "yes", "start": 0.6, "end": 0.8}
    path.write_text(json.dumps({"words": [*(entry | {"speaker": "A"} for entry in ENTRIES), other | {"speaker": "B"}]}))
    assert read_words(path).text == ("hello", "my", "world", "yes")
    path.write_text(json.dumps({"words": [*ENTRIES, other]}))
    with pytest.raises(DatasetError, match="not in temporal order"):
        read_words(path)
