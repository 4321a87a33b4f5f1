"""A BIDS data set: the derivatives with its BOLD, its participants, and their runs that can be analysed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from bids_app.bids.cleaned import is_cleaned
from bids_app.bids.container import mount_advice
from bids_app.bids.derivatives import bids_uri
from bids_app.bids.entities import is_asked, strip_prefix
from bids_app.bids.errors import DatasetError
from bids_app.bids.exclusions import OWN_LIST, is_excluded, read_exclusions
from bids_app.bids.filters import Filters, selected
from bids_app.bids.index import index_participant
from bids_app.bids.metadata import Listing, applicable, kept_listing, repetition_time
from bids_app.bids.onsets import ADVICE
from bids_app.bids.runs import (
    Candidate,
    ExcludedRun,
    Run,
    RunSelection,
    best_version,
    candidates,
    check_hemispheres,
    companion,
    first_space,
    run_entities,
    run_label,
    segmentation,
)
from bids_app.bids.sources import choose_derivatives, has_content, participant_labels
from bids_app.bids.stimuli import HeardStimuli, StimulusUse, find_events, find_stimuli
from bids_app.text_files import is_there
from bids_app.wording import listed

__all__ = ["Dataset", "DatasetError", "HeardStimuli", "Run", "RunSelection", "StimulusUse", "open_dataset"]


@dataclass(frozen=True)
class Dataset:
    """A raw data set and its derivatives to read: names (for BIDS URIs) and folders, in order.

    `listing` reads each folder once: the files of all participants are sought in the folder above them.
    """

    bids_dir: Path
    derivatives: dict[str, Path]
    excluded_scans: tuple[str, ...] = ()
    database_dir: Path | None = None
    annotations: Path | None = None
    listing: Listing = field(default_factory=kept_listing, repr=False, compare=False)
    _files: dict[str, dict[str, list[Path]]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def links(self) -> dict[str, Path]:
        """Names and folders of all data sets read, for `bids_uri` and `write_dataset_description`."""
        return {"raw": self.bids_dir} | self.derivatives

    def uri(self, path: Path) -> str:
        """BIDS URI of a file of one of these data sets."""
        return bids_uri(path, self.links)

    def participants(self) -> list[str]:
        """Labels of the participants with a folder in one of the derivatives, sorted; without indexing."""
        return list(self._every)

    @cached_property
    def _labels(self) -> dict[Path, frozenset[str]]:
        """Of each derivative, listed once: it may have thousands of participants."""
        return {folder: frozenset(participant_labels(folder)) for folder in self.derivatives.values()}

    @cached_property
    def _every(self) -> tuple[str, ...]:
        return tuple(sorted(frozenset().union(*self._labels.values())))

    def without_bold(self, participants: Sequence[str]) -> list[str]:
        """Participants without BOLD here: none at all, or only links without their content."""
        return [
            label
            for label in participants
            if not any(has_content(folder, label) for folder in self.derivatives.values())
        ]

    def spaces(self, participant: str, filters: Filters | None = None) -> list[str]:
        """Spaces (segmentations for parcels) of a participant's BOLD."""
        return sorted({candidate.space for candidate in self._candidates(participant, filters)})

    def also_in(self, run: Run, filters: Filters | None = None) -> list[str]:
        """Names of the other derivatives that hold a run in the same space, and are not read."""
        space = (run.seg if run.kind == "parcels" else run.space) or ""
        return [
            name
            for name, folder in self.derivatives.items()
            if folder != run.derivative
            and any(
                (candidate.derivative, candidate.space, candidate.run) == (folder, space, run_entities(run.entities))
                for candidate in self._candidates(run.subject, filters)
            )
        ]

    def runs(
        self,
        participant: str,
        *,
        tasks: Sequence[str] | None = None,
        sessions: Sequence[str] | None = None,
        run_ids: Sequence[str] | None = None,
        space: str | None = None,
        filters: Filters | None = None,
    ) -> RunSelection:
        """Runs of one participant, all in one space, and those left out; indexes only the files of this participant.

        Labels may come with or without their keys (`sub-001`, `task-pieman`). `space` may be a segmentation; by
        default the first available of `runs.SPACES`, then any other. Of several derivatives, the first with the run is
        used; for several versions in it see `runs.best_version`. A run without events.tsv is an error if its task was
        requested, and is left out otherwise. Raises DatasetError if nothing can be analysed.
        """
        runs, excluded = [], []
        outcomes = self.each_run(
            participant, tasks=tasks, sessions=sessions, run_ids=run_ids, space=space, filters=filters
        )
        for label, outcome in outcomes:
            if isinstance(outcome, DatasetError):
                raise outcome
            if isinstance(outcome, Run):
                runs.append(outcome)
            else:
                excluded.append(ExcludedRun(label, outcome))
        if not runs:
            raise DatasetError(_no_run(participant, excluded))
        return RunSelection(tuple(runs), tuple(excluded))

    def each_run(
        self,
        participant: str,
        *,
        tasks: Sequence[str] | None = None,
        sessions: Sequence[str] | None = None,
        run_ids: Sequence[str] | None = None,
        space: str | None = None,
        filters: Filters | None = None,
    ) -> Iterator[tuple[str, Run | str | DatasetError]]:
        """Label of each run of a participant, with the run, the reason for leaving it out, or its error.

        Arguments are those of `runs`. Raises DatasetError if the participant has no such run.
        """
        chosen = [
            candidate
            for candidate in self._candidates(participant, filters)
            if _is_asked(candidate, "task", tasks)
            and _is_asked(candidate, "ses", sessions)
            and _is_asked(candidate, "run", run_ids)
        ]
        if not chosen:
            raise self._nothing_left(participant, tasks, sessions, run_ids)
        default = first_space(candidate.space for candidate in chosen)
        label = default if space is None else strip_prefix(strip_prefix(space, "space"), "seg")
        by_run: dict[tuple[tuple[str, str], ...], list[Candidate]] = {}
        for candidate in chosen:
            by_run.setdefault(candidate.key, []).append(candidate)
        for versions in by_run.values():
            outcome: Run | str | DatasetError
            try:
                outcome = self._run(versions, label, must_have_events=tasks is not None)
            except DatasetError as error:
                outcome = error
            yield run_label(versions[0].run), outcome

    def tasks_stimuli(self, tasks: Sequence[str] | None = None) -> HeardStimuli:
        """Every stimulus with a story in the data set and who heard it, see `stimuli.find_stimuli`."""
        folders = tuple(self.derivatives.values())
        return find_stimuli(self.bids_dir, self.excluded_scans, tasks, self.annotations, folders, self.listing)

    def _participant_files(self, participant: str, filters: Filters | None = None) -> dict[str, list[Path]]:
        label = strip_prefix(participant, "sub")
        if not any(label in labels for labels in self._labels.values()):
            present = self.participants()
            folders = ", ".join(str(folder) for folder in self.derivatives.values())
            raise DatasetError(f"There is no participant {label} in {folders}; there are {listed(present)}.")
        key = f"{label} {filters!r}"
        if key not in self._files:
            self._files[key] = {
                name: selected(index_participant(folder, name, label, self.database_dir), filters)
                for name, folder in self.derivatives.items()
                if label in self._labels[folder]
            }
        return self._files[key]

    def _candidates(self, participant: str, filters: Filters | None) -> list[Candidate]:
        files = self._participant_files(participant, filters)
        return [candidate for name, paths in files.items() for candidate in candidates(paths, self.derivatives[name])]

    def _run(self, versions: Sequence[Candidate], space: str, must_have_events: bool) -> Run | str:
        """Make the run, or give the reason for leaving it out."""
        entities = versions[0].run
        left = [version for version in versions if not is_excluded(version.name.entities, self.excluded_scans)]
        if not left:
            return "on the list of scans to leave out"
        here = [version for version in left if version.space == space]
        if not here:
            spaces = ", ".join(sorted({version.space or "its own space" for version in versions}))
            return f"not available in the space {space}, only in {spaces}"
        events = find_events(self.bids_dir, entities, self.annotations, self.listing)
        if events is None and must_have_events:
            expected = self.bids_dir / f"sub-{entities['sub']}" / "func" / f"{run_label(entities)}_events.tsv"
            raise DatasetError(
                f"{run_label(entities)} has no events: {expected} (or one that it inherits) is missing. "
                f"{ADVICE.format(label=run_label(entities))}."
            )
        if events is None:
            return "it has no events.tsv with the times of the stories"
        chosen = best_version([version for version in here if version.derivative == here[0].derivative])
        check_hemispheres(chosen)
        return self._complete(chosen, events)

    def _complete(self, chosen: Candidate, events: Path) -> Run:
        entities, run = chosen.name.entities, chosen.run
        every = [path for paths in self._participant_files(run["sub"]).values() for path in paths]
        files = [path for path in every if path.is_relative_to(chosen.derivative)]
        grid = {key: entities[key] for key in ("space", "res") if key in entities}
        is_volume = chosen.kind == "volume"
        return Run(
            subject=run["sub"],
            session=run.get("ses"),
            task=run["task"],
            run=run.get("run"),
            space=entities.get("space"),
            seg=segmentation(entities) if chosen.kind == "parcels" else None,
            kind=chosen.kind,
            files=chosen.files,
            events=events,
            confounds=companion(every, chosen, ("timeseries", "regressors"), (".tsv",), desc="confounds")
            or companion(every, chosen, ("confounds",), (".tsv",)),
            mask=companion(every, chosen, ("mask",), (".nii.gz", ".nii"), desc="brain", **grid) if is_volume else None,
            is_clean=is_cleaned(chosen.files[0], entities.get("desc", ""), chosen.derivative),
            repetition_time=repetition_time(
                chosen.files, chosen.derivative, self.bids_dir, entities, chosen.name.suffix, self.listing
            ),
            entities=entities,
            derivative=chosen.derivative,
            outliers=companion(files, chosen, ("outliers",), (".tsv",)),
            raw_files=tuple(applicable(self.bids_dir, entities, "bold", ".nii.gz", self.listing)),
            listing=self.listing,
        )

    def _nothing_left(self, participant: str, *asked: Sequence[str] | None) -> DatasetError:
        present = sorted({run_label(candidate.run) for candidate in self._candidates(participant, None)})
        wanted = ", ".join(label for labels in asked for label in labels or ())
        folders = ", ".join(str(folder) for folder in self.derivatives.values())
        return DatasetError(
            f"No BOLD of sub-{strip_prefix(participant, 'sub')} in {folders} matches "
            f"{wanted or 'the filters'}; there is {', '.join(present) or 'none'}."
        )


def open_dataset(
    bids_dir: Path,
    derivatives: Sequence[str | Path] = (),
    database_dir: Path | None = None,
    exclude_scans: Path | None = None,
    annotations: Path | None = None,
) -> Dataset:
    """Open a data set without indexing it.

    `derivatives` are folders, as PATH or NAME=PATH (the name stands in BIDS URIs, by default that of the folder). None
    given: the one folder of BIDS_DIR/derivatives that holds BOLD. Scans to leave out are read from `exclude_scans`, or
    from the data set's own code/scan_exclude.json. `database_dir` keeps the index between runs, `annotations` may
    hold onsets for runs without events.tsv. Raises DatasetError when there is no BOLD or the choice is open.
    """
    require_content(bids_dir)
    scans = scans_to_leave_out(bids_dir, exclude_scans)
    require_annotations(annotations)
    return Dataset(bids_dir, choose_derivatives(bids_dir, derivatives), scans, database_dir, annotations)


def scans_to_leave_out(bids_dir: Path, exclude_scans: Path | None = None) -> tuple[str, ...]:
    """Names of scans in a list, or in the list of the data set. Raises DatasetError if it cannot be read."""
    own_list = bids_dir / OWN_LIST
    chosen = own_list if exclude_scans is None and is_there(own_list) else exclude_scans
    return () if chosen is None else read_exclusions(chosen)


def require_annotations(annotations: Path | None) -> None:
    """Raise DatasetError if the annotations are not a folder."""
    if annotations is not None and not annotations.is_dir():
        advice = mount_advice(annotations, "check the path.")
        raise DatasetError(f"--annotations {annotations} is not a folder: {advice}")


def require_content(bids_dir: Path) -> None:
    """Raise DatasetError if BIDS_DIR is not a folder, or empty like a volume that was not mounted."""
    if not bids_dir.is_dir():
        raise DatasetError(f"BIDS_DIR {bids_dir} is not a folder: {mount_advice(bids_dir, 'check the path.')}")
    if not any(bids_dir.iterdir()):
        raise DatasetError(f"BIDS_DIR {bids_dir} is empty: {mount_advice(bids_dir, 'check the path.')}")


def _no_run(participant: str, excluded: Sequence[ExcludedRun]) -> str:
    """Reasons why no run of a participant can be analysed; runs with the same reason are listed together."""
    runs_of: dict[str, list[str]] = {}
    for run in excluded:
        runs_of.setdefault(run.reason, []).append(run.label)
    reasons = "; ".join(f"{listed(labels, 3)}: {reason}" for reason, labels in runs_of.items())
    advice = f" {ADVICE.format(label=excluded[0].label)}." if any("no events" in reason for reason in runs_of) else ""
    return f"No run of sub-{strip_prefix(participant, 'sub')} can be analysed ({reasons}).{advice}"


def _is_asked(candidate: Candidate, key: str, asked: Sequence[str] | None) -> bool:
    return asked is None or (key in candidate.run and is_asked(key, candidate.run[key], asked))
