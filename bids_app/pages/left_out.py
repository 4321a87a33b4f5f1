"""What was left out of each participant, and why, from OUT_DIR alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bids_app.bids.entities import parse_name
from bids_app.bids.outputs import LEFT_OUT
from bids_app.report.page import newest_settings, read_settings
from bids_app.text_files import read_json

_REASONS = {"LeftOut": "made from an excluded scan", "SupersededBy": "superseded by a newer analysis"}


def left_out(out_dir: Path, participants: Sequence[str], *, of_group: bool = True) -> dict[str, list[str]]:
    """What was left out of each participant (`sub-…`), and why.

    Runs, excluded scans, results that others have (means over participants are then of different people), and with
    `of_group` failures and wishes of the group level.
    """
    unwanted = _unwanted(out_dir, participants) if of_group else set()
    notes = {name: ["left out of the group, as requested"] * (name in unwanted) for name in participants}
    complete: dict[str, set[tuple[str, str]]] = {name: set() for name in participants if not notes[name]}
    for name in participants:
        record = _read(out_dir / LEFT_OUT / f"{name}.json")
        notes[name] += [f"{run.removeprefix(f'{name}_')}: {reason}" for run, reason in record.items()]
    for marker in sorted((out_dir / "logs" / "complete").glob("sub-*_complete.json")):
        name = marker.name.partition("_")[0]
        if name in notes:
            notes[name] += [text for text in _of_marker(_read(marker), marker.name) if text not in notes[name]]
        if name in complete:
            entities = parse_name(marker).entities
            complete[name].add((entities.get("model", ""), entities.get("desc", "")))
    for name, text in _lacking(complete).items():
        notes[name].append(text)
    for name, text in _failures(out_dir) if of_group else ():
        if name in notes and text not in notes[name]:
            notes[name].append(text)
    return notes


def without_results(out_dir: Path) -> dict[str, str]:
    """Participants (`sub-…`) whom a run has found in the data and not analysed, and why."""
    record = _read(out_dir / LEFT_OUT / "participants.json")
    return {f"sub-{label}": str(reason) for label, reason in record.items()}


def _unwanted(out_dir: Path, participants: Sequence[str]) -> set[str]:
    """The participants that the newest run of the group level was asked to leave out."""
    path = newest_settings(out_dir, "group")
    is_of_group = path is not None and path.stem.endswith("_group")  # else it says who another run analysed
    settings = read_settings(path) if path is not None and is_of_group else {}
    chosen, excluded = (settings.get(key) or [] for key in ("participant_label", "exclude_participant_label"))
    labels = {name: name.removeprefix("sub-") for name in participants}
    return {name for name, label in labels.items() if label in excluded or (chosen and label not in chosen)}


def _failures(out_dir: Path) -> Iterator[tuple[str, str]]:
    """Name of each participant that failed, and the reason."""
    crashes = sorted((out_dir / "logs").glob("crash-*_sub-*.txt"))
    for crash in filter(Path.is_file, crashes):
        first = crash.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
        name = crash.stem.partition("_")[2]
        yield name, f"failed: {first.removeprefix(f'{name}: ')}"


def _lacking(complete: Mapping[str, set[tuple[str, str]]]) -> dict[str, str]:
    """What each participant lacks of the results (model and `desc`) that others have; not of those who have none.

    >>> _lacking({"sub-01": {("gpt2", "atoms"), ("gpt2", "overnuisance")}, "sub-02": {("gpt2", "atoms")}})
    {'sub-02': 'not analysed like others: no overnuisance of gpt2'}
    """
    everything = set[tuple[str, str]]().union(*complete.values())
    texts = {}
    for name, own in complete.items():
        if own and (lacking := sorted(everything - own)):
            named = ", ".join(f"{desc} of {model}" if model else desc for model, desc in lacking)
            texts[name] = f"not analysed like others: no {named}"
    return texts


def _read(path: Path) -> Mapping[str, object]:
    try:
        return read_json(path)
    except ValueError:  # FileError is one; whether a marker is whole is asked elsewhere
        return {}


def _of_marker(marker: Mapping[str, object], name: str) -> list[str]:
    title = name.removesuffix("_complete.json").partition("_")[2]
    return [f"{title}: {reason}" for key, reason in _REASONS.items() if key in marker]
