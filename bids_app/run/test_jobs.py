"""Jobs of a participant: one, or one for each fit and model, and for each step without a model."""

from types import SimpleNamespace

import pytest

from bids_app.conftest import EVENTS, Study, write
from bids_app.inputs.sources import open_sources
from bids_app.run import jobs


@pytest.fixture
def two_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "model_runs", lambda _: [SimpleNamespace(label="tiny"), SimpleNamespace(label="large")])


def test_whole_unless_split(study: Study) -> None:
    (job,) = jobs.participant_jobs(open_sources(study.settings()), "01", split=False)
    assert job.label == "sub-01"


@pytest.mark.usefixtures("two_models")
def test_split_by_task_model_and_steps_without_a_model(study: Study) -> None:
    again = study.bold("01").with_suffix(".json")
    for source in (again, again.with_suffix(".tsv")):
        write(source.with_name(source.name.replace("task-tale", "task-again")), source.read_text())
    write(study.root / "sub-01" / "func" / "sub-01_task-again_events.tsv", EVENTS.format(story="tale"))
    with_ceiling = open_sources(study.settings(noise_ceiling="all"))
    labels = [job.label for job in jobs.participant_jobs(with_ceiling, "01", split=True)]
    assert labels == [
        f"sub-01 task-{task} {of}" for task in ("again", "tale") for of in ("tiny", "large", "noise ceiling")
    ]
    labels = [job.label for job in jobs.participant_jobs(open_sources(study.settings()), "01", split=True)]
    assert labels == [f"sub-01 task-{task} {of}" for task in ("again", "tale") for of in ("tiny", "large")]


def test_a_participant_without_data_is_one_job_that_will_give_the_reason(study: Study) -> None:
    study.remove("01")
    (job,) = jobs.participant_jobs(open_sources(study.settings()), "01", split=True)
    assert job.label == "sub-01"


def test_a_job_computes_its_piece_alone(study: Study) -> None:
    settings = study.settings()
    (job,) = jobs.participant_jobs(open_sources(settings), "02", split=True)
    assert job.label == "sub-02 task-tale tinygpt"
    job.function(settings, job.name)
    assert study.computed == ["02"]
