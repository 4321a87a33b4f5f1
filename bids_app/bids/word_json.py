"""JSON of aligners and transcribers: gentle, Montreal Forced Aligner, Whisper and its variants, AssemblyAI, Friends."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from bids_app.bids.errors import DatasetError
from bids_app.bids.text import read_json_content
from bids_app.bids.textgrid import Tier, choose_tier
from bids_app.bids.word_columns import DURATIONS, ENDS, STARTS, TEXTS, seconds_per
from bids_app.bids.word_rows import WordList, WordRow, number

# Keys that identify a word list, in the order of search.
KEYS = ("tiers", "words", "segments", "word_segments")
# Other keys of AssemblyAI's transcripts, whose times are in milliseconds.
_ASSEMBLY = {"audio_duration", "audio_url", "speech_model", "language_model", "acoustic_model"}


def read_word_json(path: Path) -> WordList:
    """Words of a JSON file: `tiers` (entries of start, end, label), `words`, or `segments` that hold `words`.

    Times are in seconds, or in the unit of the key `Units`; those of AssemblyAI are in milliseconds. Raises
    DatasetError.
    """
    content = read_json_content(path)
    if isinstance(content, list):
        content = {
            "segments" if any(isinstance(item, Mapping) and "words" in item for item in content) else "words": content
        }
    if not isinstance(content, dict) or not any(key in content for key in KEYS):
        summary = ", ".join(map(str, list(content)[:10])) if isinstance(content, dict) else type(content).__name__
        raise DatasetError(
            f"the file holds {summary or 'nothing'}; a list of words has one of the keys {', '.join(KEYS)}. "
            "Export the words with their times from the aligner again, or as a table."
        )
    if "tiers" in content:
        return WordList(choose_tier(list(_tiers(content["tiers"]))).intervals)
    entries = list(_entries(content))
    kept = [(at, entry) for at, entry in entries if entry.get("case") != "not-found-in-transcript"]
    unit = _unit(content, [entry for _, entry in kept])
    rows = [_row(entry, f"word {at}", unit) for at, entry in kept]
    unknown = sum(entry.get("alignedWord") == "<unk>" for _, entry in kept)
    return WordList(rows, n_left_out=len(entries) - len(kept), n_unknown=unknown)


def _tiers(content: object) -> Iterator[Tier]:
    """Tiers of the Montreal Forced Aligner (an object by name) or of praatio (a list of objects with names)."""
    named: list[tuple[object, object]] = []
    if isinstance(content, Mapping):
        named = list(content.items())
    elif isinstance(content, list):
        named = [(tier.get("name"), tier) for tier in content if isinstance(tier, Mapping)]
    for name, tier in named:
        entries = tier.get("entries") if isinstance(tier, Mapping) else None
        if not isinstance(entries, list):
            raise DatasetError(f"the tier {str(name)[:60]!r} has no list of entries (start, end, label).")
        if isinstance(tier, Mapping) and str(tier.get("type", tier.get("class"))).lower() in {"point", "texttier"}:
            yield Tier(str(name), ())
        else:
            yield Tier(
                str(name), tuple(_interval(entry, f"entry {at} of {name}") for at, entry in enumerate(entries, 1))
            )


def _interval(entry: object, location: str) -> WordRow:
    if not isinstance(entry, list) or len(entry) != 3 or not isinstance(entry[2], str):
        raise DatasetError(f"{location[:80]} is not start, end, label.")
    return WordRow(entry[2], number(entry[0], location), number(entry[1], location), location)


def _entries(content: Mapping[str, object]) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Entries of all words of a file, numbered from 1."""
    key = next(key for key in KEYS if key in content)
    items = content[key]
    if not isinstance(items, list):
        raise DatasetError(f"{key} is not a list but {type(items).__name__}.")
    if key == "segments":
        items = [word for segment in items for word in _words_of_segment(segment)]
    for at, entry in enumerate(items, 1):
        if not isinstance(entry, Mapping):
            raise DatasetError(f"word {at} is {str(entry)[:40]!r}; needed are word, start and end.")
        yield at, entry


def _words_of_segment(segment: object) -> Sequence[object]:
    words = segment.get("words") if isinstance(segment, Mapping) else None
    if not isinstance(words, list):
        raise DatasetError(
            "the segments hold no times of single words: transcribe again with word timestamps, or align (whisperX)."
        )
    return words


def _first(entry: Mapping[str, object], names: Sequence[str]) -> object:
    return next((entry[name] for name in names if name in entry), None)


def _row(entry: Mapping[str, object], location: str, unit: float) -> WordRow:
    text = _first(entry, TEXTS)
    if not isinstance(text, str):
        raise DatasetError(f"{location} has no text under the key word (or text).")
    speaker = entry.get("speaker")
    if entry.get("case", "success") != "success":
        return WordRow(text, math.nan, math.nan, location)
    start = number(_first(entry, STARTS), location) * unit
    end = number(_first(entry, ENDS), location) * unit
    if math.isnan(end):
        end = start + number(_first(entry, DURATIONS), location) * unit
    return WordRow(text, start, end, location, "" if speaker is None else str(speaker))


def _unit(content: Mapping[str, object], entries: Sequence[Mapping[str, object]]) -> float:
    """Seconds per unit of time: as stated in the file; 1/1000 for AssemblyAI if word durations are then plausible."""
    if "Units" in content:
        return seconds_per(content["Units"], "the file (key Units)")
    times = [(_first(entry, STARTS), _first(entry, ENDS)) for entry in entries]
    whole = [(start, end) for start, end in times if type(start) is int and type(end) is int]
    timed = [pair for pair in times if None not in pair]
    if not whole or len(whole) < len(timed):
        return 1.0  # fractions mean seconds; the length of the words is checked in any case
    longest = max(abs(value) for pair in whole for value in pair)
    durations = np.array([min(max(end - start, -(10**9)), 10**9) for start, end in whole], dtype=float)
    is_assembly = bool(_ASSEMBLY & set(content)) or any("confidence" in entry and "text" in entry for entry in entries)
    if is_assembly or any("confidence" in entry for entry in entries):
        if 30 <= np.median(durations) <= 3000 and longest > 1e4:
            return 1e-3
    elif not is_assembly and np.median(durations) < 30:
        return 1.0  # seconds without fractions
    raise DatasetError(
        'the times are whole numbers, and nothing says whether they are milliseconds: add "Units": "ms" (or "s") '
        "beside the key words."
    )
