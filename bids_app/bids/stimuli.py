"""All stimuli of a data set, with the runs in which they were heard."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from bids_app.bids.entities import is_asked, is_within
from bids_app.bids.errors import DatasetError
from bids_app.bids.events import Stimulus, read_events, read_records
from bids_app.bids.exclusions import is_excluded, unmatched
from bids_app.bids.metadata import Listing, applicable, kept_listing, list_names, raw_repetition_time
from bids_app.bids.onsets import EVENTS, ONSETS, entities_of
from bids_app.bids.runs import RUN_ENTITIES, is_bold, run_entities, run_label
from bids_app.bids.sources import participant_labels
from bids_app.text_files import is_there

_FOLDED = ("echo",)  # several raw files of one run
_RUN_FILES = ("events.tsv", "bold.json", ".nii.gz", ".nii", ".func.gii", "timeseries.tsv")


@dataclass(frozen=True)
class StimulusUse:
    """A run in which a stimulus was heard.

    `participant` is empty if the events are inherited and there is no raw run; `repetition_time` (s) is None if no raw
    JSON file has it.
    """

    stimulus: Stimulus
    participant: str
    task: str
    session: str | None
    run: str | None
    events: Path
    repetition_time: float | None

    @property
    def label(self) -> str:
        """Name of the run in messages."""
        entities = {"sub": self.participant, "ses": self.session, "task": self.task, "run": self.run}
        return run_label({key: value for key, value in entities.items() if value}) or self.events.name


@dataclass(frozen=True)
class HeardStimuli:
    """Stimuli and the runs in which they were heard.

    `uses` holds the runs of each stem, sorted by name; `unreadable` files that could not be read, with the reason;
    `unmatched` names of excluded scans and rows of onsets.tsv that belong to no run.
    """

    uses: dict[str, tuple[StimulusUse, ...]]
    unreadable: dict[Path, str]
    unmatched: tuple[str, ...] = ()


def find_events(
    bids_dir: Path, run: Mapping[str, str], annotations: Path | None = None, listing: Listing = list_names
) -> Path | None:
    """The table of events of a run: from `annotations` first, then from the data set, with inheritance.

    `annotations` may hold events/<run>_events.tsv, or the table onsets.tsv with rows for the run.
    """
    if annotations is not None:
        for path, name in listing(annotations / EVENTS, "_events.tsv"):
            if {"sub", "task"} <= set(name.entities) and is_within(name.entities, run):
                return path
        table = annotations / ONSETS
        if is_there(table) and read_events(table, run, listing):
            return table
    return next(iter(applicable(bids_dir, run, "events", ".tsv", listing)), None)


def find_stimuli(
    bids_dir: Path,
    excluded_scans: Sequence[str] = (),
    tasks: Sequence[str] | None = None,
    annotations: Path | None = None,
    derivatives: Sequence[Path] = (),
    listing: Listing | None = None,
) -> HeardStimuli:
    """Every stimulus with a story, by stem, with all its runs, including those of participants not selected.

    Runs are those of the raw data set and, if `annotations` hold onsets, those of the derivatives. Inherited events
    that belong to no raw run count once. Excluded scans count only for stimuli that nobody else heard (their timing may
    be wrong). Unreadable files are left out and listed.
    """
    listing = kept_listing() if listing is None else listing
    uses: dict[str, list[tuple[bool, StimulusUse]]] = {}
    unreadable: dict[Path, str] = {}
    has_onsets = annotations is not None and is_there(annotations / ONSETS)
    folders = [bids_dir, *(derivatives if has_onsets else [])]
    runs = _distinct([run for folder in folders for run in _runs(folder, listing, unreadable)])
    for run, events in _tables(runs, bids_dir, tasks, annotations, listing, unreadable):
        if events in unreadable:
            continue
        try:
            stimuli = read_events(events, run, listing)
            seconds = raw_repetition_time(bids_dir, run, listing) if stimuli else None
        except DatasetError as error:
            unreadable[events] = str(error)
            continue
        excluded = "sub" in run and is_excluded(run, excluded_scans)
        for stimulus in stimuli:
            uses.setdefault(stimulus.stem, []).append((excluded, _use(stimulus, events, run, seconds)))
    counted = {stem: _counted(of_stem) for stem, of_stem in uses.items()}
    nobodys = [f"{name} (an excluded scan)" for name in unmatched(excluded_scans, runs)]
    return HeardStimuli(counted, unreadable, (*nobodys, *_unused_rows(annotations, runs)))


def _unused_rows(annotations: Path | None, runs: Sequence[Mapping[str, str]]) -> list[str]:
    if annotations is None or not is_there(annotations / ONSETS):
        return []
    try:
        records = read_records(annotations / ONSETS)
    except DatasetError:
        return []  # listed with what cannot be read
    named = [(row, entities_of(record)) for row, record in records]
    unused = [row for row, entities in named if not any(is_within(entities, run) for run in runs)]
    return [f"row {row} of {annotations / ONSETS}" for row in unused]


def _counted(uses: Sequence[tuple[bool, StimulusUse]]) -> tuple[StimulusUse, ...]:
    return tuple(use for excluded, use in uses if not excluded) or tuple(use for _, use in uses)


def _use(stimulus: Stimulus, events: Path, run: Mapping[str, str], repetition_time: float | None) -> StimulusUse:
    sub, task = run.get("sub", ""), run.get("task", "")
    return StimulusUse(stimulus, sub, task, run.get("ses"), run.get("run"), events, repetition_time)


def _tables(
    runs: Sequence[Mapping[str, str]],
    bids_dir: Path,
    tasks: Sequence[str] | None,
    annotations: Path | None,
    listing: Listing,
    unreadable: dict[Path, str],
) -> Iterator[tuple[dict[str, str], Path]]:
    """Entities and events of each run of the tasks, and events that belong to no raw run."""
    if annotations is not None:
        annotated = [run_entities(name.entities) for _, name in listing(annotations / EVENTS, "_events.tsv")]
        runs = [*runs, *(run for run in annotated if {"sub", "task"} <= set(run))]
    taken = set()
    for run in sorted(_distinct(runs), key=run_label):
        if not is_asked("task", run["task"], tasks):
            continue
        try:
            events = find_events(bids_dir, run, annotations, listing)
        except DatasetError as error:
            unreadable[Path(annotations or bids_dir, ONSETS)] = str(error)
            continue
        if events is not None:
            taken.add(events)
            yield run, events
    for path, name in _inherited(bids_dir, listing):
        if path not in taken and is_asked("task", name["task"], tasks):
            yield name, path


def raw_runs(bids_dir: Path, participant: str) -> list[dict[str, str]]:
    """Entities of each raw run of a participant with BOLD, metadata or events, sorted."""
    return sorted(_distinct(list(_runs(bids_dir, kept_listing(), {}, [participant]))), key=run_label)


def _runs(
    folder: Path, listing: Listing, unreadable: dict[Path, str], labels: Sequence[str] | None = None
) -> Iterator[dict[str, str]]:
    """Entities of each run in a folder with BOLD, metadata or events, for all or some participants."""
    for func_folder, level in _func_folders(folder, participant_labels(folder) if labels is None else labels):
        try:
            names = [name for ending in _RUN_FILES for _, name in listing(func_folder, ending)]
        except DatasetError as error:
            unreadable[func_folder] = str(error)
            continue
        for name in names:
            is_run = is_bold(name) or (name.suffix, name.extension) in {("events", ".tsv"), ("bold", ".json")}
            if is_run and "task" in name.entities and is_within(level, name.entities):
                yield {key: value for key, value in run_entities(name.entities).items() if key not in _FOLDED}


def _func_folders(folder: Path, labels: Sequence[str]) -> Iterator[tuple[Path, dict[str, str]]]:
    """The func folders of participants, and the entities required of their files."""
    for label in labels:
        participant_folder = folder / f"sub-{label}"
        yield participant_folder / "func", {"sub": label}
        for session in sorted(participant_folder.glob("ses-*")):
            yield session / "func", {"sub": label, "ses": session.name.removeprefix("ses-")}


def _distinct(runs: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Distinct runs; of several names of one run, the most specific."""
    by_participant: dict[str, list[dict[str, str]]] = {}
    for run in sorted(runs, key=lambda run: -len(run)):
        kept = by_participant.setdefault(run["sub"], [])
        if not any(is_within(run, other) for other in kept):
            kept.append(dict(run))
    return list(chain.from_iterable(by_participant.values()))


def _inherited(bids_dir: Path, listing: Listing) -> Iterator[tuple[Path, dict[str, str]]]:
    """Events above the func folders, with the entities in their names."""
    subjects = [bids_dir / f"sub-{label}" for label in participant_labels(bids_dir)]
    sessions = [session for subject in subjects for session in sorted(subject.glob("ses-*"))]
    for folder in (bids_dir, *subjects, *sessions):
        for path, name in listing(folder, "events.tsv"):
            entities = {key: value for key, value in name.entities.items() if key in RUN_ENTITIES}
            if "task" in entities and (folder == bids_dir or "sub" in entities):
                yield path, entities
