"""Participants without anything to analyse are left out and named; those with a fault fail."""

import json
import logging
from collections.abc import Callable

import pytest

from bids_app.conftest import Study, write
from bids_app.inputs.sources import open_sources


def rename_task(study: Study) -> dict[str, tuple[str]]:
    for path in study.root.rglob("sub-02_task-tale*"):
        path.rename(path.with_name(path.name.replace("tale", "other")))
    return {"task_id": ("tale",)}


def exclude_scan(study: Study) -> dict[str, object]:
    write(study.root / "code" / "scan_exclude.json", json.dumps(["sub-02_task-tale"]))
    return {}


def number_runs(study: Study) -> dict[str, tuple[str]]:
    study.add("01", "_run-1")
    return {"run_id": ("1",)}


@pytest.mark.parametrize("change", [rename_task, exclude_scan, number_runs])
def test_participants_without_a_run_that_is_asked_for_are_left_out_and_named(
    study: Study, change: Callable[[Study], dict[str, tuple[str]]], caplog: pytest.LogCaptureFixture
) -> None:
    settings = change(study)
    with caplog.at_level(logging.INFO, "neurons2networks"):
        assert open_sources(study.settings(**settings)).analysed == ["01"]
    assert any(message.startswith("left out: 1 participants") and "(02)" in message for message in caplog.messages)
    asked = open_sources(study.settings(**settings, participant_label=("01", "02")))
    assert asked.analysed == ["01", "02"]  # by name: the job of 02 says what is wrong, and fails


def test_a_participant_without_events_is_not_left_out(study: Study) -> None:
    study.events("02").unlink()
    assert open_sources(study.settings()).analysed == ["01", "02"]
