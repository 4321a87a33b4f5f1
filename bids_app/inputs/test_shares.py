"""A ceiling is made again when anything changes that its shares were made from, and only then."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bids_app.conftest import EVENTS, Study, write
from bids_app.inputs.shares import common_of, share_of
from bids_app.inputs.sources import open_sources


def state(study: Study, **changes: Any) -> str:
    sources = open_sources(study.settings(**changes))
    shares = [share_of(sources, label, ["tale"]) for label in sources.dataset.participants()]
    return json.dumps([shares, common_of(sources, ["tale"])], default=str, sort_keys=True)


def inherit_events(study: Study) -> None:
    study.events("02").unlink()
    write(study.root / "task-tale_events.tsv", EVENTS.format(story="tale"))


def edit_with_its_time_kept(path: Path, old: str, new: str) -> None:
    before = path.stat()
    path.write_text(path.read_text().replace(old, new))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    "change",
    [
        lambda study: write(study.root / "code" / "scan_exclude.json", json.dumps(["sub-02_task-tale"])),
        lambda study: write(study.root / "task-tale_events.tsv", EVENTS.format(story="tale").replace("140", "120")),
        lambda study: write(study.root / "task-tale_bold.json", '{"RepetitionTime": 2.0}'),
        lambda study: write(study.root / "sub-02" / "sub-02_task-tale_events.tsv", EVENTS.format(story="other")),
        lambda study: edit_with_its_time_kept(study.events("02"), "140", "120"),
        lambda study: edit_with_its_time_kept(study.bold("02"), ".1", ".2"),
        lambda study: write(study.deriv / "sub-02" / "func" / "sub-02_task-tale_outliers.tsv", "motion\n0\n"),
        lambda study: write(study.deriv / "sub-02" / "func" / "sub-02_bold.json", '{"RepetitionTime": 2.0}'),
        lambda study: write(study.root / "sub-02" / "sub-02_events.tsv", EVENTS.format(story="other")),
        lambda study: study.words(0.39),
    ],
)
def test_whatever_a_share_is_made_from_counts(study: Study, change: Callable[[Study], Path | None]) -> None:
    inherit_events(study)
    before = state(study)
    assert state(study) == before
    change(study)
    assert state(study) != before


def test_the_content_of_the_mask_counts_not_its_place(study: Study) -> None:
    mask = write(study.root / "mask.txt", "A\nB\n")
    before = state(study, mask=mask)
    assert before != state(study)
    moved = write(study.root / "elsewhere" / "roi.txt", "A\nB\n")
    assert state(study, mask=moved) == before
    mask.write_text("A\nC\n")
    assert state(study, mask=mask) != before


def test_only_the_runs_that_are_asked_for_count(study: Study) -> None:
    study.add("02", "_run-2")
    both, first = state(study), state(study, run_id=("1",))
    assert both != first
    study.bold("02", "_run-2", seed=3)
    assert state(study, run_id=("1",)) == first
    assert state(study) != both


def test_what_is_nothing_to_a_share_does_not_count(study: Study) -> None:
    before = state(study)
    write(study.deriv / "sub-02" / "func" / "sub-02_task-rest_seg-T_timeseries.tsv", "A\n1\n")
    write(study.root / "task-rest_events.tsv", EVENTS.format(story="other"))
    write(study.root / "README", "more")
    assert state(study) == before
