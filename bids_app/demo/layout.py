"""The raw data set: description, participants, events, word timings, and the settings file that analyses it."""

import json
import shutil
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from bids_app.atomic import write_text
from bids_app.bids.derivatives import write_json, write_table
from bids_app.demo.grammar import Story
from bids_app.demo.scans import REPETITION_TIME, Scan

_BIDS_VERSION = "1.10.0"
_AUDIO_RATE = 500  # Hz; the audio is silent
README = """# Synthetic stories

Made by `n2n demo`; nobody was scanned. Known groups of a language model's neurons drive known networks of the cortex.
Other networks hold noise alone.
What was planted is written in `sourcedata/truth`:

- `truth.tsv`: one row per planted link of a family of atoms and a network, with its part (active or deactive), gain,
  and the reproducibility of the family (`rho`: mean over restarts of the dictionary of the best |r|)
- `truth_atoms.tsv`: the time courses of the planted atoms, on every volume of every story
- `truth_subgroups.tsv`: the neurons of the tiny GPT-2-type model that answer to one category of words
- `truth.json`: the options that this data set was made with, and how many families are reproducible and planted

`code/demo.toml` is a settings file for its analysis: `neurons2networks HERE OUT participant --config-file …`. It
fits the stories of a participant together.
"""
FORECAST_README = """# Synthetic stories

Made by `n2n demo --plant forecast`; nobody was scanned. Three regions of the cortex are named in `sourcedata/truth`:
one is driven by what one layer of a language model computes for the word just heard, one by what it computes for a word
further ahead, one by nothing, as all the rest of the cortex.

- `truth.tsv`: the regions, what drives each (present, ahead, nothing), how many words ahead, and the layer
- `truth_features.tsv`: the time courses of the planted features, on every volume of every story
- `truth.json`: the options that this data set was made with

`code/demo.toml` is a settings file for its analysis: `neurons2networks HERE OUT participant --config-file …`. It asks
for the forecast score at the planted layer; the depth analysis finds that layer without being told.
"""


def participant_labels(n_participants: int) -> tuple[str, ...]:
    """Labels 01, 02, …"""
    return tuple(f"{number:02d}" for number in range(1, n_participants + 1))


def write_description(folder: Path, name: str, derivative: bool = False) -> None:
    """Write the dataset_description.json of a raw data set or of a derivative."""
    content: dict[str, object] = {
        "Name": name,
        "BIDSVersion": _BIDS_VERSION,
        "DatasetType": "derivative" if derivative else "raw",
        "License": "CC0",
        "Authors": ["neurons2networks demo"],
        "GeneratedBy": [{"Name": "neurons2networks demo", "Description": "Synthetic data with known truth"}],
    }
    write_json(folder / "dataset_description.json", content)


def write_raw(target: Path, participants: Sequence[str], scans: Sequence[Scan], readme: str = README) -> None:
    """Write everything of the raw data set but the word timings; there are no raw images."""
    write_description(target, "Synthetic stories")
    write_text(target / "README.md", readme)
    write_text(target / ".bidsignore", "*_bold.json\n")  # the images exist only as derivatives
    for scan in scans:
        _write_silence(target / "stimuli" / f"{scan.stimulus}.wav", scan.end)
    table = pd.DataFrame({"participant_id": [f"sub-{label}" for label in participants]})
    write_table(target / "participants.tsv", table)
    for label in participants:
        for scan in scans:
            stem = target / f"sub-{label}" / "func" / f"sub-{label}_task-{scan.task}"
            write_table(stem.with_name(stem.name + "_events.tsv"), _events(scan))
            write_json(stem.with_name(stem.name + "_bold.json"), bold_metadata(scan))


def _write_silence(path: Path, seconds: float) -> None:
    """Write an audio file of the right length, in which nothing is heard."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(1)
        audio.setframerate(_AUDIO_RATE)
        audio.writeframes(bytes([128]) * round(seconds * _AUDIO_RATE))  # 128: the middle of eight bits


def bold_metadata(scan: Scan) -> dict[str, object]:
    """Sidecar of a BOLD file."""
    return {"TaskName": scan.task, "RepetitionTime": REPETITION_TIME}


def _events(scan: Scan) -> pd.DataFrame:
    stimulus = f"{scan.stimulus}.wav"
    story = scan.audio_onset + scan.start
    rows = [
        (scan.audio_onset, scan.start, "music", stimulus),
        (story, scan.end - scan.start, "story", stimulus),
    ]
    return pd.DataFrame(rows, columns=["onset", "duration", "trial_type", "stim_file"]).round(3)


def write_story(target: Path, story: Story) -> Path:
    """Write the word timings as gentle's align.csv: no header; the words it did not find have empty fields."""
    rows = []
    for word, onset, duration, aligned in zip(story.text, story.onset, story.duration, story.aligned, strict=True):
        if not aligned:
            rows.append(f"{word},,,")
            continue
        known = word.lower() if word.islower() else "<unk>"  # gentle's dictionary lacks invented names
        rows.append(f"{word},{known},{onset:.2f},{onset + duration:.2f}")
    return write_text(target / "stimuli" / "gentle" / story.name / "align.csv", "\n".join(rows) + "\n")


def copy_annotations(target: Path, annotations: Path, scan: Scan) -> Path:
    """Copy given word timings to the place where the analysis looks for their format."""
    places = {
        ".TextGrid": Path(f"{scan.stimulus}.TextGrid"),
        ".csv": Path("gentle", scan.task, "align.csv"),
        ".json": Path("gentle", scan.task, "align.json"),
        ".tsv": Path(f"{scan.task}_words.tsv"),
    }
    if annotations.suffix not in places:
        raise ValueError(f"{annotations} is no word timing file; its name must end in one of {', '.join(places)}.")
    copy = target / "stimuli" / places[annotations.suffix]
    copy.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(annotations, copy))


def write_settings(target: Path, settings: Mapping[str, object]) -> None:
    """Write code/demo.toml. Paths in the data set are relative to it, so that the data set can be moved or mounted."""
    folder = target / "code"
    lines = [f"{key} = {json.dumps(_relative(value, target), ensure_ascii=False)}\n" for key, value in settings.items()]
    about = "# Settings for the analysis of this data set; paths count from this file's folder\n"
    write_text(folder / "demo.toml", about + "".join(lines))


def _relative(value: object, target: Path) -> object:
    if isinstance(value, list):
        return [_relative(one, target) for one in value]
    if isinstance(value, str) and Path(value).is_absolute() and Path(value).is_relative_to(target.resolve()):
        return f"../{Path(value).relative_to(target.resolve()).as_posix()}"
    return value
