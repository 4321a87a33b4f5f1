"""Kill runs at random moments, run them again, and compare with an uninterrupted run. By hand, not in CI.

python -m tests.kill_test FOLDER [--kills 30] [--seed 0] [--kinds surface volume parcels] [--signal KILL|TERM|INT]

FOLDER gets a demo data set, a run of each kind that was left alone, and the runs that were killed; a demo that is there
is used again. In turn a participant run (in one process, or with two workers) and a group run are killed with SIGKILL,
which nothing can prepare for. The same command must then complete; all files must hold the same bytes (reports: be
there), no hidden file may be left, and no worker may live on. After SIGTERM (to the first process) and SIGINT (to all,
as a terminal sends Ctrl-C), all must be gone within 5 s, after one line that says why and the status of shells.
Prints a table; exits with 1 when one row is wrong. Commands are copies of a process that has imported everything: it
saves time, and all moments fall into the work.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nibabel
import numpy as np

from bids_app.border import at_the_border
from bids_app.cli import _main

_FEW = ("--atoms", "8", "--n-permutations", "20", "--n-spins", "9", "--encoding-penalty", "0.3")
QUICK = (*_FEW, "--omp-nthreads", "1", "--analysis", "networks", "brainscore")
HIDDEN = re.compile(r"\..*[0-9a-f]{32}.*")
SPACES = {"surface": "fsaverage5", "volume": "MNI152NLin6Asym"}
NOT_COMPARED = {".html", ".png", ".svg"}  # hold dates, and random names of parts


def make_data(folder):
    """The demo data set, and its volumes averaged over parcels in a derivative beside it."""
    demo, parcels = folder / "demo", folder / "parcels"
    if not demo.exists():
        subprocess.run([sys.executable, "-m", "bids_app.tools", "demo", str(demo), "--participants", "2"], check=True)
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
    words = [str(folder / "demo"), str(out), level, "--config-file", str(config)]
    if kind == "parcels":
        words += ["-d", str(folder / "parcels"), "--atlas", "none"]
    else:
        atlas = next((folder / "demo" / "derivatives" / "atlas").glob(f"tpl-{SPACES[kind]}*_dseg.*[iz]"))
        words += ["--space", SPACES[kind], "--atlas", str(atlas)]
    return [*words, *QUICK, "--nprocs", str(nprocs)]


def start(words):
    """Start a command line in its own session; returns the process and a list that receives its output lines."""
    receiver, sender = os.pipe()
    process = multiprocessing.get_context("fork").Process(target=_work, args=(words, sender))
    process.start()
    os.close(sender)
    output: list[str] = []
    reader = threading.Thread(target=_read, args=(receiver, output), daemon=True)
    reader.start()
    return process, reader, output


def _work(words, sender):
    os.setsid()
    os.dup2(sender, 2)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    arguments = [str(word) for word in words]
    try:
        status = at_the_border("neurons2networks", lambda: _main(arguments), arguments, is_program=True)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1 if error.code else 0
    sys.stderr.flush()
    os._exit(status)


def _read(receiver, output):
    with os.fdopen(receiver) as lines:
        output.extend(lines)


def complete(words, most=1500):
    """Run to the end: status, seconds, the end of the output."""
    begin = time.monotonic()
    process, reader, output = start(words)
    process.join()
    reader.join()
    return process.exitcode, time.monotonic() - begin, "".join(output)[-most:]


def killed(words, moment, number=signal.SIGKILL):
    """Start a run and signal it after some seconds; returns whether it was still running, and the shortcomings."""
    process, reader, output = start(words)
    process.join(moment)
    if process.exitcode is not None:
        return False, []
    begin = time.monotonic()
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    patience = 15 if number == signal.SIGKILL else 5
    while (alive := members(process.pid)) and time.monotonic() - begin < patience:
        process.join(0.05)
    took = time.monotonic() - begin
    for pid in alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.join()
    reader.join(5)
    problems = [f"alive after {patience} s: {len(alive)}"] * bool(alive)
    if number != signal.SIGKILL:
        print(f"{signal.Signals(number).name}: gone after {took:.1f} s", file=sys.stderr, flush=True)
        lines = [line for line in output if "stopped by" in line]
        problems += [f"{len(lines)} lines instead of one: {output[-3:]}"] * (len(lines) != 1 or output[-1:] != lines)
        problems += ["a traceback"] * any("Traceback" in line for line in output)
        problems += [f"status {process.exitcode}"] * (process.exitcode != 128 + number)
    return True, problems


def members(session):
    """Live processes of a session."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, group = path.read_text().rpartition(") ")[2].split()[:4]
            if int(group) == session and state != "Z":
                pids.append(int(path.parent.name))
    return pids


def contents(out):
    """Bytes of every file outside logs and the work directory."""
    files = [path for path in out.rglob("*") if path.is_file()]
    names = {path.relative_to(out): path for path in files}
    shown = {name: path for name, path in names.items() if name.parts[0] not in ("logs", ".work")}
    return {str(name): b"" if path.suffix in NOT_COMPARED else path.read_bytes() for name, path in shown.items()}


def strays(out):
    """Files left half written."""
    return [str(path.relative_to(out)) for path in out.rglob(".*") if HIDDEN.fullmatch(path.name)]


def reference(folder, kind):
    """An uninterrupted run of both levels, and the seconds of each; an earlier one is reused."""
    out, seconds = folder / f"reference-{kind}", {}
    times = folder / f"reference-{kind}.json"
    if times.exists():
        return contents(out), json.loads(times.read_text())
    shutil.rmtree(out, ignore_errors=True)
    for level in ("participant", "group"):
        status, seconds[level], output = complete(command(folder, kind, out, level, 1))
        if status:
            raise SystemExit(f"{kind}, {level}: the run that was left alone failed\n{output}")
    times.write_text(json.dumps(seconds))
    return contents(out), seconds


def trial(folder, kind, number, chance, expected, seconds, by):
    """One participant run and one group run, each killed and completed; returns a row of the table."""
    out = folder / "killed"
    shutil.rmtree(out, ignore_errors=True)
    row = [number, kind]
    problems = []
    for level in ("participant", "group"):
        several = (1, 2) if by == signal.SIGKILL else (2,)
        nprocs = chance.choice(several) if level == "participant" else 1
        words = command(folder, kind, out, level, nprocs)
        moment = chance.uniform(0.1, 1.0) * seconds[level]
        was_going, wrong = killed(words, moment, by)
        left = len(strays(out)) if out.exists() else 0
        status, _, output = complete(words)
        row.append(f"{level} ({nprocs}) at {moment:.0f} s{'' if was_going else ' (had ended)'}, {left} left")
        problems += [f"{level}: status {status}: {output}"] * (status != 0) + [
            f"{level}: {problem}" for problem in wrong
        ]
    files = contents(out)
    problems += [f"{name}: differs" for name in expected if files.get(name) != expected[name]]
    problems += [f"{name}: is new" for name in files if name not in expected]
    problems += [f"{name}: stray" for name in strays(out)]
    return [*row, "; ".join(problems[:5]) or "same bytes, no stray"], bool(problems)


def main():
    """Print the table; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", default=["surface", "volume", "parcels"])
    parser.add_argument("--signal", default="KILL", choices=["KILL", "TERM", "INT"])
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    make_data(folder)
    import bids_app.run.participant  # noqa: F401  once, for all the processes that are forked

    references = {kind: reference(folder, kind) for kind in arguments.kinds}
    chance, wrong = random.Random(arguments.seed), 0
    print("| | data | participant run killed | group run killed | then |\n|---|---|---|---|---|", flush=True)
    for number in range((arguments.kills + 1) // 2):
        kind = arguments.kinds[number % len(arguments.kinds)]
        expected, seconds = references[kind]
        by = signal.Signals[f"SIG{arguments.signal}"]
        row, is_wrong = trial(folder, kind, number + 1, chance, expected, seconds, by)
        wrong += is_wrong
        print(f"| {' | '.join(map(str, row))} |", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
