"""Selection of BOLD by filter files, as in fMRIPrep and other BIDS-Apps."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bids_app.bids.entities import ORDER, Name, parse_name, same_value
from bids_app.bids.errors import DatasetError
from bids_app.bids.runs import is_bold
from bids_app.bids.text import read_json

log = logging.getLogger("neurons2networks")
Filters = Mapping[str, Mapping[str, Any]]

# Names of entities that BIDS spells in full.
_SPELLED = {
    "subject": "sub",
    "session": "ses",
    "acquisition": "acq",
    "reconstruction": "rec",
    "direction": "dir",
    "segmentation": "seg",
    "processing": "proc",
    "resolution": "res",
    "density": "den",
    "description": "desc",
    "ceagent": "ce",
    "hemisphere": "hemi",
}
_OTHERS = ("suffix", "extension", "datatype")
# Queries of other BIDS-Apps for data other than BOLD.
_OTHER_QUERIES = {
    "t1w",
    "t2w",
    "t2star",
    "flair",
    "anat",
    "dwi",
    "fmap",
    "epi",
    "sbref",
    "boldref",
    "roi",
    "asl",
    "m0scan",
}
_ABSENT, _ANY = {None, "Query.NONE"}, {"*", "Query.ANY"}
_EXAMPLE = '{"bold": {"desc": "clean"}}'


def read_filters(path: Path) -> Filters:
    """Filters from a JSON file; filters for anything but BOLD are ignored and logged.

    Raises DatasetError if the file is not a JSON object of objects, or names an entity unknown to BIDS.
    """
    try:
        content = read_json(path)
    except DatasetError as error:
        raise DatasetError(
            f"--bids-filter-file {str(error).rstrip('.')}; it must be JSON such as {_EXAMPLE}."
        ) from None
    others = sorted(set(content) - {"bold"})
    checked = check_filters(content, f"--bids-filter-file {path}")
    if others:
        log.info("%s: filters of %s are ignored; only BOLD is read", path.name, ", ".join(others))
    return checked


def check_filters(content: Mapping[str, object], source: str = "The filter") -> Filters:
    """The filters for BOLD with the short names of entities. Raises DatasetError, which names the source."""
    if unknown := sorted(key for key in content if key != "bold" and key.lower() not in _OTHER_QUERIES):
        raise DatasetError(f"{source} has the keys {', '.join(unknown)}; only 'bold' is used here.")
    wanted = content.get("bold", {})
    if not isinstance(wanted, Mapping):
        raise DatasetError(f"{source}: 'bold' must hold entities, such as {_EXAMPLE}, not {wanted!r}.")
    return {"bold": {_checked_key(key, source): _checked_value(key, value, source) for key, value in wanted.items()}}


def selected(paths: Iterable[Path], filters: Filters | None) -> list[Path]:
    """All files except BOLD that does not pass the filters."""
    wanted = check_filters(filters or {})["bold"]
    names = [(path, parse_name(path)) for path in paths]
    return [path for path, name in names if not is_bold(name) or _passes(name, wanted)]


def _passes(name: Name, wanted: Mapping[str, Any]) -> bool:
    known = name.entities | {"suffix": name.suffix, "extension": name.extension, "datatype": "func"}
    return all(
        any(_fits(key, known.get(key), allowed) for allowed in (value if isinstance(value, list) else [value]))
        for key, value in wanted.items()
    )


def _fits(key: str, value: str | None, wanted: Any) -> bool:
    if wanted in _ABSENT:
        return value is None
    if value is None:
        return False
    if key == "extension":
        return value.lstrip(".") == str(wanted).lstrip(".")
    return wanted in _ANY or same_value(key, value, str(wanted).removeprefix(f"{key}-"))


def _checked_key(key: str, source: str) -> str:
    short = _SPELLED.get(key, key)
    if short == "hemi":
        raise DatasetError(f"{source}: both hemispheres are read together; leave {key!r} out.")
    if short not in ORDER and short not in _OTHERS:
        allowed = ", ".join((*ORDER, *_OTHERS))
        raise DatasetError(f"{source}: {key!r} is not an entity of BIDS; there are {allowed}.")
    return short


def _checked_value(key: str, value: Any, source: str) -> Any:
    values = value if isinstance(value, list) else [value]
    for item in values:
        if item is not None and (isinstance(item, bool) or not isinstance(item, str | int)):
            raise DatasetError(f"{source}: {key} = {item!r} must be a label, a list of labels, or null (has none).")
    if not values:
        raise DatasetError(f"{source}: {key} is an empty list, which matches no file.")
    return value
