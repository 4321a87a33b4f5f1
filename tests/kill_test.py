"""Kill runs at random moments, run them again, and compare with a run that was left alone. By hand, not in CI.

python tests/kill_test.py FOLDER [--kills 30] [--seed 0] [--kinds surface volume parcels]

FOLDER gets a demo data set, a run of each kind that was left alone, and the runs that were killed; a demo that is there
is used again. In turn a participant run (in one process, or with two workers) and a group run are killed with SIGKILL,
which nothing can prepare for. The same command must then complete; all files must hold the same bytes (reports: be
there), no hidden file may be left, and no worker may live on. Prints a table; exits with 1 when one row is wrong.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nibabel
import numpy as np

_FEW = ("--atoms", "8", "--n-permutations", "20", "--n-spins", "9", "--encoding-penalty", "0.3")
QUICK = (*_FEW, "--omp-nthreads", "1", "--analysis", "networks", "brainscore")
HIDDEN = re.compile(r"\..*[0-9a-f]{32}.*")
SPACES = {"surface": "fsaverage5", "volume": "MNI152NLin6Asym"}
NOT_COMPARED = {".html", ".png", ".svg"}  # hold dates, and random names of parts


def make_data(folder):
    """The demo data set, and its volumes averaged over parcels in a derivative beside it."""
    demo, parcels = folder / "demo", folder / "parcels"
    if not demo.exists():
        subprocess.run([sys.executable, "-m", "bids_app.kit", "demo", str(demo), "--participants", "2"], check=True)
    for image in (demo / "derivatives" / "fmriprep").glob("sub-*/func/*_bold.nii.gz"):
        run = re.findall(r"^sub-\d+_task-\w+?(?=_)", image.name)[0]
        target = parcels / run.partition("_")[0] / "func" / f"{run}_seg-Demo_timeseries.tsv"
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        data = nibabel.load(image).get_fdata(dtype=np.float32)
        labels = nibabel.load(next((demo / "derivatives" / "atlas").glob("*MNI*_dseg.nii.gz"))).get_fdata().astype(int)
        numbers = np.unique(labels[labels > 0])
        table = np.stack([data[labels == number].mean(axis=0) for number in numbers], axis=1)
        rows = ["\t".join(f"parcel{number}" for number in numbers), *("\t".join(f"{x:.4f}" for x in r) for r in table)]
        target.write_text("\n".join(rows) + "\n", encoding="utf-8")
        target.with_suffix(".json").write_text('{"RepetitionTime": 1.5}', encoding="utf-8")
    return demo


def command(folder, kind, out, level, nprocs):
    """The words of the command line of one run."""
    config = folder / "demo" / "code" / "demo.toml"
    words = [sys.executable, "-m", "bids_app", str(folder / "demo"), str(out), level, "--config-file", str(config)]
    if kind == "parcels":
        words += ["-d", str(folder / "parcels"), "--atlas", "none"]
    else:
        atlas = next((folder / "demo" / "derivatives" / "atlas").glob(f"tpl-{SPACES[kind]}*_dseg.*[iz]"))
        words += ["--space", SPACES[kind], "--atlas", str(atlas)]
    return [*words, *QUICK, "--nprocs", str(nprocs)]


def complete(words):
    """Run to the end: status, seconds, the last of what was said."""
    start = time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.returncode, time.monotonic() - start, done.stderr[-1500:]


def killed(words, moment):
    """Start a run, kill its first process after some seconds; whether it was still going, and its workers' numbers."""
    run = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    time.sleep(moment)
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children")
    workers = [int(pid) for pid in children.read_text().split()] if children.exists() else []
    was_going = run.poll() is None
    run.kill()
    run.wait()
    end = time.monotonic() + 15
    while (alive := [pid for pid in workers if Path(f"/proc/{pid}").exists()]) and time.monotonic() < end:
        time.sleep(0.2)
    return was_going, alive


def contents(out):
    """Bytes of every file outside logs and the work directory."""
    files = [path for path in out.rglob("*") if path.is_file()]
    names = {path.relative_to(out): path for path in files}
    shown = {name: path for name, path in names.items() if name.parts[0] not in ("logs", ".work")}
    return {str(name): b"" if path.suffix in NOT_COMPARED else path.read_bytes() for name, path in shown.items()}


def strays(out):
    """What was left half written."""
    return [str(path.relative_to(out)) for path in out.rglob(".*") if HIDDEN.fullmatch(path.name)]


def reference(folder, kind):
    """A run of both levels that is left alone, and the seconds of each."""
    out, seconds = folder / f"reference-{kind}", {}
    shutil.rmtree(out, ignore_errors=True)
    for level in ("participant", "group"):
        status, seconds[level], said = complete(command(folder, kind, out, level, 1))
        if status:
            raise SystemExit(f"{kind}, {level}: the run that was left alone failed\n{said}")
    return contents(out), seconds


def trial(folder, kind, number, chance, expected, seconds):
    """One participant run and one group run, each killed and completed; returns a row of the table."""
    out = folder / "killed"
    shutil.rmtree(out, ignore_errors=True)
    row = [number, kind]
    problems = []
    for level in ("participant", "group"):
        nprocs = chance.choice((1, 2)) if level == "participant" else 1
        words = command(folder, kind, out, level, nprocs)
        moment = chance.uniform(0.1, 1.0) * seconds[level]
        was_going, alive = killed(words, moment)
        left = len(strays(out)) if out.exists() else 0
        status, _, said = complete(words)
        row.append(f"{level} ({nprocs}) at {moment:.0f} s{'' if was_going else ' (had ended)'}, {left} left")
        problems += [f"{level}: status {status}: {said}"] * (status != 0) + [f"{level}: alive {alive}"] * bool(alive)
    found = contents(out)
    problems += [f"{name}: differs" for name in expected if found.get(name) != expected[name]]
    problems += [f"{name}: is new" for name in found if name not in expected]
    problems += [f"{name}: stray" for name in strays(out)]
    return [*row, "; ".join(problems[:5]) or "same bytes, no stray"], bool(problems)


def main():
    """Print the table; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", default=["surface", "volume", "parcels"])
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    make_data(folder)
    references = {kind: reference(folder, kind) for kind in arguments.kinds}
    chance, wrong = random.Random(arguments.seed), 0
    print("| | data | participant run killed | group run killed | then |\n|---|---|---|---|---|", flush=True)
    for number in range((arguments.kills + 1) // 2):
        kind = arguments.kinds[number % len(arguments.kinds)]
        row, is_wrong = trial(folder, kind, number + 1, chance, *references[kind])
        wrong += is_wrong
        print(f"| {' | '.join(map(str, row))} |", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
