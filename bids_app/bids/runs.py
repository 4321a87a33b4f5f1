"""A run: the BOLD of one participant, task and space, with its companion files."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from bids_app.bids.cifti import SERIES
from bids_app.bids.entities import Name, is_within, parse_name
from bids_app.bids.errors import DatasetError
from bids_app.bids.events import Stimulus, read_events
from bids_app.bids.geometry import is_own_space
from bids_app.bids.metadata import Listing, list_names

Kind = Literal["surface", "volume", "cifti", "parcels"]

# Extension and allowed suffixes of each kind of BOLD. Older fMRIPrep and afni-nosmooth give surfaces no suffix.
KINDS: dict[str, tuple[Kind, frozenset[str]]] = {
    ".func.gii": ("surface", frozenset({"bold", ""})),
    SERIES: ("cifti", frozenset({"bold"})),
    ".nii.gz": ("volume", frozenset({"bold"})),
    ".nii": ("volume", frozenset({"bold"})),
    ".tsv": ("parcels", frozenset({"timeseries"})),
}
SPACES = ("fsaverage6", "fsaverage5", "MNI152NLin6Asym", "MNI152NLin2009cAsym")
OTHER_SURFACES = ("fsaverage", "fsLR", "onavg")
# If a derivative holds several versions of a run, the cleaned one is its purpose.
DESCRIPTIONS = ("clean", "denoised", "preproc", "")
# Entities that distinguish acquisitions.
RUN_ENTITIES = ("sub", "ses", "task", "acq", "ce", "dir", "run")
# Entities of versions made from one acquisition: companions of one version do not belong to another.
VERSION_ENTITIES = ("rec", "echo", "part", "proc")


@dataclass(frozen=True)
class Run:
    """One run that can be analysed. `files` is (left, right) for surfaces, otherwise one file.

    `entities` are those of the file name without the hemisphere; labels come without their keys (`subject="001"`).
    `events`, `confounds`, `mask` and `outliers` (the censored volumes of XCP-D) are None where there are none;
    `raw_files` are the images of the raw run; `repetition_time` is in seconds. `listing` lists the folders of the JSON
    files of its events.
    """

    subject: str
    session: str | None
    task: str
    run: str | None
    space: str | None
    seg: str | None
    kind: Kind
    files: tuple[Path, ...]
    events: Path
    confounds: Path | None
    mask: Path | None
    is_clean: bool
    repetition_time: float
    entities: dict[str, str]
    derivative: Path
    outliers: Path | None = None
    raw_files: tuple[Path, ...] = ()
    listing: Listing = field(default=list_names, repr=False, compare=False)

    @cached_property
    def stimuli(self) -> tuple[Stimulus, ...]:
        """What its events play, in order, see `events.read_events`. Raises DatasetError."""
        return read_events(self.events, self.entities, self.listing)

    @property
    def label(self) -> str:
        """Name of the run in messages: `sub-001_task-pieman_run-1`."""
        return run_label(self.entities)

    @property
    def density(self) -> str:
        """Density of a surface or of grayordinates, the entity `den`; empty if the name has none."""
        return self.entities.get("den", "") if self.kind in {"surface", "cifti"} else ""

    def space_entities(self) -> dict[str, str]:
        """Entities of the space in outputs, as in the geometry of the recording."""
        entities = {"seg": self.seg} if self.seg else {"space": self.space, "den": self.density}
        return {key: value for key, value in entities.items() if value}


@dataclass(frozen=True)
class ExcludedRun:
    """A run that was left out, with the reason."""

    label: str
    reason: str


@dataclass(frozen=True)
class RunSelection:
    """Runs of one participant in one space, and the runs left out."""

    runs: tuple[Run, ...]
    excluded: tuple[ExcludedRun, ...]


@dataclass(frozen=True)
class Candidate:
    """BOLD files of one run in one space and one version, before its other files are known."""

    name: Name
    files: tuple[Path, ...]
    derivative: Path

    @property
    def kind(self) -> Kind:
        """Kind of the BOLD."""
        return KINDS[self.name.extension][0]

    @property
    def space(self) -> str:
        """Space, or segmentation for parcels; empty for the participant's own space."""
        return segmentation(self.name.entities) if self.kind == "parcels" else self.name.entities.get("space", "")

    @property
    def run(self) -> dict[str, str]:
        """Entities that distinguish runs."""
        return run_entities(self.name.entities)

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """Key of the run: run-1 and run-01 are the same."""
        numbered = {"run": self.run["run"].lstrip("0")} if self.run.get("run", "").isdecimal() else {}
        return tuple((self.run | numbered).items())


def run_entities(entities: Mapping[str, str]) -> dict[str, str]:
    """Entities that distinguish runs, in the order of BIDS."""
    return {key: entities[key] for key in RUN_ENTITIES if key in entities}


def run_label(entities: Mapping[str, str]) -> str:
    """Name of a run in messages and lists of exclusions: `sub-001_task-pieman_run-1`."""
    return "_".join(f"{key}-{value}" for key, value in run_entities(entities).items())


def segmentation(entities: Mapping[str, str]) -> str:
    """Segmentation of a table of regions, called atlas by older tools and the newest XCP-D."""
    return entities.get("seg", entities.get("atlas", ""))


def is_bold(name: Name) -> bool:
    """Whether a file holds BOLD of a task in a supported format."""
    _, suffixes = KINDS.get(name.extension, ("", frozenset()))
    entities = name.entities
    if name.suffix not in suffixes or not {"sub", "task"} <= set(entities) or entities.get("part", "mag") != "mag":
        return False
    if name.extension == ".func.gii":
        return {"hemi", "space"} <= set(entities)
    return name.extension != ".tsv" or (segmentation(entities) != "" and entities.get("stat", "mean") == "mean")


def candidates(paths: Iterable[Path], derivative: Path) -> list[Candidate]:
    """Group the BOLD files of a participant: both hemispheres of a surface form one candidate."""
    groups: dict[tuple[object, ...], list[tuple[Path, Name]]] = {}
    for path in sorted(paths):
        name = parse_name(path)
        if is_bold(name):
            rest = sorted((key, value) for key, value in name.entities.items() if key != "hemi")
            groups.setdefault((*rest, name.suffix, name.extension), []).append((path, name))
    return [_candidate(files, derivative) for files in groups.values()]


def _candidate(files: Sequence[tuple[Path, Name]], derivative: Path) -> Candidate:
    paths, name = (
        tuple(path for path, _ in sorted(files, key=lambda file: file[1].entities.get("hemi", ""))),
        files[0][1],
    )
    entities = {key: value for key, value in name.entities.items() if key != "hemi"}
    return Candidate(Name(entities, name.suffix, name.extension), paths, derivative)


def check_hemispheres(candidate: Candidate) -> None:
    """Raise DatasetError, which names the missing file, if a surface has only one hemisphere."""
    present = [parse_name(path).entities.get("hemi", "") for path in candidate.files]
    if candidate.kind == "surface" and present != ["L", "R"]:
        other = "R" if present == ["L"] else "L"
        path = candidate.files[0]
        missing = path.with_name(path.name.replace(f"hemi-{present[0]}", f"hemi-{other}"))
        raise DatasetError(
            f"The file {missing} is missing, only the other hemisphere exists: "
            "get or make it again, or choose another --space."
        )


def first_space(spaces: Iterable[str]) -> str:
    """Choose the default space among those available.

    The order is that of `SPACES`, then other surfaces that participants share, then any other by name, and last the
    spaces of one participant's brain (T1w, fsnative, none), in which participants cannot be compared.
    """
    order = {space: rank for rank, space in enumerate(SPACES)}

    def rank(space: str) -> tuple[object, ...]:
        return order.get(space, len(order)), is_own_space(space), space == "", space not in OTHER_SURFACES, space

    return min(spaces, key=rank)


def best_version(versions: Sequence[Candidate]) -> Candidate:
    """Choose among several versions of one run in one space: `clean`, `denoised`, `preproc`, none, then any other.

    Combined echoes take precedence over single ones. Raises DatasetError, which names the differing entity, if two are
    equally good (two resolutions or reconstructions, for example).
    """
    order = {description: rank for rank, description in enumerate(DESCRIPTIONS)}
    ranks = [
        ("echo" in version.name.entities, order.get(version.name.entities.get("desc", ""), len(order)))
        for version in versions
    ]
    best = [version for version, rank in zip(versions, ranks, strict=True) if rank == min(ranks)]
    if len(best) > 1:
        raise DatasetError(_choice(best))
    return best[0]


def _choice(versions: Sequence[Candidate]) -> str:
    """Message for several versions of a run: their differences, and the filter that selects the first."""
    files = "".join(f"\n  {version.files[0]}" for version in versions)
    entities = [version.name.entities for version in versions]
    keys = [key for version_entities in entities for key in version_entities]
    differing = [
        key for key in dict.fromkeys(keys) if len({version_entities.get(key) for version_entities in entities}) > 1
    ]
    label = run_label(versions[0].run)
    if not differing or differing == ["run"]:
        how = "an older and a newer name" if not differing else "two spellings of its number"
        return f"{label} exists twice, under {how}: move one of them out of the derivative:{files}"
    values = {
        key: " or ".join(
            dict.fromkeys(
                f"{key}-{version_entities[key]}" if key in version_entities else f"no {key}"
                for version_entities in entities
            )
        )
        for key in differing
    }
    example = json.dumps({"bold": {key: entities[0].get(key) for key in differing[:1]}})
    combine = " (or combine the echoes first)" if differing == ["echo"] else ""
    return (
        f"{label} exists in several versions of one acquisition ({'; '.join(values.values())}); choose one "
        f"with --bids-filter-file, for example {example}{combine}:{files}"
    )


def companion(
    paths: Iterable[Path], candidate: Candidate, suffixes: Sequence[str], extensions: Sequence[str], **entities: str
) -> Path | None:
    """Find a companion file of the run, such as its confounds or its mask; the first of several.

    A file of the candidate's own derivative takes precedence over others, a file of the same version (reconstruction)
    over files without one.
    """
    companions = []
    for path in sorted(paths):
        name = parse_name(path)
        theirs = name.entities
        of_same_run = is_within(candidate.run | entities, theirs) and is_within(run_entities(theirs), candidate.run)
        versions = {key: theirs[key] for key in VERSION_ENTITIES if key in theirs}
        if (
            of_same_run
            and name.suffix in suffixes
            and name.extension in extensions
            and is_within(versions, candidate.name.entities)
        ):
            companions.append((not path.is_relative_to(candidate.derivative), -len(versions), path))
    return min(companions)[2] if companions else None
