"""What the sidecars of a participant's results say of its runs: volumes, motion, words, masked targets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.bids.entities import parse_name
from bids_app.text_files import read_json

_OF_RUNS = ("ses", "task", "run")


def merged(sidecars: Iterable[Mapping[str, Any]], key: str) -> dict[str, Any]:
    """A field by run, over all sidecars."""
    found: dict[str, Any] = {}
    for sidecar in sidecars:
        value = sidecar.get(key)
        found.update(value if isinstance(value, dict) else {})
    return dict(sorted(found.items()))


def masked_targets(unusable: Mapping[str, Any]) -> int | None:
    """Targets of a run that are constant or missing; None where this is not known."""
    if unusable.get("Targets") is None:
        return None
    return int(unusable.get("Constant", 0)) + int(unusable.get("Missing", 0))


def quality_of(out_dir: Path, participant: str) -> dict[str, float]:
    """Numbers on the quality of a participant's data (`sub-…`) over its runs, by heading; what is not known is missing.

    Volumes are summed. Motion is the mean over volumes, unaligned words are a share of all, masked targets that of the
    run with most of them.
    """
    sidecars = list(_sidecars(out_dir / participant))
    cleaning = [run for run in merged(sidecars, "Cleaning").values() if isinstance(run, dict)]
    unusable = [run for run in merged(sidecars, "UnusableTargets").values() if isinstance(run, dict)]
    numbers: dict[str, float] = {}
    if volumes := _known(cleaning, "Volumes"):
        numbers["volumes"] = sum(volumes)
    moved = [run for run in cleaning if run.get("MeanFramewiseDisplacement") is not None and run.get("Volumes")]
    if moved:
        numbers["motion: mean framewise displacement (mm)"] = float(
            np.average(_known(moved, "MeanFramewiseDisplacement"), weights=_known(moved, "Volumes"))
        )
    if words := sum(_known(cleaning, "Words")):
        numbers["unaligned words (%)"] = 100 * sum(_known(cleaning, "UnalignedWords")) / words
    shares = [100 * masked / run["Targets"] for run in unusable if (masked := masked_targets(run)) is not None]
    if shares:
        numbers["masked targets (%)"] = max(shares)
    return numbers


def _known(runs: Iterable[Mapping[str, Any]], key: str) -> list[float]:
    return [float(run[key]) for run in runs if run.get(key) is not None]


def _sidecars(folder: Path) -> Iterable[Mapping[str, Any]]:
    """The first sidecar with the cleaning of each combination of session, task and run of a participant's maps."""
    done = set()
    for path in sorted(path for level in ("func", "ses-*/func") for path in folder.glob(f"{level}/*_statmap.json")):
        entities = parse_name(path).entities
        key = tuple(entities.get(name) for name in _OF_RUNS)
        if key in done:
            continue
        try:
            sidecar = read_json(path)
        except ValueError:  # FileError is one; whether a result is whole is asked elsewhere
            continue
        if isinstance(sidecar.get("Cleaning"), dict):
            done.add(key)
            yield sidecar
