import struct
from pathlib import Path

import pytest

from bids_app.bids.errors import DatasetError
from bids_app.bids.words import read_words

WORDS = [(f"w{at}", at * 0.4, at * 0.4 + 0.3) for at in range(12)]


def _gentle(rows: list[tuple[str, float, float]]) -> str:
    return "".join(f"{word},{word},{start:.2f},{end:.2f}\n" for word, start, end in rows)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(word, start, start + 60) for word, start, _ in WORDS], "last 60 s in the median"),
        ([(word, start, start + 6) for word, start, _ in WORDS], "last into the next words"),
        ([(word, 1.0, 1.3) for word, _, _ in WORDS], "within 0 s"),
        ([(word, start * 1000, end * 1000) for word, start, end in WORDS], "are the times milliseconds"),
        ([(word, start * 1000, start * 1000) for word, start, _ in WORDS], "stand apart by 400 s"),
        ([(word, start / 60, end / 60) for word, start, end in WORDS], "last 0.01 s|start within"),
        (WORDS[::-1], r"row 2 \('w10'\) starts at 4 s, but an earlier word starts at 4\.4 s"),
        ([*WORDS[:4], WORDS[5], WORDS[4], *WORDS[6:]], r"row 6 \('w4'\)"),
        ([*WORDS, *WORDS], r"row 13 \('w0'\) starts at 0 s"),  # two recordings in one file
        ([*WORDS[:3], ("x", 2.0, 1.0)], r"row 4 \('x'\) ends at 1 s, before it starts"),
        ([("x", -5.0, -4.0), *WORDS], r"row 1 \('x'\) starts at -5 s, before the audio"),
    ],
)
def test_impossible_times_name_the_row(tmp_path: Path, rows: list[tuple[str, float, float]], message: str) -> None:
    (tmp_path / "align.csv").write_text(_gentle(rows))
    with pytest.raises(DatasetError, match=message) as error:
        read_words(tmp_path / "align.csv")
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        (WORDS[:1], "only one word"),
        ([*WORDS[:5], ("x", WORDS[4][1] - 0.05, 2.0), *WORDS[6:]], "1 words start slightly before"),
        ([*WORDS[:-1], ("long", 5.0, 17.0)], "1 words last more than 10 s"),
    ],
)
def test_odd_times_are_reported(
    tmp_path: Path, rows: list[tuple[str, float, float]], note: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "align.csv").write_text(_gentle(rows))
    words = read_words(tmp_path / "align.csv")
    assert words.text == tuple(word for word, _, _ in rows)
    assert note in caplog.text
    assert any(note in text for text in words.counts.notes)


def test_usual_times_need_no_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "align.csv").write_text(_gentle(WORDS) + "I,,,\n")
    assert read_words(tmp_path / "align.csv").counts.notes == ()
    assert not caplog.records


def _wav(seconds: float, says_length: bool = True, rate: int = 8000) -> bytes:
    n_bytes = int(seconds * rate) * 2
    head = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * 2, 2, 16) + b"LIST" + struct.pack("<I", 3)
    length = n_bytes if says_length else 0xFFFFFFFF
    return b"RIFF" + struct.pack("<I", 36 + n_bytes) + head + b"abc\0data" + struct.pack("<I", length) + b"\0" * n_bytes


@pytest.mark.parametrize("says_length", [True, False])
@pytest.mark.parametrize("name", ["gentle/tale/align.csv", "tale/align.csv", "tale_words.csv"])
def test_words_end_with_their_audio(tmp_path: Path, name: str, says_length: bool) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_gentle(WORDS))
    audio = tmp_path / "tale_audio.wav"
    audio.write_bytes(_wav(5, says_length))
    assert len(read_words(path)) == 12
    audio.write_bytes(_wav(2, says_length))
    with pytest.raises(
        DatasetError, match=r"5 of 12 words begin after the end of the audio .*tale_audio.wav \(2\.00 s\)"
    ):
        read_words(path)
    audio.write_bytes(b"RIFF")  # says nothing
    assert len(read_words(path)) == 12
