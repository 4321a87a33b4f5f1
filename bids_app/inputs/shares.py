"""Inputs of a noise ceiling: the files of each participant's share, and the files that all have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from bids_app.bids.entities import Name, is_asked
from bids_app.bids.metadata import list_names
from bids_app.bids.onsets import EVENTS, ONSETS
from bids_app.checksums import SMALL, sha256_of
from bids_app.inputs.masking import files_of_mask
from bids_app.inputs.sources import Sources

State = tuple[str, str, int, int | str]


def share_of(sources: Sources, participant: str, tasks: Collection[str]) -> list[State]:
    """State of each file of a participant that the ceiling of some tasks may read: preprocessed data and events.

    It lists folders without an index, which takes milliseconds for hundreds of participants.
    """
    states: list[State] = []
    for data_set, folder in sources.dataset.links.items():
        participant_folder = folder / f"sub-{participant}"
        sessions = sorted(participant_folder.glob("ses-*"))
        parents = [participant_folder, *sessions]
        for listed in (*parents, *(parent / "func" for parent in parents)):
            names = [(path, name) for path, name in list_names(listed, "") if _is_asked(name, tasks, sources)]
            if data_set == "raw":
                names = [(path, name) for path, name in names if name.suffix in ("events", "bold")]
            states += _states(data_set, folder, (path for path, _ in names))
    return states


def common_of(sources: Sources, tasks: Collection[str]) -> dict[str, object]:
    """State of the files that decide all shares: inherited events, onsets, words, the mask, exclusions."""
    settings, links = sources.settings, sources.dataset.links
    inherited = [
        path
        for folder in links.values()
        for path, name in list_names(folder, "")
        if name.suffix in ("events", "bold", "timeseries") and name.entities.get("task", "") in ("", *tasks)
    ]
    if settings.annotations is not None:
        inherited += [path for path, _ in list_names(settings.annotations / EVENTS, "_events.tsv")]
        inherited += [path for path, _ in list_names(settings.annotations, ONSETS)]
    mask = () if settings.mask is None else files_of_mask(settings.mask)
    words = {stem: [story.words.onset.tolist(), story.words.text] for stem, story in sources.stories.items()}
    return {
        "inherited": [state for path in inherited for state in _states("", path.parent, [path])],
        "words": words,
        "mask": [sha256_of(path) for path in mask],
        "scans left out": sources.dataset.excluded_scans,
        "participants left out": sorted(settings.exclude_participant_label),
        "filters": sources.filters,
    }


def _is_asked(name: Name, tasks: Collection[str], sources: Sources) -> bool:
    """Whether a file is of the requested tasks, sessions and runs; a file without these entities is of all."""
    settings = sources.settings
    wanted: Mapping[str, Iterable[str]] = {"ses": settings.session_label, "run": settings.run_id}
    return name.entities.get("task", "") in ("", *tasks) and all(
        not labels or key not in name.entities or is_asked(key, name.entities[key], labels)
        for key, labels in wanted.items()
    )


def _states(data_set: str, folder: Path, paths: Iterable[Path]) -> Iterator[State]:
    """Path below the data set, size, and checksum of small files or time of large ones."""
    for path in paths:
        try:
            state = path.stat()
            content = sha256_of(path) if state.st_size <= SMALL else state.st_mtime_ns
        except OSError:
            continue  # a link without content, or an unreadable file: its run contributes nothing
        yield data_set, path.relative_to(folder).as_posix(), state.st_size, content
