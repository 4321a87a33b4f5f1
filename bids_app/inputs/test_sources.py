"""One bad file stops those who need it, and nobody else."""

import json
import logging
import shutil
from pathlib import Path

import pytest

from bids_app.bids.conftest import TinyDataset
from bids_app.bids.errors import DatasetError
from bids_app.inputs.fits import fits_of, plan
from bids_app.inputs.sources import Sources, kept_sources, open_sources
from bids_app.settings import Settings

HEADER = "onset\tduration\ttrial_type\tstim_file\n"
WORDS = "onset\tduration\tword\n" + "".join(f"{0.5 + 0.4 * i:.1f}\t0.3\tw{i}\n" for i in range(350))


class Study:
    """A data set with parcels of each run that a test names."""

    def __init__(self, root: Path) -> None:
        self.tiny = TinyDataset(root)
        self.root = root
        self.tiny.description(root / "derivatives" / "prep", "derivative")

    def run(self, name: str, rows: str | None = None, stim_file: str = "tale.wav") -> Path:
        folder = self.tiny.folder(self.root / "derivatives" / "prep", name)
        (folder / f"{name}_seg-T_timeseries.tsv").touch()
        (folder / f"{name}_seg-T_timeseries.json").write_text(json.dumps({"RepetitionTime": 2.0}))
        events = self.tiny.folder(self.root, name) / f"{name}_events.tsv"
        events.write_text(HEADER + (f"6\t140\tstory\t{stim_file}\n" if rows is None else rows))
        return events

    def words(self, stem: str, content: str = WORDS) -> None:
        path = self.root / "stimuli" / f"{stem}_words.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def sources(self, **settings: object) -> Sources:
        return open_sources(
            Settings(bids_dir=self.root, out_dir=self.root.parent / "out", level="participant", **settings)  # type: ignore[arg-type]
        )


@pytest.fixture
def study(tmp_path: Path) -> Study:
    study = Study(tmp_path / "raw")
    study.words("tale")
    study.run("sub-01_task-tale")
    return study


def _labels(sources: Sources, participant: str) -> list[str]:
    return [run.label for fit in fits_of(sources, participant) for run in fit.runs]


def test_unreadable_events_fail_their_own_participant_alone(study: Study, caplog: pytest.LogCaptureFixture) -> None:
    study.run("sub-02_task-tale", "soon\t140\tstory\ttale.wav\n")
    sources = study.sources()
    assert _labels(sources, "01") == ["sub-01_task-tale"]
    assert len(sources.stories["tale"].canonical.volumes) == 70
    assert [record.levelname for record in caplog.records if record.levelno > logging.INFO] == ["WARNING"]
    assert "sub-02_task-tale_events.tsv, row 1 (line 2): the onset 'soon'" in caplog.text
    with pytest.raises(DatasetError, match=r"sub-02_task-tale_events\.tsv, row 1"):
        fits_of(sources, "02")
    lines = plan(sources, ["02", "01"])
    assert next(lines).startswith("sub-01 task-tale")
    with pytest.raises(DatasetError, match="sub-02_task-tale"):
        list(lines)


def test_many_unreadable_tables_are_summed_up(study: Study, caplog: pytest.LogCaptureFixture) -> None:
    for i in range(10, 17):
        study.run(f"sub-{i}_task-tale", "x\t140\tstory\ttale.wav\n")
    assert _labels(study.sources(participant_label=("01",)), "01") == ["sub-01_task-tale"]
    assert len(caplog.records) == 4
    assert "4 more tables of events" in caplog.text


def test_an_empty_table_of_a_task_without_stories_is_left_out(study: Study) -> None:
    study.run("sub-01_task-rest").write_text("")
    assert _labels(study.sources(), "01") == ["sub-01_task-tale"]
    with pytest.raises(DatasetError, match=r"task-rest_events\.tsv is empty"):
        fits_of(study.sources(task_id=("rest", "tale")), "01")


def test_a_broken_word_table_fails_those_who_heard_the_story(study: Study) -> None:
    study.words("other", "onset\tduration\tword\n")
    study.run("sub-02_task-other", stim_file="other.wav")
    sources = study.sources()
    assert set(sources.stories) == {"tale"}
    assert _labels(sources, "01") == ["sub-01_task-tale"]
    with pytest.raises(DatasetError, match=r"sub-02_task-other: .*other_words\.tsv"):
        fits_of(sources, "02")
    with pytest.raises(DatasetError, match=r"other_words\.tsv"):
        _ = study.sources(task_id=("other",)).stories


def test_what_keeps_everybody_from_being_analysed_is_reported_once(
    study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    folder = study.root / "derivatives" / "prep" / "sub-01" / "func"
    (folder / "sub-01_task-tale_rec-norm_seg-T_timeseries.tsv").touch()
    with pytest.raises(DatasetError, match=r"^sub-01_task-tale exists in several versions.*\(rec-norm or no rec\)"):
        _ = study.sources().stories
    assert caplog.text == ""
    study.run("sub-02_task-tale")
    assert _labels(study.sources(), "02") == ["sub-02_task-tale"]


def test_what_is_left_out_is_reported_once(study: Study, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    study.run("sub-31_task-tale")
    study.run("sub-31_task-mute", stim_file="mute.wav")
    study.run("sub-31_task-rest").unlink()
    sources = study.sources()
    for _ in range(2):
        assert _labels(sources, "31") == ["sub-31_task-tale"]
    lines = [record.message for record in caplog.records if "sub-31" in record.message]
    assert lines == [
        "left out: sub-31_task-rest (it has no events.tsv with the times of the stories)",
        "left out: sub-31_task-mute (its story mute has no word timings)",
    ]


def test_the_same_names_in_two_folders_are_two_stories(study: Study) -> None:
    for language in ("EN", "FR"):
        study.words(f"{language}/section1", WORDS.replace("\tw0", f"\t{language}"))
    study.run("sub-02_task-en", stim_file="EN/section1.wav")
    study.run("sub-03_task-fr", stim_file="stimuli\\FR\\section1.wav")
    stories = study.sources().stories
    assert {stem: story.words.text[0][:2] for stem, story in stories.items()} == {
        "EN/section1": "EN",
        "FR/section1": "FR",
        "tale": "w0",
    }


def test_spellings_that_differ_in_case_are_two_stimuli_and_named(
    study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    study.run("sub-02_task-tale", stim_file="Tale.wav")
    assert set(study.sources().stories) == {"tale"}
    assert "tale, Tale differ in upper and lower case only" in caplog.text


def test_no_story_at_all_says_where_onsets_go(study: Study) -> None:
    (study.root / "sub-01/func/sub-01_task-tale_events.tsv").unlink()
    with pytest.raises(DatasetError, match=r"no events\.tsv of any task .*onsets\.tsv"):
        _ = study.sources().stories
    annotations = study.root.parent / "annotations"
    annotations.mkdir()
    (annotations / "onsets.tsv").write_text("task\tstim_file\tonset\ntale\ttale.wav\t10\n")
    sources = study.sources(annotations=annotations)
    assert _labels(sources, "01") == ["sub-01_task-tale"]
    assert sources.stories["tale"].canonical.volumes[0] == 5


def test_a_run_without_a_story_says_why(study: Study, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    study.run("sub-01_task-press", "0\t1\tpress\tn/a\n")
    study.run("sub-01_task-untimed", stim_file="untimed.wav")
    assert _labels(study.sources(), "01") == ["sub-01_task-tale"]
    assert "sub-01_task-press (its events name no audio file with a story" in caplog.text
    assert "sub-01_task-untimed (its story untimed has no word timings)" in caplog.text


def test_a_derivative_with_the_same_runs_is_passed_over_and_named(
    study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    derivatives = study.root / "derivatives"
    shutil.copytree(derivatives / "prep", derivatives / "other")
    study.run("sub-01_task-more")  # in prep alone
    sources = study.sources(derivatives=(str(derivatives / "other"), str(derivatives / "prep")))
    read = {run.label: run.derivative.name for run in sources.runs("01").runs}
    assert read == {"sub-01_task-tale": "other", "sub-01_task-more": "prep"}
    list(sources.each_run("01"))
    assert "BOLD of other is read, not that of the same runs in prep: the first folder of -d counts" in caplog.text
    assert "BOLD of prep is read" not in caplog.text


def test_a_run_reads_its_stories_once_and_the_next_run_reads_them_again(study: Study) -> None:
    def n_words(sources: Sources) -> int:
        return len(sources.stories["tale"].words.text)

    with kept_sources():
        first = study.sources()
        assert n_words(first) == 350
        study.words("tale", WORDS.rsplit("\n", 2)[0] + "\n")
        assert study.sources() is first
        assert n_words(study.sources(session_label=("1",))) == 349
    assert n_words(study.sources()) == 349
