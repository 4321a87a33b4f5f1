"""Settings from user input: command line over settings file over preset over default.

All problems are reported at once, one sentence for each value.
"""

from __future__ import annotations

import difflib
import json
import math
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from bids_app.choices import located_units
from bids_app.finetune.layout import expand_models
from bids_app.settings import Settings, SettingsError
from bids_app.settings_checks import find_problems, problem_of_file
from bids_app.settings_fields import ARGUMENTS, OPTIONS, element_type, is_list

_LABELS = {
    "participant_label": "sub-",
    "exclude_participant_label": "sub-",
    "session_label": "ses-",
    "task_id": "task-",
    "run_id": "run-",
}
# Texts of a settings file that may be paths; a derivative always is, after its name.
_FILES = ("config_file", "bids_filter_file", "exclude_scans", "mask", "swap_corpus", "localiser_stimuli")
_NAMES_OR_PATHS = ("model", "atlas", "regions", "parser")
_TABLES = ("dask_cluster",)
_ALIASES = {alias: option.name for option in OPTIONS for alias in option.metadata["aliases"]}
_KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", Path: "a path"}


class _Reader:
    """Values of one source (command line, settings file, preset) in the types of their fields.

    Relative paths start at `folder`; in a settings file (`is_file`), so do texts that name a path. Problems are
    collected in `problems`, one sentence for each value.
    """

    def __init__(self, folder: Path, is_file: bool = False) -> None:
        self.folder, self.is_file = folder, is_file
        self.problems: list[str] = []

    def read(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The valid values."""
        values = {}
        for name, value in content.items():
            try:
                values[name] = self._convert(name, value)
            except SettingsError as error:
                self.problems.append(str(error))
        return values

    def _convert(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        if not is_list(name):
            if isinstance(value, list | tuple | dict):
                raise SettingsError(f"{name} = {_shown(value)}: takes one value; choose one")
            return self._one(name, value)
        if isinstance(value, dict):  # a table of a settings file, KEY=VALUE on the command line
            if name not in _TABLES:
                raise SettingsError(f"{name} = {_shown(value)}: must be a list, not a table")
            value = [f"{key}={json.dumps(item, default=str)}" for key, item in value.items()]
        if name == "confounds":  # 'trans_* rot_*' in one string: the shell must not expand the patterns
            given = value if isinstance(value, list | tuple) else [value]
            value = [word for item in given for word in str(item).replace(",", " ").split()]
        values = [self._one(name, item) for item in (value if isinstance(value, list | tuple) else [value])]
        return tuple(values) if name == "distances" else tuple(dict.fromkeys(values))  # duplicates count once

    def _one(self, name: str, value: Any) -> Any:
        kind = element_type(name)
        converted = _typed(name, value, kind)
        if not isinstance(converted, str | Path):
            return converted
        _refuse_unprintable(name, str(converted))
        if isinstance(converted, Path):
            return _located(self.folder / _expanded(name, converted), is_file=name in _FILES)
        converted = converted.removeprefix(_LABELS.get(name, ""))
        if not converted.strip():
            raise SettingsError(f"{name} = {converted!r}: is empty; leave it out, or give a value")
        if name == "units":  # jobs may start in other folders
            return located_units(converted, self.folder)
        return self._path_in_text(name, converted) if self.is_file else converted

    def _path_in_text(self, name: str, text: str) -> str:
        """A text of a settings file, with a relative path in it resolved from the folder of the file."""
        if name == "derivatives":
            label, equals, path = text.partition("=") if "=" in text else ("", "", text)
            return f"{label}{equals}{(self.folder / _expanded(name, Path(path))).resolve()}"
        if name not in _NAMES_OR_PATHS or text == "none":
            return text
        path_of = self.folder / _expanded(name, Path(text))
        is_path = text.startswith(("./", "../", "~")) or text in (".", "..") or _exists(path_of)
        return str(_located(path_of)) if is_path else text


def _located(path: Path, *, is_file: bool = False) -> Path:
    """The absolute path with links resolved, except that a link to a file keeps its name.

    In a DataLad data set, links lead to objects of git-annex, whose names lack space and hemisphere.
    `is_file`: also keep links whose content is absent.
    """
    try:
        keeps_name = path.is_symlink() and not path.is_dir() and (is_file or path.exists())
    except OSError:
        keeps_name = False
    return path.parent.resolve() / path.name if keeps_name else path.resolve()


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # not a possible file name
        return False


def _typed(name: str, value: Any, kind: type) -> Any:
    """A value converted to the type of its field. Raises SettingsError if the conversion would change the value."""
    wrong = SettingsError(f"{name} = {_shown(value)}: must be {_KINDS[kind]}")
    if kind is bool or isinstance(value, bool):
        if kind is not bool or not isinstance(value, bool):
            raise wrong
        return value
    if kind in (str, Path):
        if (kind is Path and not isinstance(value, str | Path)) or not isinstance(value, str | Path | int | float):
            raise wrong
        if str(value) == "":
            raise SettingsError(f"{name} = '': is empty; leave it out, or give a value")
        return kind(str(value))
    if not isinstance(value, int | float | str) or (isinstance(value, str) and not value.isascii()):
        raise wrong
    try:
        number = kind(value) if kind is float or isinstance(value, str) else _whole(value)
        is_finite = math.isfinite(number)
    except (ValueError, OverflowError):
        raise wrong from None
    if not is_finite:
        raise SettingsError(f"{name} = {value}: must be a finite number")
    return number


def _whole(value: float) -> int:
    """2.0 is 2; 2.7 and infinity are not whole numbers."""
    if int(value) != value:
        raise ValueError
    return int(value)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "…"


def _expanded(name: str, path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise SettingsError(
            f"{name} = {path}: the home folder of that user is not known; give the whole path"
        ) from None


def _refuse_unprintable(name: str, text: str) -> None:
    """Refuse control characters and undecodable bytes in names, which would break scripts, logs and tables."""
    bad = next((letter for letter in text if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")), None)
    if bad is not None:
        kind = "bytes that are not UTF-8" if unicodedata.category(bad) == "Cs" else "a control character or line break"
        raise SettingsError(f"{name} = {text!a}: holds {kind}; rename it")


def presets() -> tuple[str, ...]:
    """Names of the presets that come with the package."""
    folder = resources.files("bids_app") / "presets"
    return tuple(sorted(Path(p.name).stem for p in folder.iterdir() if p.name.endswith(".toml")))


def read_preset(name: str) -> dict[str, Any]:
    """Settings of a published analysis, by its name."""
    if name not in presets():
        raise SettingsError(f"preset = {name!r}: is not one of {', '.join(presets())}{_nearest(name, presets())}")
    return tomllib.loads((resources.files("bids_app") / "presets" / f"{name}.toml").read_text(encoding="utf-8"))


def read_settings_file(path: Path) -> dict[str, Any]:
    """Settings from a TOML file, keys with hyphens or underscores.

    Raises SettingsError for a file that cannot be read, and for keys that no setting has.
    """
    if problem := problem_of_file(path):
        raise SettingsError(f"config_file = {path}: {problem}")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise SettingsError(f"config_file = {path}: is not UTF-8 text; save it again in that encoding") from None
    except RecursionError:
        raise SettingsError(f"config_file = {path}: is nested too deeply to be settings") from None
    except (tomllib.TOMLDecodeError, ValueError) as error:  # ValueError: a number of thousands of digits
        raise SettingsError(f"config_file = {path}: is not valid TOML ({error})") from None
    if problems := _problems_of_keys(content):
        raise SettingsError("; ".join(f"{path}: {problem}" for problem in problems))
    return {_name_of(key): value for key, value in content.items()}


def _problems_of_keys(content: Mapping[str, Any]) -> list[str]:
    known = {option.name for option in OPTIONS} - {"config_file"}
    problems: list[str] = []
    seen: dict[str, str] = {}
    for key in content:
        name = _name_of(key)
        if name in seen:
            problems.append(f"{name} is given twice, as {seen[name]} and {key}; keep one")
        elif name == "config_file":
            problems.append("config_file cannot be given in a settings file; put its settings into this one")
        elif name in ARGUMENTS:
            problems.append(f"{key} belongs on the command line: neurons2networks BIDS_DIR OUT_DIR LEVEL")
        elif name not in known:
            problems.append(f"unknown setting {key!r}{_nearest(name, known)}; --help lists those that exist")
        seen[name] = key
    return problems


def _name_of(key: str) -> str:
    """The setting of a key of a settings file."""
    name = key.replace("-", "_")
    return _ALIASES.get(name, name)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def make_settings(arguments: Mapping[str, Any]) -> Settings:
    """Settings from the options given on the command line, the settings file and the preset.

    Raises SettingsError that lists all bad values at once.
    """
    typed = _Reader(Path.cwd())
    given = typed.read(arguments)
    problems = typed.problems
    from_file: dict[str, Any] = {}
    if given.get("config_file"):
        try:
            content = read_settings_file(given["config_file"])
        except SettingsError as error:
            problems.append(str(error))
        else:
            reader = _Reader(given["config_file"].parent, is_file=True)
            from_file = reader.read(content)
            problems += [f"{given['config_file']}: {problem}" for problem in reader.problems]
    from_preset: dict[str, Any] = {}
    if preset := given.get("preset", from_file.get("preset")):
        try:
            from_preset = _Reader(Path.cwd()).read(read_preset(preset))
        except SettingsError as error:
            problems.append(str(error))
    values = {**from_preset, **from_file, **given}
    if not set(ARGUMENTS) <= set(values):
        raise SettingsError("; ".join(problems))  # an impossible folder: nothing else can be checked
    if "model" in values:
        values["model"] = expand_models(values["model"])
    settings = Settings(**values)
    problems += [problem for problem in find_problems(settings) if problem not in problems]
    if problems:
        raise SettingsError("; ".join(problems))
    return settings
