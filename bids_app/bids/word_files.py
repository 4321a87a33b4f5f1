"""Find the word list of a stimulus."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from bids_app.bids.errors import DatasetError
from bids_app.bids.stimulus_names import stem_of
from bids_app.bids.text import read_json_content
from bids_app.bids.word_json import KEYS

_log = logging.getLogger(__name__)

# Paths below a folder of stimuli, in order of preference.
_PATTERNS = (
    "{stem}/align.csv",
    "{stem}/align.json",
    "gentle/{stem}/align.csv",
    "gentle/{stem}/align.json",
    "{stem}.TextGrid",
    "TextGrids/{stem}.TextGrid",
    "{stem}_words.tsv",
    "{stem}_words.csv",
    "{stem}_words.json",
    "{stem}.tsv",
    "{stem}.csv",
    "{stem}.json",
)
# Common formats that are not read, with advice.
REFUSED = {
    ".mat": "save onset, duration and word as a table, <stem>_words.tsv",
    ".hf5": "save onset, duration and word as a table, <stem>_words.tsv",
    ".hdf5": "save onset, duration and word as a table, <stem>_words.tsv",
    ".npz": "save onset, duration and word as a table, <stem>_words.tsv",
    ".pkl": "save onset, duration and word as a table, <stem>_words.tsv",
    ".xlsx": "save it as a table of onset, duration and word, <stem>_words.tsv",
    ".xls": "save it as a table of onset, duration and word, <stem>_words.tsv",
    ".eaf": "export the tier of words from ELAN as a Praat TextGrid",
    ".srt": "subtitles hold no times of words: align their text with the audio, for example with gentle or whisperX",
    ".vtt": "subtitles hold no times of words: align their text with the audio, for example with gentle or whisperX",
    ".docx": "a text holds no times of words: align it with the audio, for example with gentle",
    ".txt": "give a table with the columns onset, duration and word as .tsv, or align the text with the audio",
    ".pdf": "a text holds no times of words: align it with the audio, for example with gentle",
}


def find_words(bids_dir: Path, stim_file: str, annotations: Path | None = None) -> Path:
    """Path of the word list of a `stim_file` of events.tsv, in `annotations` first, then in BIDS_DIR/stimuli.

    If there are several lists, the first is used and the log names the others; a link without its content is used only
    if there is nothing else. Raises FileNotFoundError, which lists all searched paths, and DatasetError if
    `annotations` is not a folder, or `stim_file` names no file below `stimuli`.
    """
    if annotations is not None and not annotations.is_dir():
        raise DatasetError(f"--annotations {annotations} is not a folder: give the folder with the word timings.")
    if stim_file.endswith("_events.tsv"):  # its rows are the words, see `events.read_events`
        return Path(stim_file)
    stem = stem_of(stim_file)
    folder, _, name = stem.rpartition("/")
    other = name.removesuffix("_audio") if name.endswith("_audio") else f"{name}_audio"
    stems = (stem, f"{folder}/{other}" if folder else other)
    folders = [*([] if annotations is None else [annotations / "stimuli", annotations]), bids_dir / "stimuli"]
    paths = [root / pattern.format(stem=each) for root in folders for each in stems for pattern in _PATTERNS]
    candidates = list(_candidates(paths))
    here = [path for path in candidates if path.is_file()]
    if not candidates:
        raise FileNotFoundError(_nothing(stim_file, paths))
    chosen = (here or candidates)[0]
    _say_others(stim_file, chosen, candidates)
    return chosen


def files_of_words(path: Path) -> list[Path]:
    """A word list, with the JSON file beside a table, which may state the unit of its times."""
    beside = path.with_suffix(".json")
    is_table = path.suffix.lower() in (".tsv", ".csv")
    return [path, beside] if is_table and not _is_word_json(beside) else [path]


def _candidates(paths: list[Path]) -> Iterator[Path]:
    """Word lists and links to them at these paths, with extensions in upper or lower case."""
    listed: dict[Path, dict[str, str]] = {}
    for expected in paths:
        if expected.parent not in listed:
            listed[expected.parent] = _names(expected.parent)
        name = listed[expected.parent].get(_key(expected.name))
        path = expected if name is None else expected.with_name(name)
        if (name is not None and expected.suffix != ".json") or (name is not None and _is_word_json(path)):
            yield path


def _names(folder: Path) -> dict[str, str]:
    """Names of the files and links of a folder, by the name with a lower-case extension."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if not entry.is_dir())
    except (OSError, ValueError):
        return {}
    return {_key(name): name for name in names}


def _key(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return f"{stem}{dot}{ending.lower()}"


def _is_word_json(path: Path) -> bool:
    """Whether a JSON file holds words, unlike the sidecar of an audio file or of a table."""
    if path.name == "align.json" or not path.is_file():
        return True
    try:
        content = read_json_content(path)
    except DatasetError:
        return True  # its reader reports the problem
    return isinstance(content, list) or (isinstance(content, dict) and any(key in content for key in KEYS))


def _say_others(stim_file: str, chosen: Path, candidates: list[Path]) -> None:
    others = [path for path in candidates if path != chosen and path.with_suffix("") != chosen.with_suffix("")]
    if others:
        listed = ", ".join(map(str, others))
        _log.info("several word lists for %s: %s is read, not %s", stim_file, chosen, listed)
    passed = [path for path in candidates if not path.is_file()]
    if passed and chosen.is_file():
        reason = "a link to content that is not here" if passed[0].is_symlink() else "a pipe or a device"
        _log.warning("%s is %s; %s is read instead", passed[0], reason, chosen)


def _nothing(stim_file: str, paths: list[Path]) -> str:
    endings = dict.fromkeys(path.with_suffix(ending) for path in paths for ending in REFUSED)
    refused = next((path for path in endings if path.is_file()), None)
    hint = "" if refused is None else f"\n{refused} cannot be read: {REFUSED[refused.suffix]}."
    listed = "\n  ".join(str(path) for path in paths)
    return (
        f"No word timings for {stim_file}: give --annotations DIR, or put one of these files there:\n  {listed}{hint}"
    )
