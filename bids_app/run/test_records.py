import tempfile
from pathlib import Path

import pytest

from bids_app.engines.jobs import Failure, Job
from bids_app.engines.local import LocalEngine
from bids_app.run import run as run_module
from bids_app.run.records import crash_reasons, forget_crashes, show_failures, write_crashes
from bids_app.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "data", tmp_path / "out", "participant", omp_nthreads=1)


def test_what_is_the_same_for_all_is_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    same = [Failure(f"sub-{i:03d}", f"sub-{i:03d} has no usable target", "") for i in range(345)]
    show_failures([*same, Failure("sub-900", "another reason", "")], tmp_path)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "sub-000 failed: sub-000 has no usable target"
    assert lines[1].startswith("the same failed for others: sub-001, sub-002")
    assert lines[1].endswith("sub-010, … (344 in all)")
    assert lines[2] == "sub-900 failed: another reason"
    assert lines[3].startswith("346 failed; tracebacks in")
    assert len(lines) == 4


def test_a_crash_report_has_the_settings_and_goes_once_it_is_cured(settings: Settings) -> None:
    write_crashes(settings, [Failure("stimulus", "no space", "Traceback …"), Failure("sub-1", "else", "")])
    (report,) = (settings.out_dir / "logs").glob("crash-*_stimulus.txt")
    text = report.read_text()
    assert text.startswith("stimulus: no space\n")
    assert "Traceback …" in text
    assert f'out_dir = "{settings.out_dir}"' in text
    forget_crashes(settings.out_dir, ["stimulus"])
    assert crash_reasons(settings.out_dir, "stimulus") == []
    assert crash_reasons(settings.out_dir, "sub-1") == ["sub-1: else"]


def test_an_out_dir_that_takes_no_report_sends_it_to_the_temporary_folder(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    settings.out_dir.write_text("a file is in the way")
    write_crashes(settings, [Failure("sub-1", "reason", "details")])
    assert len(list((tmp_path / "temporary").glob("crash-*_sub-1.txt"))) == 1


@pytest.mark.parametrize(
    ("error", "message", "reports"),
    [
        (KeyError("weight_map"), "KeyError: 'weight_map' (an error of neurons2networks itself; details in", 1),
        (ValueError("no such atlas"), "no such atlas", 0),
        (MemoryError(), "memory ran out", 0),
        (RecursionError(), "nested too deeply", 0),
        (UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "invalid"), "UnicodeDecodeError", 1),
    ],
)
def test_no_traceback_reaches_the_user(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    error: BaseException,
    message: str,
    reports: int,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setitem(run_module.LEVELS, "participant", fail)
    assert run_module.run(settings) == 1
    assert message in caplog.text
    assert "Traceback" not in caplog.text + "".join(capfd.readouterr())
    assert len(list((settings.out_dir / "logs").glob("crash-*_run.txt"))) == reports
    monkeypatch.setitem(run_module.LEVELS, "participant", lambda *_: [])
    assert run_module.run(settings) == 0
    assert not list((settings.out_dir / "logs").glob("crash-*"))


def exhaust(settings: Settings, name: str) -> None:
    raise MemoryError


def test_errors_of_the_machine_are_words_in_a_job_too(settings: Settings) -> None:
    (failure,) = LocalEngine(settings).run([Job("sub-1", exhaust)])
    assert failure.reason.startswith("memory ran out: lower --nprocs")
