"""Settings from what a user gives: command line over settings file over preset over default.

All that is wrong is said at once, one sentence for each value.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from bids_app.settings import LEVELS, OPTIONS, Settings, SettingsError, element_type, is_list

CLUSTERS = ("slurm", "pbs", "sge", "lsf")
_LABELS = {
    "participant_label": "sub-",
    "exclude_participant_label": "sub-",
    "session_label": "ses-",
    "task_id": "task-",
    "run_id": "run-",
}


def _convert(name: str, value: Any, folder: Path) -> Any:
    """Turn a value from TOML or the command line into the field's type; relative paths count from `folder`."""
    if value is None:
        return None
    if is_list(name):
        if isinstance(value, dict):  # a table of a settings file: what the command line has as KEY=VALUE
            value = [f"{key}={json.dumps(one)}" for key, one in value.items()]
        values = value if isinstance(value, list | tuple) else [value]
        return tuple(_convert_one(name, v, folder) for v in values)
    return _convert_one(name, value, folder)


def _convert_one(name: str, value: Any, folder: Path) -> Any:
    kind = element_type(name)
    if isinstance(value, list | tuple | dict):
        raise SettingsError(f"{name} = {value!r}: takes one value; choose one")
    if kind is Path:
        return (folder / Path(value).expanduser()).resolve()
    if kind is bool and not isinstance(value, bool):
        raise SettingsError(f"{name} = {value!r}: must be true or false")
    try:
        converted = kind(value)
    except (TypeError, ValueError):
        raise SettingsError(f"{name} = {value!r}: must be a value of type {kind.__name__}") from None
    if name in _LABELS:
        return str(converted).removeprefix(_LABELS[name])
    return converted


def presets() -> tuple[str, ...]:
    """Names of the presets that come with the package."""
    folder = resources.files("bids_app") / "presets"
    return tuple(sorted(Path(p.name).stem for p in folder.iterdir() if p.name.endswith(".toml")))


def read_preset(name: str) -> dict[str, Any]:
    """Settings of a published analysis, by its name."""
    if name not in presets():
        raise SettingsError(f"preset = {name!r}: is not one of {', '.join(presets())}")
    return tomllib.loads((resources.files("bids_app") / "presets" / f"{name}.toml").read_text())


def read_settings_file(path: Path) -> dict[str, Any]:
    """Settings from a TOML file, keys with hyphens or underscores."""
    try:
        content = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise SettingsError(f"config_file = {path}: there is no such file") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"config_file = {path}: is not valid TOML ({error})") from None
    return {key.replace("-", "_"): value for key, value in content.items()}


def make_settings(arguments: Mapping[str, Any]) -> Settings:
    """Settings from what the command line gave (only what was given), its settings file and preset.

    Raises SettingsError that lists all bad values at once.
    """
    here = Path.cwd()
    given = {name: _convert(name, value, here) for name, value in arguments.items()}
    from_file: dict[str, Any] = {}
    if given.get("config_file"):
        content = read_settings_file(given["config_file"])
        _refuse_unknown(content, str(given["config_file"]))
        from_file = {name: _convert(name, value, given["config_file"].parent) for name, value in content.items()}
    preset = given.get("preset", from_file.get("preset"))
    from_preset = {n: _convert(n, v, here) for n, v in read_preset(preset).items()} if preset else {}
    settings = Settings(**{**from_preset, **from_file, **given})
    problems = find_problems(settings)
    if problems:
        raise SettingsError("; ".join(problems))
    return settings


def _refuse_unknown(content: Mapping[str, Any], source: str) -> None:
    unknown = sorted(set(content) - {option.name for option in OPTIONS})
    if unknown:
        raise SettingsError(f"{source}: unknown settings {', '.join(unknown)}; see --help for those that exist")


def find_problems(settings: Settings) -> list[str]:
    """Every value that cannot be, one sentence each."""
    problems = []
    for option in OPTIONS:
        allowed = option.metadata["choices"]
        value = getattr(settings, option.name)
        wrong = [v for v in (value if isinstance(value, tuple) else (value,)) if allowed and v not in allowed]
        problems += [f"{option.name} = {v!r}: is not one of {', '.join(allowed)}" for v in wrong]
    for name, least in _LEAST.items():
        value = getattr(settings, name)
        values = value if isinstance(value, tuple) else (value,)
        problems += [f"{name} = {v}: must be at least {least}" for v in values if v is not None and v < least]
    if not 0 < settings.significance <= 1:
        problems.append(f"significance = {settings.significance}: must lie above 0 and not above 1")
    if len(set(settings.distances)) < len(settings.distances):
        problems.append(f"distances = {list(settings.distances)}: each must be given once")
    if not 0 < settings.penalty < 1:
        problems.append(f"penalty = {settings.penalty}: must lie between 0 and 1 (at 1 every loading is zero)")
    problems += _problems_of_texts(settings)
    problems += _problems_of_dask(settings)
    if settings.resources is not None and not settings.resources.is_dir():
        problems.append(
            f"resources = {settings.resources}: there is no such folder; make it with n2n fetch --to, where there is a "
            "network"
        )
    if settings.space and re.search(r"[\s,;]", settings.space):
        problems.append(f"space = {settings.space!r}: takes one space; choose one")
    if settings.mask is not None and not settings.mask.is_file():
        problems.append(f"mask = {settings.mask}: there is no such file")
    if settings.dictionary_scope == "story" and settings.pool_tasks:
        problems.append(
            "dictionary_scope = 'story' cannot go with pool_tasks: atoms of one story mean nothing in another"
        )
    if "variance" in settings.analysis and settings.tested_distance == 0:
        problems.append(
            "tested_distance = 0 cannot go with the analysis variance, where it would be future and past in one; give "
            "another number of words, such as 8"
        )
    if settings.level not in LEVELS:
        problems.append(f"analysis level {settings.level!r}: is not one of {', '.join(LEVELS)}")
    return problems


_LEAST = {
    "atoms": 2,
    "n_spins": 1,
    "delays": 1,
    "pca": 0,
    "folds": 2,
    "purge": 0,
    "high_pass": 0,
    "smoothing_fwhm": 0,
    "n_permutations": 1,
    "nprocs": 1,
    "omp_nthreads": 0,
    "mem_mb": 0,
    "alphas": 0,
    "threshold": 0,
    "window": 1,
    "banded_candidates": 1,
}


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


def _problems_of_texts(settings: Settings) -> list[str]:
    """Problems of settings that are a word or a number."""
    problems = []
    if settings.layer not in ("auto", "all") and not (settings.layer.isdigit() and int(settings.layer) >= 1):
        problems.append(f"layer = {settings.layer!r}: must be a number from 1, 'all' or 'auto'")
    if settings.context not in ("auto", "left", "exact", "rolled") and not settings.context.isdigit():
        problems.append(
            f"context = {settings.context!r}: must be 'auto', 'left', 'exact', 'rolled' or a number of tokens"
        )
    if settings.encoding_penalty != "cv":
        try:
            fixed = float(settings.encoding_penalty)
        except ValueError:
            fixed = -1.0
        if not 0 < fixed < 1:
            problems.append(f"encoding_penalty = {settings.encoding_penalty!r}: must be 'cv' or lie between 0 and 1")
    return problems
