"""A run: the BOLD of one participant, one task, one space, and what belongs to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bids_app.bids.cifti import SERIES
from bids_app.bids.entities import Name, is_within, parse_name
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry import is_own_space

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
CLEANED = ("clean", "denoised")
# Where one derivative holds several versions of a run, the cleaned one is what it was made for.
DESCRIPTIONS = (*CLEANED, "preproc", "")
RUN_ENTITIES = ("sub", "ses", "task", "acq", "ce", "rec", "dir", "run", "echo")


@dataclass(frozen=True)
class Run:
    """One run that can be analysed. `files` is (left, right) for surfaces, otherwise one file.

    `entities` are those of the file name without the hemisphere; labels come without their keys (`subject="001"`).
    `events`, `confounds` and `mask` are None where there are none; `repetition_time` is in seconds.
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

    @property
    def label(self) -> str:
        """Name of the run for people: `sub-001_task-pieman_run-1`."""
        return run_label(self.entities)

    @property
    def density(self) -> str:
        """Density of a surface or of grayordinates, the entity `den`; empty where the name says none."""
        return self.entities.get("den", "") if self.kind in {"surface", "cifti"} else ""

    def space_entities(self) -> dict[str, str]:
        """Entities of the outputs that say where the targets are, as the geometry of the recording has them."""
        entities = {"seg": self.seg} if self.seg else {"space": self.space, "den": self.density}
        return {key: value for key, value in entities.items() if value}


@dataclass(frozen=True)
class ExcludedRun:
    """A run that was left out, and why."""

    label: str
    reason: str


@dataclass(frozen=True)
class RunSelection:
    """Runs of one participant in one space, and those left out of them."""

    runs: tuple[Run, ...]
    excluded: tuple[ExcludedRun, ...]


@dataclass(frozen=True)
class Candidate:
    """BOLD files of one run in one space and one version, before anything else is known of the run."""

    name: Name
    files: tuple[Path, ...]
    derivative: Path

    @property
    def kind(self) -> Kind:
        """Kind of the BOLD."""
        return KINDS[self.name.extension][0]

    @property
    def place(self) -> str:
        """Space, or segmentation for parcels; empty for the participant's own space."""
        key = "seg" if self.kind == "parcels" else "space"
        return self.name.entities.get(key, "")

    @property
    def run(self) -> dict[str, str]:
        """Entities that tell runs apart."""
        return run_entities(self.name.entities)


def run_entities(entities: Mapping[str, str]) -> dict[str, str]:
    """Entities that tell runs apart, in the order of BIDS."""
    return {key: entities[key] for key in RUN_ENTITIES if key in entities}


def run_label(entities: Mapping[str, str]) -> str:
    """Name of a run for people and for lists of exclusions: `sub-001_task-pieman_run-1`."""
    return "_".join(f"{key}-{value}" for key, value in run_entities(entities).items())


def is_bold(name: Name) -> bool:
    """Whether a file holds BOLD of a task that can be read here."""
    _, suffixes = KINDS.get(name.extension, ("", frozenset()))
    if name.suffix not in suffixes or not {"sub", "task"} <= set(name.entities):
        return False
    if name.extension == ".func.gii":
        return {"hemi", "space"} <= set(name.entities)
    return name.extension != ".tsv" or ("seg" in name.entities and name.entities.get("stat", "mean") == "mean")


def candidates(paths: Iterable[Path], derivative: Path) -> list[Candidate]:
    """Put the BOLD files of a participant together: both hemispheres of a surface are one candidate."""
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
    """Raise DatasetError, naming the missing file, when a surface has one hemisphere only."""
    present = [parse_name(path).entities.get("hemi", "") for path in candidate.files]
    if candidate.kind == "surface" and present != ["L", "R"]:
        other = "R" if present == ["L"] else "L"
        path = candidate.files[0]
        missing = path.with_name(path.name.replace(f"hemi-{present[0]}", f"hemi-{other}"))
        raise DatasetError(
            f"The file {missing} is missing, only the other hemisphere is there: "
            "get or make it again, or choose another --space."
        )


def first_space(places: Iterable[str]) -> str:
    """Choose the default space among those present.

    In the order of `SPACES`, then the other surfaces that participants share, then any other by name; last those of
    one participant's own brain (T1w, fsnative, none at all), where participants cannot be compared.
    """
    order = {space: rank for rank, space in enumerate(SPACES)}

    def rank(place: str) -> tuple[object, ...]:
        return order.get(place, len(order)), is_own_space(place), place == "", place not in OTHER_SURFACES, place

    return min(places, key=rank)


def best_version(versions: Sequence[Candidate]) -> Candidate:
    """Choose among several versions of one run in one space: `clean`, `denoised`, `preproc`, none, then any other.

    Raises DatasetError when two are equally good (two resolutions, for example).
    """
    order = {description: rank for rank, description in enumerate(DESCRIPTIONS)}
    ranks = [order.get(version.name.entities.get("desc", ""), len(order)) for version in versions]
    best = [version for version, rank in zip(versions, ranks, strict=True) if rank == min(ranks)]
    if len(best) > 1:
        listed = "\n  ".join(str(version.files[0]) for version in best)
        raise DatasetError(
            f"{run_label(best[0].run)} is there in several versions; choose one with --bids-filter-file, "
            f'for example {{"bold": {{"res": "2"}}}}:\n  {listed}'
        )
    return best[0]


def companion(paths: Iterable[Path], candidate: Candidate, suffixes: Sequence[str], **entities: str) -> Path | None:
    """Find a file that belongs to the same run, such as its confounds or its mask; the first of several."""
    wanted = candidate.run | entities
    for path in sorted(paths):
        name = parse_name(path)
        same_run = is_within(wanted, name.entities) and is_within(run_entities(name.entities), candidate.run)
        if same_run and name.suffix in suffixes and name.extension in {".tsv", ".nii.gz", ".nii"}:
            return path
    return None
