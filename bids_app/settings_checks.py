"""Checks of settings: ranges, forms, paths, and contradictions."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bids_app.analyses.registry import ANALYSES
from bids_app.settings import LEVELS, Settings
from bids_app.settings_fields import OPTIONS

CONFOUND_STRATEGIES = ("auto", "none", "narratives", "simple", "scrubbing", "compcor", "ica_aroma")
CLUSTERS = ("slurm", "pbs", "sge", "lsf")
MOST_BYTES = 1_000_000  # limit for settings files, filters and lists of scans, which people write by hand


def find_problems(settings: Settings) -> list[str]:
    """All impossible values, one sentence each."""
    problems = []
    for option in OPTIONS:
        allowed = option.metadata["choices"]
        wrong = [value for value in _values(settings, option.name) if allowed and value not in allowed]
        problems += [f"{option.name} = {value!r}: is not one of {', '.join(allowed)}" for value in wrong]
        if option.default and option.default != () and getattr(settings, option.name) == ():
            problems.append(f"{option.name} = []: must name at least one; without it, the default is taken")
    for option in OPTIONS:
        form = option.metadata["allowed"]
        wrong = [value for value in _values(settings, option.name) if form is not None and not form.holds(value)]
        problems += [f"{option.name} = {value!r}: {form}" for value in wrong]
    if settings.level not in LEVELS:
        problems.append(f"analysis level {settings.level!r}: is not one of {', '.join(LEVELS)}")
    return [
        *problems,
        *_contradictions(settings),
        *_problems_of_confounds(settings),
        *_problems_of_dask(settings),
        *_problems_of_units(settings),
        *_problems_of_paths(settings),
    ]


def _values(settings: Settings, name: str) -> tuple[Any, ...]:
    value = getattr(settings, name)
    return value if isinstance(value, tuple) else () if value is None else (value,)


def _contradictions(settings: Settings) -> Iterator[str]:
    """Values that are allowed singly, but not together."""
    for analysis in ANALYSES:
        yield from analysis.problems(settings)
    if settings.space and re.search(r"[\s,;]", settings.space):
        yield f"space = {settings.space!r}: takes one space; choose one"
    both = sorted(set(settings.participant_label) & set(settings.exclude_participant_label))
    if both:
        yield f"participant {', '.join(both)}: is both selected and excluded; give --participant-label or the other"


def _problems_of_confounds(settings: Settings) -> list[str]:
    """Problems of `--confounds`; whether a column exists is checked with the table."""
    given, problems = settings.confounds, []
    strategies = [name for name in given if name in CONFOUND_STRATEGIES]
    if strategies and len(given) > 1:
        problems.append(f"confounds = {' '.join(given)}: {strategies[0]} must be used alone, or be left out")
    for name in given:
        close = difflib.get_close_matches(name.lower(), CONFOUND_STRATEGIES, n=1, cutoff=0.75)
        if not re.fullmatch(r"[\w*?\[\]-]+", name):
            problems.append(f"confounds = {name!r}: is not a name or pattern of a column, such as trans_x or 'trans_*'")
        elif close and name not in CONFOUND_STRATEGIES and not set(name) & set("*?["):
            problems.append(f"confounds = {name!r}: did you mean {close[0]}?")
    return problems


def _problems_of_dask(settings: Settings) -> list[str]:
    """Problems of the engine and its cluster."""
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


def _problems_of_units(settings: Settings) -> Iterator[str]:
    """Problems of what counts as a neuron: options of another choice, and files that cannot be read."""
    choice = settings.chosen_units
    for name in ("sae_layer", "sae_hook"):
        if getattr(settings, name) is not None and choice.autoencoder is None:
            yield f"{name} is given, but units is {settings.units}: add --units sae:PATH, or leave it out"
    if settings.localiser_stimuli is not None and not choice.is_localised:
        yield f"localiser_stimuli is given, but units is {settings.units}: add --units localiser, or leave it out"
    if settings.level == "group" or not (choice.autoencoder or choice.is_localised):
        return
    from bids_app.bids.errors import DatasetError
    from bids_app.inputs.units import Attached, stimuli_of

    try:
        _ = stimuli_of(settings) if choice.is_localised else Attached.open(settings)
    except (DatasetError, OSError, ValueError) as error:
        yield f"{'localiser_stimuli' if choice.is_localised else 'units'}: {error}"


def _problems_of_paths(settings: Settings) -> Iterator[str]:
    """Paths that are missing or of the wrong kind."""
    for name, more in (
        ("resources", "; make it with n2n fetch --to, where there is a network"),
        ("annotations", ": give the folder that holds the word timings"),
    ):
        folder = getattr(settings, name)
        if folder is not None and not _is(folder, Path.is_dir):
            wrong = "is not a folder" if _is(folder, Path.exists) else "there is no such folder"
            yield f"{name} = {folder}: {wrong}{more}"
    for name in ("bids_filter_file", "exclude_scans"):
        path = getattr(settings, name)
        if path is not None and (problem := problem_of_file(path)):
            yield f"{name} = {path}: {problem}"
    if settings.mask is not None and (problem := problem_of_file(settings.mask, math.inf)):
        yield f"mask = {settings.mask}: {problem}"
    database = settings.bids_database_dir
    if database is not None and _is(database, Path.exists) and not _is(database, Path.is_dir):
        yield f"bids_database_dir = {database}: is not a folder: give another path"
    if settings.bids_filter_file is not None and not problem_of_file(settings.bids_filter_file):
        yield from _problems_of_filters(settings.bids_filter_file)


def problem_of_file(path: Path, most_bytes: float = MOST_BYTES) -> str | None:
    """The problem with a file to be read, or None. Pipes and devices are never opened."""
    if not _is(path, Path.exists):
        if _is(path, Path.is_symlink):
            return "is a link to content that is not here: get it first (datalad get …)"
        return "there is no such file"
    if not _is(path, Path.is_file):
        return "is a folder, must be a file" if _is(path, Path.is_dir) else "is not a regular file (a pipe or a device)"
    size = path.stat().st_size
    if size > most_bytes:
        return f"has {size / 1e6:,.1f} MB, too large for such a file: check the path"
    try:
        path.open("rb").close()
    except OSError as error:
        return f"cannot be read ({error.strerror}): check its permissions"
    return None


def _is(path: Path, question: Callable[[Path], bool]) -> bool:
    try:
        return question(path)
    except (OSError, ValueError):  # a parent folder may not be read, or a name is too long
        return False


def _problems_of_filters(path: Path) -> Iterator[str]:
    """Problems in the content of a filter file."""
    example = '{"bold": {"desc": "clean"}}'
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        yield f"bids_filter_file = {path}: must be JSON such as {example} ({reason})"
        return
    if not isinstance(content, dict) or not all(isinstance(value, dict) for value in content.values()):
        yield f"bids_filter_file = {path}: must be an object with entities of BOLD files, such as {example}"
    else:  # keys and entities are checked by the reader of the filters
        for key, value in content.get("bold", {}).items():
            values = value if isinstance(value, list) else [value]
            if not all(item is None or isinstance(item, str | int) for item in values):
                shown = json.dumps(value)[:100]
                yield f"bids_filter_file = {path}: {key} = {shown}: must be a text, or a list of texts"
