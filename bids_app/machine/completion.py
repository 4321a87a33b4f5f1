"""Completion of an analysis: a marker, written after all outputs, records their inputs and settings."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from bids_app import __version__
from bids_app.bids.derivatives import as_json, output_path, read_sidecar, software_versions, write_json
from bids_app.bids.entities import build_name, is_within, parse_name
from bids_app.bids.errors import DatasetError
from bids_app.bids.provenance import FileRecord, find_changes, record_files
from bids_app.checksums import describe_file, find_damage, is_whole, sealed
from bids_app.machine.claims import OtherSettingsError, agreed
from bids_app.machine.notices import notice
from bids_app.machine.once import file_name, key_of, locked
from bids_app.text_files import read_json_content
from bids_app.wording import differences

log = logging.getLogger("neurons2networks")
FOLDER = Path("logs") / "complete"
_OF_MODEL = "of the model has changed since"
_BY_FILES = ("Dictionary", "Shared")  # facts whose changes are reported as changed files
_OTHER_RUNS = ", because other runs now hear more or less of it"
_OF_PARTICIPANT = ("sub", "ses", "task", "acq", "run")


@dataclass(frozen=True)
class Inputs:
    """Inputs of an analysis.

    Attributes
    ----------
    files : every file
    bold : those with the BOLD of the participant
    links : names and folders of the data sets that hold them, for BIDS URIs
    facts : everything else that decides the results, as mappings or texts, ready for JSON (`Model`, `Dictionary`, …)
    others : keys of the data of other participants that the results depend on; a change causes recomputation
    excerpts : content of files of which only a part is used
    data_set : name and DOI of the raw data set; a change is noted, because contents are compared
    """

    files: tuple[Path, ...] = ()
    bold: tuple[Path, ...] = ()
    links: Mapping[str, Path] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    excerpts: Mapping[Path, str] = field(default_factory=dict)
    data_set: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def records(self) -> tuple[FileRecord, ...]:
        """The state of the files at first use."""
        return record_files(self.files, self.links, self.excerpts)

    def changes_since(self, records: Sequence[FileRecord]) -> list[str]:
        """Differences of the files from earlier records, one phrase per file."""
        return find_changes(records, self.files, self.links, self.excerpts)


@dataclass(frozen=True)
class Completion:
    """The marker of one analysis in OUT_DIR/logs/complete.

    Attributes
    ----------
    entities : those of the maps of the analysis, with its `desc`
    settings : the settings that decide its results
    story : the story, if results of several stories differ in nothing else
    targets : files that the analysis writes besides its maps
    """

    out_dir: Path
    entities: Mapping[str, str]
    settings: Mapping[str, Any]
    inputs: Inputs
    story: str = ""
    targets: tuple[Path, ...] = ()

    @property
    def path(self) -> Path:
        """The marker."""
        name = build_name(self.entities, "complete", ".json")
        stem = file_name([self.story], f"{key_of(self.story)[:8]}_{name}") if self.story else name
        return self.out_dir / FOLDER / stem

    @property
    def title(self) -> str:
        """Title for messages."""
        return _title(self.path)

    @contextmanager
    def claimed(self) -> Iterator[bool]:
        """Whether to compute the analysis, with an exclusive claim while the block runs.

        Raises OtherSettingsError as `is_done` does.
        """
        if self.is_done():
            self._note_data_set()
            self._tell_version()
            yield False
            return
        with self._agreed(), locked(self.path.with_name(f".{self.path.name}.lock"), keep=False):
            reason = self._missing(fast=False)
            if reason:
                log.info("%s is made again: %s", self.title, reason)
            yield reason is not None

    def _agreed(self) -> AbstractContextManager[None]:
        """A claim on the settings of this analysis for all participants."""
        if "sub" not in self.entities:
            return nullcontext()
        shared = {key: value for key, value in self.entities.items() if key not in _OF_PARTICIPANT}
        record = self.path.with_name(build_name(shared, "settings", ".json"))
        pattern = f"sub-*_desc-{self.entities['desc']}_statmap.[!j]*"
        return agreed(record, self.settings, lambda: any(self._of_anybody(pattern, shared)))

    def _of_anybody(self, pattern: str, shared: Mapping[str, str]) -> Iterator[Path]:
        """Maps of this analysis, of any participant."""
        for folder in ("sub-*/func", "sub-*/ses-*/func"):
            for path in self.out_dir.glob(f"{folder}/{pattern}"):
                if is_within(shared, parse_name(path).entities):
                    yield path

    def is_done(self, *, fast: bool = False) -> bool:
        """Whether all outputs are complete, intact and made from the current inputs; `fast` compares only sizes.

        Raises OtherSettingsError, which names the differences, if the inputs or settings differ.
        """
        return self._missing(fast=fast) is None

    def _missing(self, *, fast: bool) -> str | None:
        """Reason for computing the analysis, "" the first time; None if it is done."""
        marker = read_marker(self.path)
        outputs = marker.get("Outputs", {})
        if not marker or (outputs and not any_data(self.out_dir, outputs)):
            self._refuse_unmarked()
            return f"{self.path.name} is damaged" if self.path.exists() and not marker else ""
        self._refuse_others(marker)
        return find_damage(self.out_dir, outputs, fast=fast) or self._newer(marker)

    def finish(self, written: Iterable[Path]) -> None:
        """Write the marker, and remove outputs of the previous marker that were not rewritten.

        Raises DatasetError if an input changed during the computation.
        """
        inputs = self.inputs
        if changes := inputs.changes_since(inputs.records):
            raise DatasetError(f"{self.title}: an input was changed during the run ({'; '.join(changes)}): run again")
        outputs = {path.relative_to(self.out_dir).as_posix(): describe_file(path) for path in dict.fromkeys(written)}
        content = {
            "Description": "All outputs of this analysis are there; what they were made from.",
            "Settings": dict(self.settings),
            **inputs.facts,
            **({"DataSet": dict(inputs.data_set)} if inputs.data_set else {}),
            "Others": dict(inputs.others),
            "Bold": [inputs.records[inputs.files.index(path)].key for path in inputs.bold],
            "Files": [record.to_json() for record in inputs.records],
            "Outputs": outputs,
            "SoftwareVersions": software_versions(),
        }
        for name in set(read_marker(self.path).get("Outputs", {})) - set(outputs):
            if ".." not in Path(name).parts:
                (self.out_dir / name).unlink(missing_ok=True)
        _write_marker(self.path, content)

    def supersede_others(self) -> None:
        """Mark earlier results of some of the same BOLD as superseded: the group level ignores them."""
        marker = read_marker(self.path)
        shared = {key: value for key, value in self.entities.items() if key not in ("ses", "run", "acq")}
        for path in sorted(self.path.parent.glob(f"sub-{self.entities.get('sub')}_*_complete.json")):
            entities = parse_name(path).entities
            if path == self.path or {k: v for k, v in entities.items() if k not in ("ses", "run", "acq")} != shared:
                continue
            other = read_marker(path)
            if _bold(marker) & _bold(other) and "SupersededBy" not in other:
                _write_marker(path, {**other, "SupersededBy": self.title})
                log.info("%s supersedes %s, which is ignored from now on", self.title, _title(path))
        if marker.pop("SupersededBy", None) is not None:
            _write_marker(self.path, marker)

    def _note_data_set(self) -> None:
        """Note that the data set was renamed: its files are those of before."""
        marker, now = read_marker(self.path), dict(self.inputs.data_set)
        if now and marker.get("DataSet") != now:
            _write_marker(self.path, {**marker, "DataSet": now})

    def _tell_version(self) -> None:
        """Log once if what is kept was made with another version of this package."""
        before = version_of(read_marker(self.path))
        if before not in ("", __version__):
            notice(
                logging.WARNING,
                f"results made with neurons2networks {before} are kept, such as {self.title}; this is {__version__}: "
                "remove them, or choose another OUT_DIR, to make them again",
            )

    def _newer(self, marker: Mapping[str, Any]) -> str | None:
        """Changes in the data of other participants that the results depend on, or None."""
        before, now = marker.get("Others", {}), self.inputs.others
        changed = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
        return f"it depends on data that have changed since ({', '.join(changed)})" if changed else None

    def _refuse_others(self, marker: Mapping[str, Any]) -> None:
        inputs, now = self.inputs, json.loads(json.dumps(self.inputs.facts, default=str))
        changes = differences(marker.get("Settings", {}), self.settings)
        changes += [c for key in now if key not in _BY_FILES for c in _differing(key, marker.get(key), now[key])]
        changes += inputs.changes_since(records_of(marker))
        if not changes and now.get("Dictionary") != marker.get("Dictionary"):
            changes = ["the dictionary was learned from other words, word times or stories"]
        if not changes:  # not visible in one's own files: the words of a story depend on all runs
            before = marker.get("Shared", {})
            changes = [
                f"the {name} differs{'' if name.startswith('sound ') else _OTHER_RUNS}"
                for name, content in now.get("Shared", {}).items()
                if name in before and before[name] != content
            ]
        if changes:
            self._refuse(changes)

    def _refuse_unmarked(self) -> None:
        """Refuse to overwrite results of other settings left by an interrupted run or an older version."""
        for path in self._data_there():
            before = read_sidecar(path).get("Settings")
            # Without a sidecar: another process is about to write it, or was killed.
            if isinstance(before, dict) and (changes := differences(before, self.settings)):
                self._refuse(changes)

    def _data_there(self) -> list[Path]:
        there = [path for path in self.targets if path.exists()]
        if "sub" not in self.entities:
            return there
        folder = output_path(self.out_dir, self.entities).parent
        maps = folder.glob(f"*_desc-{self.entities['desc']}_statmap.[!j]*")
        entities = dict(self.entities)
        return there + [
            path
            for path in sorted(maps)
            if {k: v for k, v in parse_name(path).entities.items() if k not in ("hemi", "stat", "den")} == entities
        ]

    def _refuse(self, changes: Sequence[str]) -> None:
        old = f"the files that {self.path} lists" if self.path.exists() else f"*_desc-{self.entities['desc']}_*"
        raise OtherSettingsError(
            f"{self.title} was made with other settings or from other inputs ({'; '.join(changes)}): choose another "
            f"OUT_DIR, or remove the old outputs ({old}) and run again{_advice(changes)}"
        )


def read_marker(path: Path) -> dict[str, Any]:
    """Content of a marker; empty if it is missing, unreadable or damaged."""
    try:
        content = read_json_content(path)
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) and is_whole(content) else {}


def version_of(marker: Mapping[str, Any]) -> str:
    """The version of this package that made what a marker lists; empty if it is not known."""
    return str(marker.get("SoftwareVersions", {}).get("neurons2networks", ""))


def records_of(marker: Mapping[str, Any]) -> list[FileRecord]:
    """The files that a marker lists."""
    return [FileRecord(**record) for record in marker.get("Files", [])]


def _write_marker(path: Path, content: Mapping[str, Any]) -> None:
    plain = as_json(content)
    assert isinstance(plain, dict)
    write_json(path, sealed(plain))


def leave_aside(out_dir: Path, is_left_out: Callable[[Mapping[str, str]], bool]) -> None:
    """Mark results of BOLD that is now excluded: the group level ignores them as long as it is.

    `is_left_out` takes the entities in the name of a BOLD file.
    """
    for path in sorted((out_dir / FOLDER).glob("sub-*_complete.json")):
        marker = read_marker(path)
        left_out = any(is_left_out(parse_name(Path(name)).entities) for name in _bold(marker))
        if left_out != ("LeftOut" in marker):
            kept = {key: value for key, value in marker.items() if key != "LeftOut"}
            _write_marker(path, {**kept, "LeftOut": True} if left_out else kept)
            if left_out:
                log.info("%s was made from an excluded scan: the group level ignores it", _title(path))


def _advice(changes: Sequence[str]) -> str:
    """Further advice for changes that users make unknowingly."""
    if any(change.startswith("stories was ") for change in changes):
        return (
            "; with --dictionary-scope all, one dictionary is learned from all stories that are read: to keep these "
            "results, name with --task-id the tasks whose stories they were made from"
        )
    if any(_OF_MODEL in change for change in changes):
        return (
            "; if this is another model with the same label, give both in one command (--model A B) to tell them apart"
        )
    return ""


def _differing(fact: str, before: Any, now: Any) -> list[str]:
    if not isinstance(before, dict) or not isinstance(now, dict):
        return [] if before == now else [f"{fact} was {before}, now {now}"]
    changed = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
    if fact == "Model":
        return [f"{key} {_OF_MODEL}" for key in changed]
    return [f"{fact} of {key} was {before.get(key)}, now {now.get(key)}" for key in changed]


def any_data(out_dir: Path, outputs: Iterable[str]) -> bool:
    """Whether any data are left; users remove all data to have them recomputed."""
    return any((out_dir / name).exists() for name in outputs if not name.endswith(".json"))


def _bold(marker: Mapping[str, Any]) -> set[str]:
    return set(marker.get("Bold", ()))


def _title(path: Path) -> str:
    return path.name.removesuffix("_complete.json")
