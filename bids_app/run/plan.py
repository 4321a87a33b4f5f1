"""`n2n plan BIDS_DIR …`: jobs, hours, memory and disk of a run, from its files and from measured figures.

Times are those of docs/memory-and-time.md and docs/benchmarks.md on two cores without a GPU, scaled by volumes,
targets, words and weights. What was not measured is named, not guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bids_app.bids.entities import parse_name
from bids_app.inputs.sources import Sources
from bids_app.language.neurons import NEURON_KINDS
from bids_app.language.weights import count_weights, find_model
from bids_app.machine.resources import folders_of, model_source
from bids_app.run.check import check_runs, open_partly, selected_participants
from bids_app.run.check_rows import NO_BOLD, RunCheck
from bids_app.run.feasibility import Shape
from bids_app.settings import Settings
from bids_app.wording import listed

# Targets of the usual spaces; of others they are not known without the data.
_TARGETS = {"fsaverage5": 20_484, "fsaverage6": 81_924, "fsLR": 64_984, "MNI152NLin2009cAsym": 226_981}
_TARGETS["MNI152NLin6Asym"] = _TARGETS["MNI152NLin2009cAsym"]  # a brain at 2 mm
# Seconds of a fit: at the start, and for each volume and target (docs/memory-and-time.md, 300 volumes).
_START, _NETWORKS, _FORECAST = 8.0, 1.26e-4 / 300, 1.2e-3 / 300
_MEASURED = {"networks", "brainscore", "evidence", "forecast"}
# Of the evidence likewise, beside the others; and its maps: r, p, q and R² of band, layer and families, and of parcels.
_EVIDENCE_START, _EVIDENCE, _EVIDENCE_MAPS = 1.8, 1.35e-4 / 300, 20
# Of the evidence of a group: seconds, and tables, pictures and its part of the page (docs/scale.md); r and p are read.
_EVIDENCE_OF_GROUP, _EVIDENCE_MB, _READ_OF_EVIDENCE = 1.5, 1.1, 2
_PRODUCTS, _TOKENS_PER_WORD = 97e9, 1.2  # of a model per second, and per word
# Seconds of a dictionary per volume, and per volume and neuron (docs/benchmarks.md, three sizes); a restart of the
# families converges further than one dictionary.
_PER_VOLUME, _PER_NEURON, _RESTART = 6e-4, 2.4e-9, 3
# Seconds for each word and neuron of what drives the families, which the evidence asks (docs/scale.md).
_DRIVERS = 6.3e-8
# Seconds of links of families with networks per volume of a participant, or of the mean of a group; and per volume of
# each participant whom the group reads (docs/scale.md).
_LINKS, _HEARD = 0.0096, 1.4e-4
# Seconds of the group level: at the start, of each group, for each target of the space, for each value that is written,
# and for each that is read, of a participant, target and map (docs/scale.md).
_GROUP_START, _OF_GROUP, _SPACE, _WRITE, _READ = 5.0, 0.7, 1.3e-4, 1.4e-7, 5e-8
_PAGE_MB = 3.6  # pictures and section of a group on the page
_RESPONSES_MB = 2.2e-3  # of a volume of a participant, while links of the group are made
_PROCESS_MB, _BYTES, _STORED = 1150, 4, {"float32": 4, "float16": 2}
_DESIGN_MB = 13  # of a story in the work directory
_WRITTEN = 1.3  # bytes of a map in a file, as a share of its values: base64 of compressed floats
_MAPS_OF_FAMILY, _READ_OF_FAMILY = 3, 2  # coefficients, z, correlation; the group reads no z
_SCORES = 2  # of the families and of the brain
_OF_ONE, _OF_SEVERAL = 2, 5  # maps that a group writes: mean and z; t, p and q of at least two participants
_SPARSE = 0.1  # bytes of the mean of sparse maps in a file, as a share of its values, for each participant


@dataclass(frozen=True)
class Part:
    """A level of the run: its jobs, seconds of each, memory and disk in megabytes."""

    level: str
    jobs: int
    seconds: float
    memory_mb: float
    disk_mb: float

    @property
    def cells(self) -> list[str]:
        """The cells of the table."""
        hours = f"{self.jobs * self.seconds / 3600:,.2f}"
        return [
            self.level,
            f"{self.jobs:,}",
            f"{self.seconds:,.0f} s",
            hours,
            f"{self.memory_mb:,.0f} MB",
            f"{self.disk_mb:,.0f} MB",
        ]


@dataclass(frozen=True)
class Size:
    """What decides the size of a run.

    Attributes
    ----------
    participants, volumes : participants, and story volumes of all their runs
    groups : participants of each group of the group level (a task each, or all with --pool-tasks), each a fit
    longest : story volumes of the longest run
    targets, stories, words, story_volumes : of a map, how many, of all stories, and of all stories on the grid of the
        dictionary
    neurons, states, weights : of all layers of the models, in the dictionary's kind and in hidden states; of the models
    """

    participants: int
    groups: tuple[int, ...]
    volumes: int
    longest: int
    targets: int
    stories: int
    words: int
    story_volumes: int
    neurons: int
    states: int
    weights: int

    @property
    def fits(self) -> int:
        """Fits of all participants."""
        return sum(self.groups)


def show_plan(settings: Settings, at_once: int) -> int:
    """Print the plan for one machine, SLURM and Dask. Raises ValueError where a figure cannot be known.

    Runs whose BOLD has not been fetched count as well: their events tell how many volumes they have.
    """
    problems: list[str] = []
    sources = open_partly(replace(settings, dry_run=True), problems)
    rows = list(check_runs(sources, selected_participants(sources, problems), problems=problems))
    parts = plan_of(
        settings, size_of(sources, [row for row in rows if row.story_volumes and row.note in ("", NO_BOLD)])
    )
    lines = [["level", "jobs", "each", "hours", "memory of a job", "disk"], *(part.cells for part in parts)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    print()
    print("\n".join(summary_of(parts, settings, at_once)))
    return 0


def summary_of(parts: Sequence[Part], settings: Settings, at_once: int) -> Iterator[str]:
    """How long it takes on one machine and on a cluster, and what is not in the figures."""
    disk = sum(part.disk_mb for part in parts)
    for title, workers in (
        (f"one machine, --nprocs {settings.nprocs}", settings.nprocs),
        (f"SLURM or Dask, {at_once} jobs at once", at_once),
    ):
        hours = sum(part.seconds * -(-part.jobs // workers) for part in parts) / 3600
        together = max(part.memory_mb * min(workers, part.jobs) for part in parts)
        yield f"{title}: {hours:,.2f} hours, up to {together:,.0f} MB together"
    yield f"disk for OUT_DIR and the work directory: {disk:,.0f} MB"
    others = [analysis.name for analysis in settings.analyses if analysis.name not in _MEASURED]
    if others:
        yield f"not measured, and not in these hours: {listed(others)}"
    yield "Hours are those of 2 cores without a GPU per job (docs/memory-and-time.md); run one participant to compare."


def size_of(sources: Sources, rows: Sequence[RunCheck]) -> Size:
    """The size of a run. Raises ValueError if nothing can be analysed, or a space or model is not known."""
    if not rows:
        raise ValueError("no run can be analysed, so that there is nothing to plan: see n2n check")
    space = sources.settings.space or rows[0].space
    if space not in _TARGETS:
        raise ValueError(f"the number of targets of {space} is not known: plan with --space {' or '.join(_TARGETS)}")
    volumes = [row.story_volumes or 0 for row in rows]
    stories = sources.stories.values()
    shapes = [_shape(name, sources.settings) for name in sources.settings.model]
    inner = 4 if sources.settings.chosen_units.kind == "ffn-in" else 1
    states = sum(n_layers * width for n_layers, width, _ in shapes)
    return Size(
        participants=len({row.run.partition("_")[0] for row in rows}),
        groups=_groups_of(rows, pooled=sources.settings.pool_tasks),
        volumes=sum(volumes),
        longest=max(volumes),
        targets=_TARGETS[space],
        stories=len(stories),
        words=sum(len(story.words) for story in stories),
        story_volumes=sum(len(story.canonical.volumes) for story in stories),
        neurons=inner * states,
        states=states,
        weights=sum(weights for _, _, weights in shapes),
    )


def _groups_of(rows: Sequence[RunCheck], *, pooled: bool) -> tuple[int, ...]:
    """Fits of each group, the largest first: of each task, or of all where tasks are pooled."""
    entities = [parse_name(row.run).entities for row in rows]
    keys = ("sub",) if pooled else ("sub", "ses", "task")
    fits = {tuple(own.get(key) for key in keys) for own in entities}
    return tuple(sorted(Counter("" if pooled else fit[-1] for fit in fits).values(), reverse=True))


def _shape(name: str, settings: Settings) -> tuple[int, int, int]:
    """Layers, width and weights of a model, from its configuration: transformer blocks have 12 × width² weights."""
    revision, folders = model_source(name, settings.model_revision, folders_of(settings.resources))
    folder = find_model(name, revision, with_weights=False, resources=folders, download=False).folder
    shape = Shape.read(folder)
    if shape.n_layers is None or shape.width is None:
        raise ValueError(f"the configuration of the model {name} does not tell its layers and width: choose another")
    return shape.n_layers, shape.width, _weights(folder) or 12 * shape.n_layers * shape.width**2


def _weights(folder: Path) -> int:
    try:
        return count_weights(folder)
    except (OSError, ValueError):
        return 0


def plan_of(settings: Settings, size: Size) -> list[Part]:
    """The levels of a run."""
    maps = _Maps.of(settings)
    return [_stimulus(settings, size, maps), _participant(settings, size, maps), _group(settings, size, maps)]


@dataclass(frozen=True)
class _Maps:
    """Maps of a fit, and what is made of them.

    Attributes
    ----------
    families, distances, others : maps of one kind: families (0 without them), distances (0 without a forecast), scores
    evidence : scores of the evidence (0 without it): of the nuisance band, of a layer over it, of families over it
    has_links : whether families are linked to networks
    """

    families: int
    distances: int
    others: int
    evidence: int
    has_links: bool

    @classmethod
    def of(cls, settings: Settings) -> _Maps:
        names = {analysis.name for analysis in settings.analyses}
        distances = len({d for analysis in settings.analyses for d in analysis.distances(settings)}) or 1
        families = max(settings.atoms) if "networks" in names else 0
        has_links = bool(families) and settings.links == "conditional" and not settings.network_atlas.is_off
        evidence = 2 + bool(families) if "evidence" in names else 0
        return cls(families, distances if "forecast" in names else 0, 4, evidence, has_links)


def _stimulus(settings: Settings, size: Size, maps: _Maps) -> Part:
    """One job per model: activations and the dictionary."""
    kinds = {analysis.activations(settings) for analysis in settings.analyses}
    values = sum(size.states if kind == "residual" else size.neurons for kind, _ in kinds if kind in NEURON_KINDS)
    restarts = _RESTART * settings.restarts if settings.links == "conditional" else 1
    learned = _BYTES * size.story_volumes * size.neurons if maps.families else 0
    reading = 2 * size.weights * _TOKENS_PER_WORD * size.words / _PRODUCTS
    one = size.story_volumes * (_PER_VOLUME * len(settings.model) + _PER_NEURON * size.neurons)
    learning = restarts * one if maps.families else 0
    driving = _DRIVERS * size.words * size.neurons if maps.families and maps.evidence else 0
    return Part(
        "stimulus",
        len(settings.model),
        (reading + learning + driving) / len(settings.model),
        _PROCESS_MB + _BYTES * size.weights / len(settings.model) / 1e6,
        (_STORED[settings.activations_dtype] * size.words * values + learned) / 1e6,
    )


def _participant(settings: Settings, size: Size, maps: _Maps) -> Part:
    """One job per participant."""
    names = {analysis.name for analysis in settings.analyses}
    evidence = bool(maps.evidence)
    per_target = (_NETWORKS if names & {"networks", "brainscore"} else 0) + _FORECAST * maps.distances / 31
    per_target += _EVIDENCE * evidence
    of_map = _BYTES * size.targets / 1e6
    has_ceiling = "brainscore" in names and settings.noise_ceiling == "all"
    means = size.story_volumes * of_map * has_ceiling  # mean responses of all participants to each story
    of_fit = _MAPS_OF_FAMILY * maps.families + maps.distances + maps.others + _EVIDENCE_MAPS * evidence
    start = _START + _EVIDENCE_START * evidence
    each = size.volumes / size.participants
    return Part(
        "participant",
        size.participants,
        start * size.fits / size.participants + each * (per_target * size.targets + _LINKS * maps.has_links),
        _PROCESS_MB + 3 * size.longest * of_map,
        size.fits * of_fit * of_map * _WRITTEN + size.stories * _DESIGN_MB + means,
    )


def _group(settings: Settings, size: Size, maps: _Maps) -> Part:
    """One job: a group per task and model, with maps, pictures and tables whatever its number of participants."""
    n_models, of_map, has_evidence = len(settings.model), _BYTES * size.targets / 1e6, bool(maps.evidence)
    read = _READ_OF_FAMILY * maps.families + maps.distances + maps.others + _READ_OF_EVIDENCE * maps.evidence
    stats = [_OF_ONE if members < 2 else _OF_SEVERAL for members in size.groups]
    of_scores = maps.distances + _SCORES + maps.evidence
    # Means of sparse coefficients become dense with the number of participants.
    shares = [min(_WRITTEN, _SPARSE * members) for members in size.groups]
    written = sum(n * (maps.families * share + of_scores * _WRITTEN) for n, share in zip(stats, shares, strict=True))
    heard = _HEARD * size.volumes + _LINKS * size.story_volumes
    each = (
        (_OF_GROUP + _EVIDENCE_OF_GROUP * has_evidence) * len(size.groups)
        + _WRITE * sum(stats) * (maps.families + of_scores) * size.targets
        + _READ * size.fits * read * size.targets
        + heard * maps.has_links
    )
    page = _PAGE_MB + _EVIDENCE_MB * has_evidence
    largest = max(size.groups)
    kept = largest * of_map * max(maps.distances, 1)  # coefficients of families are summed while they are read
    responses = largest * _RESPONSES_MB * size.volumes / size.fits * maps.has_links
    return Part(
        "group",
        1,
        _GROUP_START + _SPACE * size.targets + n_models * each,
        (900 if maps.has_links else 700) + 4 * maps.families * of_map,
        n_models * (page * len(size.groups) + written * of_map) + kept + responses,
    )
