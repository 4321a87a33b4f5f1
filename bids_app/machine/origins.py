"""Compare the results in OUT_DIR with BIDS_DIR: a group is of one data set, and of scans that are still in it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bids_app.bids.description import data_set_of, is_made_here, is_same_data_set, linked_folders
from bids_app.bids.outputs import OutputMap
from bids_app.bids.sources import folders_of_derivatives, holds_bold, names_of_bold, participant_labels
from bids_app.machine.agreement import MixtureError
from bids_app.machine.marker_facts import facts_of
from bids_app.wording import listed

log = logging.getLogger("neurons2networks")
_ADVICE = (
    "Leave them out with --exclude-participant-label, or give the BIDS_DIR that they were made from (with -d for "
    "preprocessed data elsewhere); two data sets need two OUT_DIRs. To count them all the same, name everybody who is "
    "to count with --participant-label"
)
_RENAMED = ". If the data set was renamed, run the participant level again, which notes the new name"


@dataclass(frozen=True)
class Origin:
    """Where a map comes from.

    Attributes
    ----------
    participant : the label
    data_set : name and DOI of the raw data set, as far as known
    derivatives : names of the derivatives with the BOLD, as in BIDS URIs
    bold : names of its BOLD files
    """

    participant: str
    data_set: Mapping[str, str]
    derivatives: frozenset[str] = frozenset()
    bold: frozenset[str] = frozenset()

    @classmethod
    def of(cls, out_dir: Path, output: OutputMap) -> Origin:
        """The origin of a map, from its marker."""
        who, facts = str(output.participant), facts_of(out_dir, output)
        return cls(who, {}) if facts is None else cls(who, facts.data_set, facts.derivatives, facts.bold)


@dataclass(frozen=True)
class Data:
    """BIDS_DIR: its raw participants, and by name the derivatives with BOLD in it and those that OUT_DIR links."""

    raw: frozenset[str]
    derivatives: Mapping[str, Path]
    linked: Mapping[str, Path]

    @classmethod
    def of(cls, bids_dir: Path, given: Sequence[str | Path], out_dir: Path) -> Data | None:
        """None if BIDS_DIR is missing, unreadable or empty, or OUT_DIR itself."""
        try:
            if not any(bids_dir.iterdir()) or bids_dir.resolve() == out_dir.resolve():
                return None
            raw, folders = participant_labels(bids_dir), folders_of_derivatives(bids_dir, given)
        except OSError:
            return None
        read = {name: folder for name, folder in folders.items() if folder.resolve() != out_dir.resolve()}
        return cls(frozenset(raw), _with_bold(read), _with_bold(linked_folders(out_dir)))

    def lacks(self, origins: Iterable[Origin]) -> list[str]:
        """Labels of the participants whose scans are not here, sorted; none if nobody at all is."""
        by_scan = {(origin.participant, origin.derivatives, origin.bold): origin for origin in origins}
        absent = {origin.participant for origin in by_scan.values() if not self._has(origin)}
        if absent and not self.raw and not self.derivatives:
            log.warning("BIDS_DIR has no participants: not known whether it still has those of the results")
            return []
        return sorted(absent)

    def _has(self, origin: Origin) -> bool:
        """Whether a scan is in a derivative that was read or, if none is here, its participant in any of the data."""
        every = {**self.linked, **self.derivatives}
        read = [every[name] for name in origin.derivatives if name in every]
        if read and origin.bold:
            return any(not origin.bold.isdisjoint(names_of_bold(folder, origin.participant)) for folder in read)
        folders = self.derivatives.values()
        return origin.participant in self.raw or any(names_of_bold(folder, origin.participant) for folder in folders)


def _with_bold(folders: Mapping[str, Path]) -> dict[str, Path]:
    """Those with BOLD that are not results; of an unreadable folder nothing is known."""
    kept = {}
    for name, folder in folders.items():
        try:
            if not is_made_here(folder) and holds_bold(folder):
                kept[name] = folder
        except OSError:
            continue
    return kept


def check_origins(
    out_dir: Path,
    outputs: Iterable[OutputMap],
    bids_dir: Path,
    derivatives: Sequence[str | Path] = (),
    named: Collection[str] = (),
) -> None:
    """Raise MixtureError if maps are of scans that BIDS_DIR does not have, or of another data set.

    Participants who are all `named` count nevertheless, with a warning. If BIDS_DIR is not here, as in a container into
    which it is not mounted, the maps must be of one data set.
    """
    origins = [Origin.of(out_dir, output) for output in outputs]
    data = Data.of(bids_dir, derivatives, out_dir)
    if data is None:
        log.info("BIDS_DIR %s is not here, or empty: not known whether it still has all participants", bids_dir)
    own = {} if data is None else data_set_of(bids_dir)
    others = _others(origins, own)
    absent = [] if data is None else data.lacks(origins)
    reasons = []
    if others:
        listing = "; ".join(f"{listed(labels)} of {title}" for title, labels in others.items())
        here = f", but BIDS_DIR {bids_dir} is {_title(own)}" if own else ""
        reasons.append(f"results of {'another data set' if own else 'several data sets'} ({listing}){here}")
    if absent:
        reasons.append(f"results of scans that are not in BIDS_DIR {bids_dir} (participants {listed(absent)})")
    if not reasons:
        return
    problem = f"OUT_DIR {out_dir} holds {'; and '.join(reasons)}"
    if {*absent, *(label for labels in others.values() for label in labels)} <= set(named):
        log.warning("%s: they count, because --participant-label names them", problem)
        return
    raise MixtureError(f"{problem}. {_ADVICE}{_RENAMED if others else ''}")


def _others(origins: Iterable[Origin], own: Mapping[str, str]) -> dict[str, list[str]]:
    """Participants of other data sets than our own, by its title; if ours is unknown, of all if there are several."""
    groups: list[tuple[Mapping[str, str], set[str]]] = [(own, set())] if own else []
    for origin in origins:
        if origin.data_set:
            members = next((who for data_set, who in groups if is_same_data_set(data_set, origin.data_set)), None)
            if members is None:
                groups.append((origin.data_set, members := set()))
            members.add(origin.participant)
    others = groups[1:] if own or len(groups) < 2 else groups
    return {_title(data_set): sorted(members) for data_set, members in others}


def _title(data_set: Mapping[str, str]) -> str:
    return " ".join([repr(data_set.get("Name", "")), *([f"({data_set['DOI']})"] if "DOI" in data_set else [])])
