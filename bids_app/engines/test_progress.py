import pytest

from bids_app.engines.jobs import Job
from bids_app.engines.progress import Progress


def nothing(*_: object) -> None:
    """Do nothing."""


def test_every_job_that_ends_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    jobs = [Job(f"sub-{n}", nothing) for n in range(3)]
    report = Job("sub-0", nothing, computes=False)
    progress = Progress([*jobs, report])
    progress.ended(jobs[0], failed=False)
    progress.ended(report, failed=False)
    progress.ended(jobs[1], failed=True)
    progress.ended(jobs[2], failed=False)
    assert [record.getMessage() for record in caplog.records] == [
        "1 of 3 ended; about 1 min left",
        "2 of 3 ended, 1 failed; about 1 min left",
        "3 of 3 ended, 1 failed",
    ]


def test_a_single_job_is_not_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    job = Job("group", nothing)
    Progress([job]).ended(job, failed=False)
    assert not caplog.records


def test_of_many_reports_each_tenth_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    reports = [Job(f"sub-{n}", nothing, computes=False) for n in range(40)]
    progress = Progress(reports)
    for report in reports:
        progress.ended(report, failed=False)
    assert caplog.messages[0] == "4 of 40 reports; about 1 min left"
    assert [text.split()[0] for text in caplog.messages] == [str(n) for n in range(4, 41, 4)]
