"""What a value of a setting may be: its range, its form, the path that it names, and what it cannot go with."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bids_app.settings import LEVELS, OPTIONS, Settings

CONFOUND_STRATEGIES = ("auto", "none", "narratives", "simple", "scrubbing", "compcor", "ica_aroma")
CLUSTERS = ("slurm", "pbs", "sge", "lsf")
MOST_BYTES = 1_000_000  # of a settings file, a filter or a list of scans: none that a person wrote is larger


@dataclass(frozen=True)
class Range:
    """Numbers that are allowed, from `least` to `most`; `open_least`, `open_most`: without that number itself."""

    least: float
    most: float
    open_least: bool = False
    open_most: bool = False

    def holds(self, value: float) -> bool:
        """Whether a number is allowed; NaN never is."""
        above = value > self.least if self.open_least else value >= self.least
        return above and (value < self.most if self.open_most else value <= self.most)

    def __str__(self) -> str:
        """What must be, for messages.

        >>> str(Range(0, 1, open_least=True))
        'must be above 0 and at most 1'
        """
        low = f"{'above' if self.open_least else 'at least'} {self.least:.12g}"
        return f"must be {low} and {'below' if self.open_most else 'at most'} {self.most:.12g}"


RANGES = {
    "atoms": Range(2, 100_000),
    "penalty": Range(0, 1, open_least=True, open_most=True),
    "threshold": Range(0, 100),
    "top_percent": Range(0, 100, open_least=True, open_most=True),
    "n_spins": Range(1, 1_000_000),
    "distances": Range(-100_000, 100_000),
    "window": Range(1, 10_000),
    "tested_distance": Range(-100_000, 100_000),
    "significance": Range(0, 1, open_least=True),
    "banded_candidates": Range(1, 100_000),
    "delays": Range(1, 10_000),
    "pca": Range(0, 100_000),
    "alphas": Range(0, 1e30, open_least=True),
    "folds": Range(2, 10_000),
    "purge": Range(0, 10_000),
    "high_pass": Range(0, 10),
    "smoothing_fwhm": Range(0, 100),
    "n_permutations": Range(1, 10_000_000),
    "nprocs": Range(1, 10_000),
    "omp_nthreads": Range(0, 10_000),
    "mem_mb": Range(0, 1_000_000_000),
    "random_seed": Range(0, 2**32 - 1),
}


def _is_fraction(text: str) -> bool:
    try:
        return 0 < float(text) < 1
    except ValueError:
        return False


# Settings that are a word or a number: whether a text is one, and what must be.
_FORMS: dict[str, tuple[Callable[[str], object], str]] = {
    "layer": (re.compile(r"auto|all|0*[1-9][0-9]{0,5}").fullmatch, "must be a number from 1, 'all' or 'auto'"),
    "context": (
        re.compile(r"auto|left|exact|rolled|[0-9]{1,7}").fullmatch,
        "must be 'auto', 'left', 'exact', 'rolled' or a number of tokens",
    ),
    "encoding_penalty": (lambda text: text == "cv" or _is_fraction(text), "must be 'cv' or lie between 0 and 1"),
    "device": (re.compile(r"auto|cpu|mps|cuda(:[0-9]{1,3})?").fullmatch, "must be auto, cpu, cuda or cuda:N"),
}


def find_problems(settings: Settings) -> list[str]:
    """Every value that cannot be, one sentence each."""
    problems = []
    for option in OPTIONS:
        allowed = option.metadata["choices"]
        wrong = [value for value in _values(settings, option.name) if allowed and value not in allowed]
        problems += [f"{option.name} = {value!r}: is not one of {', '.join(allowed)}" for value in wrong]
        if option.default and option.default != () and getattr(settings, option.name) == ():
            problems.append(f"{option.name} = []: must name at least one; without it, the default is taken")
    for name, allowed_range in RANGES.items():
        wrong = [value for value in _values(settings, name) if not allowed_range.holds(value)]
        problems += [f"{name} = {value}: {allowed_range}" for value in wrong]
    for name, (is_right, must) in _FORMS.items():
        problems += [f"{name} = {value!r}: {must}" for value in _values(settings, name) if not is_right(value)]
    if settings.level not in LEVELS:
        problems.append(f"analysis level {settings.level!r}: is not one of {', '.join(LEVELS)}")
    return [
        *problems,
        *_contradictions(settings),
        *_problems_of_confounds(settings),
        *_problems_of_dask(settings),
        *_problems_of_paths(settings),
    ]


def _values(settings: Settings, name: str) -> tuple[Any, ...]:
    value = getattr(settings, name)
    return value if isinstance(value, tuple) else () if value is None else (value,)


def _contradictions(settings: Settings) -> Iterator[str]:
    """Values that each may be, but not together."""
    if len(set(settings.distances)) < len(settings.distances):
        yield f"distances = {list(settings.distances)}: each must be given once"
    if settings.dictionary_scope == "story" and settings.pool_tasks:
        yield "dictionary_scope = 'story' cannot go with pool_tasks: atoms of one story mean nothing in another"
    if "variance" in settings.analysis and settings.tested_distance == 0:
        yield (
            "tested_distance = 0 cannot go with the analysis variance, where it would be future and past in one; give "
            "another number of words, such as 8"
        )
    if settings.space and re.search(r"[\s,;]", settings.space):
        yield f"space = {settings.space!r}: takes one space; choose one"
    both = sorted(set(settings.participant_label) & set(settings.exclude_participant_label))
    if both:
        yield f"participant {', '.join(both)}: is asked for and left out; give --participant-label or the other"


def _problems_of_confounds(settings: Settings) -> list[str]:
    """Problems of what is regressed out; whether a column is there shows with the table."""
    given, problems = settings.confounds, []
    strategies = [name for name in given if name in CONFOUND_STRATEGIES]
    if strategies and len(given) > 1:
        problems.append(f"confounds = {' '.join(given)}: {strategies[0]} must stand alone, or be left out")
    for name in given:
        close = difflib.get_close_matches(name.lower(), CONFOUND_STRATEGIES, n=1, cutoff=0.75)
        if not re.fullmatch(r"[\w*?\[\]-]+", name):
            problems.append(f"confounds = {name!r}: is no name or pattern of a column, such as trans_x or 'trans_*'")
        elif close and name not in CONFOUND_STRATEGIES and not set(name) & set("*?["):
            problems.append(f"confounds = {name!r}: did you mean {close[0]}?")
    return problems


def _problems_of_dask(settings: Settings) -> list[str]:
    """Problems of where the jobs run."""
    problems = [
        f"dask_cluster = {pair!r}: must be KEY=VALUE, such as cores=4"
        for pair in settings.dask_cluster
        if not re.fullmatch(r"\w+=.+", pair)
    ]
    given = [name for name in ("dask_scheduler", "dask_cluster") if getattr(settings, name)]
    if settings.engine != "dask":
        return problems + [f"{name} is given, but engine is {settings.engine}: add --engine dask" for name in given]
    if len(given) != 1:
        problems.append("engine = 'dask': needs either --dask-scheduler ADDRESS or --dask-cluster KEY=VALUE …")
    kinds = [pair.partition("=")[2].strip("\"'") for pair in settings.dask_cluster if pair.startswith("kind=")]
    if settings.dask_cluster and (len(kinds) != 1 or kinds[0] not in CLUSTERS):
        problems.append(f"dask_cluster: kind = {' '.join(kinds) or 'nothing'} is not one of {', '.join(CLUSTERS)}")
    return problems


def _problems_of_paths(settings: Settings) -> Iterator[str]:
    """Paths that must be there and are not, or are of the wrong kind."""
    for name, more in (
        ("resources", "; make it with n2n fetch --to, where there is a network"),
        ("annotations", ": give the folder that holds the word timings"),
    ):
        folder = getattr(settings, name)
        if folder is not None and not _is(folder, Path.is_dir):
            wrong = "is no folder" if _is(folder, Path.exists) else "there is no such folder"
            yield f"{name} = {folder}: {wrong}{more}"
    for name in ("bids_filter_file", "exclude_scans"):
        path = getattr(settings, name)
        if path is not None and (problem := problem_of_file(path)):
            yield f"{name} = {path}: {problem}"
    if settings.mask is not None and (problem := problem_of_file(settings.mask, math.inf)):
        yield f"mask = {settings.mask}: {problem}"
    database = settings.bids_database_dir
    if database is not None and _is(database, Path.exists) and not _is(database, Path.is_dir):
        yield f"bids_database_dir = {database}: is no folder: give another path"
    if settings.bids_filter_file is not None and not problem_of_file(settings.bids_filter_file):
        yield from _problems_of_filters(settings.bids_filter_file)


def problem_of_file(path: Path, most_bytes: float = MOST_BYTES) -> str | None:
    """What is wrong with a file that is to be read; None for nothing. Pipes and devices are never opened."""
    if not _is(path, Path.exists):
        if _is(path, Path.is_symlink):
            return "is a link to content that is not here: get it first (datalad get …)"
        return "there is no such file"
    if not _is(path, Path.is_file):
        return "is a folder, must be a file" if _is(path, Path.is_dir) else "is no regular file (a pipe or a device)"
    size = path.stat().st_size
    if size > most_bytes:
        return f"has {size / 1e6:,.1f} MB, too large for such a file: check the path"
    try:
        path.open("rb").close()
    except OSError as error:
        return f"cannot be read ({error.strerror}): check its rights"
    return None


def _is(path: Path, question: Callable[[Path], bool]) -> bool:
    try:
        return question(path)
    except (OSError, ValueError):  # a folder above it may not be looked into; a name is too long
        return False


def _problems_of_filters(path: Path) -> Iterator[str]:
    """What is wrong with the content of a filter file."""
    example = '{"bold": {"desc": "clean"}}'
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        yield f"bids_filter_file = {path}: must be JSON such as {example} ({reason})"
        return
    if not isinstance(content, dict) or not all(isinstance(value, dict) for value in content.values()):
        yield f"bids_filter_file = {path}: must be an object with entities of BOLD files, such as {example}"
    else:  # which keys and entities there are, the reader of the filters knows
        for key, value in content.get("bold", {}).items():
            values = value if isinstance(value, list) else [value]
            if not all(one is None or isinstance(one, str | int) for one in values):
                shown = json.dumps(value)[:100]
                yield f"bids_filter_file = {path}: {key} = {shown}: must be a text, or a list of texts"
