"""The plan for all 345 participants of Narratives, compared with a stored table.

The text files are the real ones; BOLD are empty files with the names of runs, words are made up within the story
events of those stories that have real alignments. `python -m bids_app.run.test_narratives_plan TEXT_COPY > TABLE`
writes the table anew.
"""

import hashlib
import json
import logging
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bids_app.bids.conftest import from_shared, narratives  # noqa: F401
from bids_app.bids.errors import DatasetError
from bids_app.bids.events import read_events
from bids_app.inputs.fits import fits_of
from bids_app.inputs.presentations import presentations
from bids_app.inputs.sources import Sources, open_sources
from bids_app.run.check import check_runs
from bids_app.run.check_rows import RunCheck
from bids_app.settings import Settings

TABLE = Path(__file__).with_name("narratives_plan.tsv")
_NAMES = """21styear black bronx forgot lucy merlin milkywayoriginal milkywaysynonyms milkywayvodka notthefallintact
pieman piemanpni prettymouth shapesphysical shapessocial sherlock slumlordreach tunnel"""
ALIGNED = _NAMES.split()


def _words(events: pd.DataFrame) -> str:
    """A word every two seconds in the story events of one file, without a header, as gentle writes it."""
    start = events.onset.min()
    stories = events[events.trial_type == "story"]
    times = [
        second
        for onset, duration in zip(stories.onset - start, stories.duration, strict=True)
        for second in range(int(onset) + 1, int(onset + duration) - 1, 2)
    ]
    story = str(events.stim_file.iloc[0]).removesuffix("_audio.wav")
    words = {second: f"{story}{second}" for second in times}  # no two stories share a passage
    return "".join(f"{word},{word},{second},{second + 0.5}\n" for second, word in words.items())


def _make(text_copy: Path, folder: Path) -> Path:
    """The same files, with empty BOLD for every run and words for the aligned stories."""
    root = folder / "narratives"
    root.mkdir()
    for path in text_copy.iterdir():
        if path.name != "stimuli":
            (root / path.name).symlink_to(path.resolve())
    derivative = root / "derivatives" / "prep"
    derivative.mkdir(parents=True)
    (derivative / "dataset_description.json").write_text('{"Name": "prep", "BIDSVersion": "1.10.0"}')
    written = set()
    for path in sorted(root.glob("sub-*/func/*_events.tsv")):
        name = path.name.removesuffix("_events.tsv")
        target = derivative / path.parent.relative_to(root) / f"{name}_seg-Tiny_timeseries.tsv"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
        table = pd.read_csv(path, sep="\t", keep_default_na=False)
        for stim_file, events in table.groupby("stim_file"):
            story = str(stim_file).removesuffix("_audio.wav")
            if story in ALIGNED and story not in written and "sub-038" not in name and "sub-105" not in name:
                words = root / "stimuli" / "gentle" / story / "align.csv"
                words.parent.mkdir(parents=True)
                words.write_text(_words(events))
                written.add(story)
    assert sorted(written) == sorted(ALIGNED)
    return root


def _outcomes(sources: Sources) -> list[tuple[str, str, str]]:
    """Task, run and what becomes of it, for every run."""
    lines = []
    words = {stem: story.words for stem, story in sources.stories.items()}
    for participant in sources.participants:
        try:
            selection = sources.runs(participant)
            fits = fits_of(sources, participant)
        except DatasetError as error:
            folder = sources.dataset.bids_dir / f"sub-{participant}" / "func"
            names = [path.name.removesuffix("_events.tsv") for path in sorted(folder.glob("*_events.tsv"))]
            reason = "excluded" if "list of scans to leave out" in str(error) else "no words"
            lines += [(name.split("task-")[1].split("_")[0], name, reason) for name in names]
            continue
        kept = {run.label for fit in fits for run in fit.runs}
        for run in selection.runs:
            heard = presentations(read_events(run.events, run.entities), words) if run.label in kept else ()
            heard_stimuli = [
                f"{stimulus.stem} {stimulus.audio_onset:g} {stimulus.story} {run.repetition_time:g}"
                for stimulus in heard
            ]
            lines.append((run.task, run.label, " ".join(heard_stimuli) or "no words"))
        lines += [(run.label.split("task-")[1].split("_")[0], run.label, "excluded") for run in selection.excluded]
    return sorted(lines)


_LEFT_OUT = {"on the list of scans to leave out": "excluded", "no word timings": "no words"}


def _in_check(row: RunCheck) -> str:
    """What becomes of a run as the table of the check says; its BOLD is an empty file."""
    assert bool(row.words) is bool(row.story_volumes) is bool(row.problem) is not bool(row.note)
    return _LEFT_OUT[row.note] if row.note else row.stimuli


def _table(lines: list[tuple[str, str, str]]) -> pd.DataFrame:
    """One row per task; `digest` stands for each run's stories, onsets and repetition time."""
    rows = []
    for task in sorted({task for task, _, _ in lines}):
        of_task = [line for line in lines if line[0] == task]
        outcomes = Counter(outcome.split(" ")[0] if outcome != "no words" else outcome for _, _, outcome in of_task)
        rows.append(
            {
                "task": task,
                "participants": len({name.split("_")[0] for _, name, _ in of_task}),
                "runs": len(of_task),
                "outcomes": ", ".join(f"{outcome}: {number}" for outcome, number in sorted(outcomes.items())),
                "digest": hashlib.sha256(json.dumps(of_task).encode()).hexdigest()[:16],
            }
        )
    return pd.DataFrame(rows)


def _open(root: Path) -> Sources:
    exclusions = from_shared("data/narratives/scan_exclude.json")
    return open_sources(
        Settings(bids_dir=root, out_dir=root.parent / "out", level="participant", exclude_scans=exclusions)
    )


def test_the_plan_for_all_participants(
    narratives: Path,  # noqa: F811
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    root = _make(narratives, tmp_path)
    sources = _open(root)
    lines = _outcomes(sources)
    pd.testing.assert_frame_equal(_table(lines), pd.read_csv(TABLE, sep="\t"))
    assert caplog.text == ""

    outcomes = {name: outcome for _, name, outcome in lines}
    rows = {row.run: row for row in check_runs(sources, sources.participants) if "_" in row.run}
    assert {name: _in_check(row) for name, row in rows.items()} == {
        name: (outcome.split(" ")[0] if outcome not in _LEFT_OUT.values() else outcome)
        for name, outcome in outcomes.items()
    }
    assert {row.repeated for row in rows.values() if row.run.startswith("sub-002_task-pieman_")} == {281}
    excluded = {name for name, outcome in outcomes.items() if outcome == "excluded"}
    listed = json.loads(from_shared("data/narratives/scan_exclude.json").read_text())
    assert excluded == {name for task in listed.values() for names in task.values() for name in names}
    for scans in root.glob("sub-*/sub-*_scans.tsv"):
        for filename, condition in pd.read_csv(scans, sep="\t")[["filename", "condition"]].itertuples(index=False):
            name = Path(filename).name.removesuffix("_bold.nii.gz")
            if "task-milkyway" in name and outcomes[name] != "excluded":
                assert outcomes[name].startswith(f"milkyway{condition}_audio ")
    meta = json.loads(from_shared("data/narratives/event_meta.json").read_text())
    for task, stories in meta.items():
        stem = {"milkyway": "milkywayoriginal", "slumlordreach": "slumlordreach"}.get(task, task) + "_audio"
        if stem not in sources.stories or task == "lucy":  # the list is stale for lucy
            continue
        grid = sources.stories[stem].canonical
        durations = [story["duration"] for story in sorted(stories.values(), key=lambda story: int(story["onset"]))]
        np.testing.assert_allclose(grid.segment_lengths, durations, atol=1)  # the list rounds durations, not ends
        assert grid.volumes[0] == min(story["onset"] for story in stories.values())


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        made = _table(_outcomes(_open(_make(Path(sys.argv[1]), Path(scratch)))))
        sys.stdout.write(made.to_csv(sep="\t", index=False))
