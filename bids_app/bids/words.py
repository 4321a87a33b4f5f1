"""The words of a stimulus and their times."""

import dataclasses
import logging
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bids_app.bids.audio import audio_beside, wav_seconds
from bids_app.bids.content import require_content
from bids_app.bids.errors import DatasetError
from bids_app.bids.event_words import rows_of_events
from bids_app.bids.textgrid import read_textgrid
from bids_app.bids.word_files import REFUSED, find_words
from bids_app.bids.word_json import read_word_json
from bids_app.bids.word_rows import WordList, WordRow, is_mark
from bids_app.bids.word_tables import read_table
from bids_app.bids.word_times import check_audio, checked

__all__ = ["WordCounts", "Words", "find_words", "read_words", "words_from_events"]

FloatArray = npt.NDArray[np.float64]

# Typographic apostrophes become plain ones, because tokenizers know contractions with plain apostrophes.
_APOSTROPHES = str.maketrans("\u2018\u2019\u02bc", "'''")
_LONGEST_WORD = 1000  # letters; longer than any word, including compounds and names of molecules
# Natural Stories appends the position in the text to each word.
_NUMBERED = re.compile(r"(.*\S)\s+/\s+\d+(\.\d+)*", re.DOTALL)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WordCounts:
    """Entries of a word list other than words with a time: a summary for the user.

    `n_unaligned` words have no time, `n_left_out` entries are not words (pauses, noise, other tiers), `n_unknown` words
    are unknown to the aligner (their text is known); `notes` are sentences about irregularities.
    """

    n_words: int = 0
    n_unaligned: int = 0
    n_left_out: int = 0
    n_unknown: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Words:
    """One row per word, in the order of the text.

    `onset` and `duration` (n_words,) are seconds, from the start of the audio file unless `shifted`. Unaligned
    words keep their position in the text and have NaN for both. `counts` are those of the whole file.
    """

    onset: FloatArray
    duration: FloatArray
    text: tuple[str, ...]
    counts: WordCounts = WordCounts()

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self.text)

    @property
    def is_timed(self) -> npt.NDArray[np.bool_]:
        """Which words have a time (n_words,)."""
        return np.isfinite(self.onset)

    def shifted(self, seconds: float) -> "Words":
        """Return the same words `seconds` later; words without a time stay without."""
        return dataclasses.replace(self, onset=self.onset + seconds)

    def timed_within(self, intervals: Iterable[tuple[float, float]]) -> npt.NDArray[np.bool_]:
        """Which words (n_words,) have a time and their midpoint in one of the intervals, see `within`."""
        return _lies_in(self.onset + self.duration / 2, intervals)

    def within(self, intervals: Iterable[tuple[float, float]]) -> tuple["Words", npt.NDArray[np.intp]]:
        """Return the words whose midpoint lies in one of the intervals (start ≤ midpoint < end), and their indices.

        Midpoints are used because event tables are rounded, and a first word may start a few milliseconds too early. A
        word without a time follows the next word with one (the last words follow the previous one).
        """
        midpoint = _filled_in(self.onset + self.duration / 2)
        index = np.flatnonzero(_lies_in(midpoint, intervals))
        text = tuple(self.text[i] for i in index)
        return Words(self.onset[index], self.duration[index], text, self.counts), index


def _lies_in(times: FloatArray, intervals: Iterable[tuple[float, float]]) -> npt.NDArray[np.bool_]:
    """Which times lie in one of the intervals (start ≤ time < end); NaN in none."""
    inside = np.zeros(len(times), dtype=bool)
    for start, end in intervals:
        inside |= (times >= start) & (times < end)
    return inside


def _filled_in(times: FloatArray) -> FloatArray:
    timed = np.flatnonzero(np.isfinite(times))
    if timed.size == 0:
        return times
    following = np.searchsorted(timed, np.arange(len(times)))
    return times[timed[np.minimum(following, timed.size - 1)]]


def read_words(path: Path) -> Words:
    """Read words from an aligner's file or a table; the extension determines the format.

    Formats: gentle's align.csv and align.json, Praat TextGrids, JSON of the Montreal Forced Aligner, Whisper with times
    of words, AssemblyAI and Friends, and tables (.tsv, .csv) with a header: `onset` (`start`, `begin`), `duration` (or
    `end`, `offset`, `stop`), `word` (`text`, `token`, `label`). Pauses and noises are left out and counted; unaligned
    words keep their position; typographic apostrophes become plain ones. A WAV file of the same name gives the end of
    the audio. The times of words in an events.tsv start at the first word. Raises DatasetError if the file cannot be
    read, holds no word with a time, or holds impossible times.
    """
    require_content(path)
    if path.name.endswith("_events.tsv"):
        words = words_from_events(path)
        return words.shifted(-float(np.nanmin(words.onset)))
    ending = path.suffix.lower()
    if ending not in _READERS:
        way_out = REFUSED.get(ending, f"its ending must be one of {', '.join(_READERS)}")
        raise DatasetError(f"{path} cannot be read as a list of words with times: {way_out}.")
    with _named(path):
        words = _words(_READERS[ending](path), audio=audio_beside(path))
    for note in words.counts.notes:
        _log.warning("%s: %s", path, note)
    return words


def words_from_events(path: Path, sidecar: Mapping[str, object] | None = None) -> Words:
    """Words that are rows of an events.tsv (columns onset, duration, word), in seconds from the first volume.

    `sidecar` is the content of the JSON files of the table (`{"onset": {"Units": "ms"}}`), which are read by default.
    Rows without a word are other events; words without an onset keep their position. Raises DatasetError.
    """
    with _named(path):
        words = _words(rows_of_events(path, sidecar), may_start_before=True)
    for note in words.counts.notes:
        _log.warning("%s: %s", path, note)
    return words


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Put the path before the message about a file, unless it is already there."""
    try:
        yield
    except DatasetError as error:
        if str(path) in str(error):
            raise
        raise DatasetError(f"{path}: {error}") from error


def _words(word_list: WordList, may_start_before: bool = False, audio: Path | None = None) -> Words:
    texts = _texts(word_list.rows)
    rows = [
        row if text == row.text else row._replace(text=text)
        for row, text in zip(word_list.rows, texts, strict=True)
        if not is_mark(text)
    ]
    n_left_out = word_list.n_left_out + len(word_list.rows) - len(rows)
    if not rows:
        raise DatasetError(
            f"there are no words, only {n_left_out} pauses or other marks: align the transcript with the audio again."
            if n_left_out
            else "there are no words: the file is empty. Get it again, or align the transcript with the audio."
        )
    _check_texts(rows)
    is_timed = np.array([math.isfinite(row.start) and math.isfinite(row.end) for row in rows])
    if not is_timed.any():
        raise DatasetError(f"none of the {len(rows)} words has a time: align the transcript with the audio again.")
    timed, notes = checked(
        dataclasses.replace(
            word_list,
            rows=[row for row, is_one in zip(rows, is_timed, strict=True) if is_one],
            sortable=word_list.sortable and bool(is_timed.all()),
        ),
        may_start_before,
    )
    seconds = None if audio is None else wav_seconds(audio)
    if seconds is not None:
        notes += check_audio(timed, seconds, str(audio))
    notes += _notes(rows, is_timed)
    in_order = iter(timed)
    rows = [next(in_order) if is_one else row for row, is_one in zip(rows, is_timed, strict=True)]
    times = np.array([(row.start, row.end) for row in rows])
    times[~is_timed] = np.nan
    counts = WordCounts(len(rows), int((~is_timed).sum()), n_left_out, word_list.n_unknown, tuple(notes))
    return Words(times[:, 0], times[:, 1] - times[:, 0], tuple(row.text for row in rows), counts)


def _texts(rows: Sequence[WordRow]) -> list[str]:
    """Texts of rows without blanks, line ends and positions (as in Natural Stories) around the word."""
    plain = (row.text if row.text.isascii() else row.text.translate(_APOSTROPHES) for row in rows)
    texts = [" ".join(text.split()) for text in plain]
    numbered = [_NUMBERED.fullmatch(text) if "/" in text else None for text in texts]
    if 2 * sum(match is not None for match in numbered) > sum(bool(text) for text in texts):
        texts = [text if match is None else match[1] for text, match in zip(texts, numbered, strict=True)]
    return texts


def _check_texts(rows: Sequence[WordRow]) -> None:
    """Raise DatasetError for rows that are sentences, or not words of any language."""
    longest = max(rows, key=lambda row: len(row.text))
    if len(longest.text) > _LONGEST_WORD:
        raise DatasetError(
            f"{longest.location} holds {len(longest.text):,} letters ({longest.text[:40]!r} …), where a word has at "
            f"most {_LONGEST_WORD}: correct the row, or align the text with the audio again."
        )
    n_words = [len(row.text.split()) for row in rows]
    if sum(n_words) > 2.5 * len(rows):
        row = rows[int(np.argmax(n_words))]
        raise DatasetError(
            f"{row.location} and others hold several words ({row.text[:40]!r}): "
            "one row must be one word; align the text with the audio."
        )
    if len(rows) > 2 and len({row.text for row in rows}) == 1:
        raise DatasetError(
            f"{rows[0].location} and all {len(rows) - 1} others hold the same word ({rows[0].text[:40]!r}): is it the "
            "column of the words? Correct it, or align again."
        )


def _notes(rows: Sequence[WordRow], is_timed: npt.NDArray[np.bool_]) -> list[str]:
    notes = []
    half = [row for row in rows if math.isfinite(row.start) != math.isfinite(row.end)]
    if half:
        notes.append(
            f"{len(half)} words have only one of start and end and count as not aligned, first {half[0].location}."
        )
    damaged = [row for row in rows if "\ufffd" in row.text]
    if damaged:
        notes.append(
            f"{len(damaged)} words have lost letters (\ufffd), first {damaged[0].location}: get the file again."
        )
    if len(rows) < 3:
        notes.append("there is only one word." if len(rows) == 1 else "there are only two words.")
    if 2 * is_timed.sum() < len(rows):
        notes.append(f"only {is_timed.sum()} of {len(rows)} words have a time.")
    return notes


_READERS: dict[str, Callable[[Path], WordList]] = {
    ".csv": read_table,
    ".json": read_word_json,
    ".textgrid": read_textgrid,
    ".tsv": read_table,
}
