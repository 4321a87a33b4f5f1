"""What a run reports of OUT_DIR before it computes."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bids_app.conftest import Study, write
from bids_app.engines.local import LocalEngine
from bids_app.inputs.sources import open_sources
from bids_app.pages.group import write_group_report
from bids_app.run.left_out import PARTICIPANTS, note_left_out
from bids_app.run.run import LEVELS, _warn_of_absent


def test_results_of_participants_who_have_left_the_data_set_are_named(
    study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    for label in ("01", "02", "03"):
        (study.out / f"sub-{label}" / "func").mkdir(parents=True)
    _warn_of_absent(open_sources(study.settings(participant_label=("01",))))
    assert "not in the preprocessed data (03), and the group level refuses them" in caplog.text
    caplog.clear()
    study.add("03")
    _warn_of_absent(open_sources(study.settings()))
    assert not caplog.records


def row_of(out: Path, name: str) -> str:
    """The row of a participant in the table of the group's page."""
    rows = (
        write_group_report(out).read_text(encoding="utf-8").partition('<tbody id="people">')[2].partition("</tbody>")[0]
    )
    return next(row for row in rows.split("<tr>") if f">{name}" in row)


def test_the_page_says_which_runs_and_participants_were_left_out_of_the_data(study: Study) -> None:
    for label in ("01", "02"):
        study.add(label, "_run-2", seed=3)
    excluded = study.root / "code" / "scan_exclude.json"
    write(excluded, json.dumps(["sub-01_task-tale_run-2", "sub-02_task-tale", "sub-02_task-tale_run-2"]))
    study.run()
    sources = open_sources(study.settings())
    note_left_out(study.out, PARTICIPANTS, sources.without_results, sources.analysed)
    assert "task-tale_run-2: on the list of scans to leave out" in row_of(study.out, "sub-01")
    assert "sub-02 (no report)" in row_of(study.out, "sub-02")
    assert "not analysed: all of its scans are on the list of scans to leave out" in row_of(study.out, "sub-02")
    excluded.unlink()
    shutil.rmtree(study.out)
    study.run()
    sources = open_sources(study.settings())
    note_left_out(study.out, PARTICIPANTS, sources.without_results, sources.analysed)
    assert "<td>nothing</td>" in row_of(study.out, "sub-01")
    assert not (study.out / "logs" / "leftout").exists()


def test_reports_need_the_results_alone(study: Study, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    study.run()
    (study.out / "logs" / "crash-1_sub-07.txt").write_text("sub-07: no space left\n\ntraceback")
    shutil.rmtree(study.root)

    def reports(**changes: Any) -> list[str]:
        settings = replace(study.settings(), reports_only=True, **changes)
        assert LEVELS["participant"](settings, LocalEngine(settings)) == []
        found = sorted(path.name for path in study.out.glob("sub-*.html"))
        for name in found:
            (study.out / name).unlink()
        return found

    assert reports() == ["sub-01.html", "sub-07.html"]
    assert "writing the reports of 01, 07" in caplog.messages
    assert reports(exclude_participant_label=("07",)) == ["sub-01.html"]
    with pytest.raises(ValueError, match="holds no results of 02; it has 01, 07: correct --participant-label"):
        reports(participant_label=("01", "02"))
    with pytest.raises(ValueError, match="no participant is left"):
        reports(exclude_participant_label=("01", "07"))
