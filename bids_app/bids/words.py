"""The words of a stimulus and when they were said."""

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bids_app.bids.errors import DatasetError
from bids_app.bids.text import read_text
from bids_app.bids.textgrid import is_silence, word_intervals

FloatArray = npt.NDArray[np.float64]
Row = tuple[str, float, float]  # text, start, end in seconds

# Typographic apostrophes become plain ones: tokenizers know the contractions of the plain one.
_APOSTROPHES = str.maketrans("\u2018\u2019\u02bc", "'''")


@dataclass(frozen=True, eq=False)
class Words:
    """One row per word, in the order of the text.

    `onset` and `duration` (n_words,) are seconds, from the start of the audio file unless `shifted`. Words that could
    not be aligned keep their place in the text and have NaN for both.
    """

    onset: FloatArray
    duration: FloatArray
    text: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self.text)

    @property
    def is_timed(self) -> npt.NDArray[np.bool_]:
        """Which words have a time (n_words,)."""
        return np.isfinite(self.onset)

    def shifted(self, seconds: float) -> "Words":
        """Return the same words `seconds` later; words without a time stay without."""
        return Words(self.onset + seconds, self.duration, self.text)

    def within(self, intervals: Iterable[tuple[float, float]]) -> tuple["Words", npt.NDArray[np.intp]]:
        """Return the words whose midpoint lies in one of the intervals (start ≤ midpoint < end), and their indices.

        The midpoint, because tables of events are rounded and a first word may start a few milliseconds too early. A
        word without a time goes with the next word that has one (the last words with the one before).
        """
        place = _places(self.onset + self.duration / 2)
        inside = np.zeros(len(self), dtype=bool)
        for start, end in intervals:
            inside |= (place >= start) & (place < end)
        index = np.flatnonzero(inside)
        return Words(self.onset[index], self.duration[index], tuple(self.text[i] for i in index)), index


def _places(times: FloatArray) -> FloatArray:
    timed = np.flatnonzero(np.isfinite(times))
    if timed.size == 0:
        return times
    following = np.searchsorted(timed, np.arange(len(times)))
    return times[timed[np.minimum(following, timed.size - 1)]]


def read_words(path: Path) -> Words:
    """Read words from gentle's align.csv or align.json, a Praat TextGrid, or a table with a header (.tsv, .csv).

    A table needs the columns `onset`, `word` (or `text`) and `duration` (or `offset`, `end`). Pauses, noises and empty
    rows are dropped; typographic apostrophes become plain ones. Raises DatasetError when the file cannot be read, holds
    no word with a time, or holds times that are impossible.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DatasetError(f"{path} is no word list: its ending must be one of {', '.join(_READERS)}.")
    try:
        rows = reader(read_text(path))
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path} could not be read as a list of words with times: {error!r}.") from error
    return _checked_words(path, [(text.translate(_APOSTROPHES).strip(), *times) for text, *times in rows])


def _checked_words(path: Path, rows: Sequence[tuple[str, *tuple[float, ...]]]) -> Words:
    kept = [row for row in rows if row[0]]
    times = np.array([row[1:] for row in kept], dtype=float).reshape(len(kept), 2)
    times[~np.isfinite(times).all(axis=1)] = np.nan
    duration = times[:, 1] - times[:, 0]
    if not np.isfinite(duration).any():
        raise DatasetError(f"{path} holds no word with a time: align the transcript with the audio again.")
    if (duration < 0).any():
        first = int(np.argmax(duration < 0))
        start, end = times[first]
        raise DatasetError(
            f"{path}: word {first + 1} ({kept[first][0]!r}) ends at {end:g} s, before it starts ({start:g} s)."
        )
    return Words(times[:, 0], duration, tuple(row[0] for row in kept))


def _seconds(cell: object) -> float:
    """Read a time; empty cells and n/a are NaN."""
    if cell is None or (isinstance(cell, str) and cell.strip().lower() in {"", "n/a", "nan"}):
        return math.nan
    return float(str(cell))


def _read_csv(content: str) -> list[Row]:
    rows = [row for row in csv.reader(io.StringIO(content)) if row]
    if rows and "onset" in [cell.strip().lower() for cell in rows[0]]:
        return _read_table(rows)
    short = next((number for number, row in enumerate(rows, 1) if len(row) < 4), None)
    if short is not None:
        raise DatasetError(f"row {short} has fewer than four cells (word, aligned word, start, end).")
    # Columns from the right, because a transcript word may hold an unquoted comma.
    return [(",".join(row[:-3]), _seconds(row[-2]), _seconds(row[-1])) for row in rows]


def _read_tsv(content: str) -> list[Row]:
    return _read_table(list(csv.reader(io.StringIO(content), delimiter="\t", quoting=csv.QUOTE_NONE)))


def _read_table(rows: Sequence[Sequence[str]]) -> list[Row]:
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    word = next((name for name in ("word", "text") if name in header), None)
    last = next((name for name in ("duration", "offset", "end") if name in header), None)
    if word is None or last is None or "onset" not in header:
        raise DatasetError(
            f"the columns are {', '.join(header) or 'none'}; needed are onset, word (or text), "
            "duration (or offset, end)."
        )
    records = [dict(zip(header, row, strict=False)) for row in rows[1:] if row]
    words = []
    for record in records:
        start, end = _seconds(record.get("onset")), _seconds(record.get(last))
        words.append((record.get(word, ""), start, start + end if last == "duration" else end))
    return words


def _read_json(content: str) -> list[Row]:
    entries = json.loads(content)["words"]
    timed = [entry if entry.get("case", "success") == "success" else {} for entry in entries]
    return [
        (str(entry["word"]), _seconds(times.get("start")), _seconds(times.get("end")))
        for entry, times in zip(entries, timed, strict=True)
    ]


def _read_textgrid(content: str) -> list[Row]:
    return [row for row in word_intervals(content) if not is_silence(row[0])]


_READERS: dict[str, Callable[[str], list[Row]]] = {
    ".csv": _read_csv,
    ".json": _read_json,
    ".textgrid": _read_textgrid,
    ".tsv": _read_tsv,
}


def find_words(bids_dir: Path, stim_file: str, annotations: Path | None = None) -> Path:
    """Path of the word list of a `stim_file` of events.tsv, in `annotations` first, then in BIDS_DIR/stimuli.

    Raises FileNotFoundError that lists every place looked at.
    """
    stem = Path(stim_file).name.partition(".")[0]
    other = stem.removesuffix("_audio") if stem.endswith("_audio") else f"{stem}_audio"
    folders = [] if annotations is None else [annotations / "stimuli", annotations]
    places = [
        folder / place.format(stem=name)
        for folder in [*folders, bids_dir / "stimuli"]
        for name in (stem, other)
        for place in _PLACES
    ]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        listed = "\n  ".join(str(place) for place in places)
        raise FileNotFoundError(
            f"No word timings for {stim_file}: give --annotations DIR, or put one of these files there:\n  {listed}"
        )
    return found


_PLACES = (
    "{stem}/align.csv",
    "{stem}/align.json",
    "gentle/{stem}/align.csv",
    "gentle/{stem}/align.json",
    "{stem}.TextGrid",
    "{stem}_words.tsv",
)
