"""`n2n plan` against a run: a slice of Narratives' participants with made-up BOLD of the real lengths.

The text copy of ds002345 gives runs, events and participants; words (as many as the real alignments have) and BOLD are
made up: noise with the autocorrelation of BOLD, and a course of each story in a tenth of the vertices. The model has
the shape of GPT-2 small. Each level is a process of its own.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from nibabel.gifti import GiftiDataArray, GiftiImage
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter

from benchmarks import harness
from benchmarks.sizes import large_gpt2

# Words of the real alignments, by the stem of the audio file.
WORDS = {
    "21styear": 8267, "black": 1544, "bronx": 1379, "forgot": 2135, "lucy": 1607, "merlin": 2245,
    "milkywayoriginal": 1059, "milkywaysynonyms": 1066, "milkywayvodka": 1058, "notthefallintact": 1601, "pieman": 957,
    "piemanpni": 992, "prettymouth": 1970, "shapesphysical": 951, "shapessocial": 910, "sherlock": 2681,
    "slumlordreach": 5344, "tunnel": 3435,
}  # fmt: skip
VERTICES = {"fsaverage5": 10_242, "fsaverage6": 40_962}
SYLLABLES, N_WORDS = ("ba", "de", "ki", "lo", "mu", "na", "ri", "so", "tu"), 81
_REPETITION_TIME, _TAIL = 1.5, 8  # s; volumes after the last event


def make_slice(text_copy: Path, root: Path, space: str, n_participants: int) -> int:
    """Write the data set of evenly spaced participants; returns how many the text copy has."""
    root.mkdir()
    everyone = sorted(path.name for path in text_copy.glob("sub-*"))
    chosen = everyone[len(everyone) // (2 * n_participants) :: len(everyone) // n_participants][:n_participants]
    for path in text_copy.iterdir():
        if path.name in chosen or (path.is_file() and path.name != "participants.tsv"):
            (root / path.name).symlink_to(path.resolve())
    people = pd.read_csv(text_copy / "participants.tsv", sep="\t", dtype=str, keep_default_na=False)
    people[people["participant_id"].isin(chosen)].to_csv(root / "participants.tsv", sep="\t", index=False)
    derivative = root / "derivatives" / "prep"
    derivative.mkdir(parents=True)
    (derivative / "dataset_description.json").write_text('{"Name": "prep", "BIDSVersion": "1.10.0"}')
    for path in sorted(root.glob("sub-*/func/*_events.tsv")):
        events = pd.read_csv(path, sep="\t", keep_default_na=False)
        for stim_file, of_story in events.groupby("stim_file"):
            _write_words(root, str(stim_file).removesuffix("_audio.wav"), of_story)
        n_volumes = int(np.ceil((events["onset"] + events["duration"]).max() / _REPETITION_TIME)) + _TAIL
        stem = derivative / path.parent.relative_to(root) / path.name.removesuffix("_events.tsv")
        _write_bold(stem, space, n_volumes)
    return len(everyone)


def _write_words(root: Path, story: str, events: pd.DataFrame) -> None:
    """Words at an even pace within the story events, as gentle writes them; none for a story without alignment."""
    target = root / "stimuli" / "gentle" / story / "align.csv"
    if story not in WORDS or target.exists():
        return
    told = events[events["trial_type"] == "story"]
    start = told["onset"].astype(float) - float(events["onset"].min())
    pace = float(told["duration"].sum()) / WORDS[story]
    times = np.concatenate(
        [np.arange(a, a + float(length) - pace, pace) for a, length in zip(start, told["duration"], strict=True)]
    )
    random = np.random.default_rng(len(story))
    numbers = np.minimum(random.zipf(1.3, len(times)), N_WORDS)  # few, so that the model's tokenizer knows them
    lines = [
        f"{(word := SYLLABLES[n % 9] + SYLLABLES[n // 9])},{word},{t:.2f},{t + 0.8 * pace:.2f}\n"
        for n, t in zip(numbers - 1, times, strict=True)
    ]
    target.parent.mkdir(parents=True)
    target.write_text("".join(lines))


def _write_bold(stem: Path, space: str, n_volumes: int) -> None:
    task = re.sub(".*_task-([^_]*).*", r"\1", stem.name)
    course = gaussian_filter1d(np.random.default_rng(sum(map(ord, task))).standard_normal(n_volumes), 2)
    stem.parent.mkdir(parents=True, exist_ok=True)
    for side, hemisphere in enumerate("LR"):
        random = np.random.default_rng([side, *map(ord, stem.name)])
        noise = random.standard_normal((n_volumes, VERTICES[space]), dtype=np.float32)
        data = lfilter([1], [1, -0.5], noise, axis=0) + 2 * course[:, None] * (np.arange(VERTICES[space]) % 10 == 0)
        rows = [
            GiftiDataArray(row, "NIFTI_INTENT_TIME_SERIES", "NIFTI_TYPE_FLOAT32")
            for row in (1000 + 10 * data).astype(np.float32)
        ]
        GiftiImage(darrays=rows).to_filename(f"{stem}_hemi-{hemisphere}_space-{space}_bold.func.gii")


def measured(arguments: Sequence[str]) -> tuple[float, float, float]:
    """Seconds of wall and of processor time, and peak memory in MB, of a command of the app."""
    start = time.perf_counter()
    child = os.posix_spawn(sys.executable, [sys.executable, "-m", "bids_app", *arguments], dict(os.environ))
    _, status, usage = os.wait4(child, 0)
    if status:
        raise RuntimeError(f"The run failed; what went wrong is said above: {' '.join(arguments)}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def planned(arguments: Sequence[str]) -> dict[str, tuple[int, float, float, float]]:
    """Jobs, seconds of each, memory of a job and disk in MB of each level, as `n2n plan` prints them."""
    command = [sys.executable, "-m", "bids_app.tools", "plan", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    print(done.stdout, file=sys.stderr)
    rows = [re.split("  +", line) for line in done.stdout.splitlines()]
    number = [[float(re.sub("[^0-9.]", "", cell)) for cell in row[1:]] for row in rows[1:4]]
    return {row[0]: (int(n[0]), n[1], n[3], n[4]) for row, n in zip(rows[1:4], number, strict=True)}


def folder_mb(*folders: Path) -> float:
    """Size of all files in folders."""
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file()) / 1e6


def main() -> None:
    """One row per level."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("text_copy", type=Path, help="The text files of ds002345.")
    parser.add_argument("--participants", type=int, default=3)
    parser.add_argument("--space", default="fsaverage6", choices=VERTICES)
    parser.add_argument("--atlas", default="none")
    parser.add_argument("--analysis", nargs="+", default=["networks", "brainscore", "evidence"])
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    print(f"\n{harness.machine()}\n")
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        data, out, work, model = (Path(scratch, name) for name in ("data", "out", "work", "gpt2"))
        make_slice(options.text_copy, data, options.space, options.participants)
        large_gpt2(data, model)
        flags = ["--model", str(model), "--space", options.space, "--atlas", options.atlas, "--work-dir", str(work)]
        flags += ["--analysis", *options.analysis]
        plan = planned([str(data), *flags])
        harness.print_cells(["level", "jobs", "planned", "measured", "processor time", "memory", "measured", "disk"])
        harness.print_cells(["---"] * 8)
        before = 0.0
        for level, (jobs, seconds, memory, disk) in plan.items():
            given = [] if level == "group" else flags
            wall, used, peak = measured([str(data), str(out), level, *given, *(["-w", str(work)] * (not given))])
            size = folder_mb(out, work)
            each = [f"{seconds:,.0f} s", f"{wall / jobs:,.0f} s", f"{used / jobs:,.0f} s"]
            disks = f"{disk:,.0f} MB, measured {size - before:,.0f} MB"
            harness.print_cells([level, f"{jobs}", *each, f"{memory:,.0f} MB", f"{peak:,.0f} MB", disks])
            before = size


if __name__ == "__main__":
    main()
