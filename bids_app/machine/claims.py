"""One set of settings per OUT_DIR: concurrent runs never mix their results."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bids_app.atomic import write_text
from bids_app.machine.once import locked, release, try_lock
from bids_app.settings_fields import OPTIONS
from bids_app.text_files import read_json_content
from bids_app.wording import differences

# Participants may differ in the data read, and dictionaries of single stories in their story.
_MAY_DIFFER = {option.name for option in OPTIONS if option.metadata["group"] == "data"} | {"stories"}


class OtherSettingsError(ValueError):
    """Outputs of other settings or other inputs are in the way."""


def common_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings, in the form of JSON, in which all participants must agree."""
    plain = json.loads(json.dumps(dict(settings), default=str))
    return {key: value for key, value in plain.items() if key not in _MAY_DIFFER}


@contextmanager
def agreed(record: Path, settings: Mapping[str, Any], is_used: Callable[[], bool]) -> Iterator[None]:
    """While the block runs, no process computes with settings other than those in the file `record`, written here.

    Earlier settings are dropped if no process uses them and `is_used` reports that no outputs of them are left.
    Otherwise raises OtherSettingsError, which names the differences.
    """
    users = record.with_name(f".{record.name}.users")
    with locked(record.with_name(f".{record.name}.lock"), keep=False):
        descriptor = os.open(users, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _claim(record, common_settings(settings), is_used, alone=try_lock(descriptor))
            try_lock(descriptor, shared=True)
        except BaseException:
            os.close(descriptor)
            raise
    try:
        yield
    finally:
        with locked(record.with_name(f".{record.name}.lock"), keep=False):
            if try_lock(descriptor):  # the last process
                users.unlink(missing_ok=True)
            release(descriptor)


def _claim(record: Path, settings: Mapping[str, Any], is_used: Callable[[], bool], *, alone: bool) -> None:
    try:
        before = read_json_content(record)
    except (OSError, ValueError, RecursionError):
        before = settings
    differing = differences(before, settings) if isinstance(before, dict) else []
    if differing and not alone:
        raise OtherSettingsError(
            f"another run is computing into this OUT_DIR with other settings ({'; '.join(differing)}): choose another "
            "OUT_DIR"
        )
    if differing and is_used():
        raise OtherSettingsError(
            f"OUT_DIR holds results of other settings ({'; '.join(differing)}; see {record}): choose another OUT_DIR, "
            "or remove all old outputs of this analysis and run again"
        )
    write_text(record, json.dumps(settings, indent=2) + "\n")
