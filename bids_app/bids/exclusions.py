"""Scans to leave out, according to the authors of a data set or its user."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from bids_app.bids.entities import is_within, parse_name
from bids_app.bids.errors import DatasetError
from bids_app.bids.runs import RUN_ENTITIES, VERSION_ENTITIES
from bids_app.bids.text import read_json_content

OWN_LIST = Path("code") / "scan_exclude.json"


def read_exclusions(path: Path) -> tuple[str, ...]:
    """Names of the scans in a list such as Narratives' `{"pieman": {"sub-001": ["sub-001_task-pieman_run-1"]}}`.

    Lists and objects may be nested in any way. Raises DatasetError if the file is not JSON or holds anything else.
    """
    content = read_json_content(path)
    try:
        return tuple(_names(content))
    except RecursionError:
        raise DatasetError(
            f"{path} could not be read as a list of scans to leave out: it is nested too deeply"
        ) from None
    except ValueError as error:
        raise DatasetError(f"{path} could not be read as a list of scans to leave out: {error}") from error


def _names(content: object) -> Iterator[str]:
    if isinstance(content, str):
        if "sub" not in parse_name(content).entities:
            raise ValueError(f"{content!r} is not the name of a scan, such as sub-001_task-pieman_run-1")
        yield content
    elif isinstance(content, list | dict):
        for item in content.values() if isinstance(content, dict) else content:
            yield from _names(item)
    else:
        raise ValueError(f"{content!r} is not the name of a scan")


def is_excluded(entities: Mapping[str, str], names: Iterable[str]) -> bool:
    """Whether a run is on the list; a name without a run number means all runs of its task.

    >>> is_excluded({"sub": "001", "task": "piemanpni"}, ["sub-001_task-pieman"])
    False
    """
    return any(is_within(_run_of(name), entities) for name in names)


def unmatched(names: Iterable[str], runs: Sequence[Mapping[str, str]]) -> list[str]:
    """Names on a list that match no run, although runs of their participant are known."""
    participants = {run.get("sub") for run in runs}
    named = [name for name in names if _run_of(name)["sub"] in participants]
    return [name for name in named if not any(is_within(_run_of(name), run) for run in runs)]


@cache
def _run_of(name: str) -> dict[str, str]:
    wanted = (*RUN_ENTITIES, *VERSION_ENTITIES)
    return {key: value for key, value in parse_name(name).entities.items() if key in wanted}
