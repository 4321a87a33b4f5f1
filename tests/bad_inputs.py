"""Every bad input that users have met: `python -m tests.bad_inputs [PATTERN]` prints the message of each.

A case spoils a copy of a small data set (`bad_inputs_data`) and says what must come out (`bad_inputs_cases`). Each runs
in a fork of this process, which has imported the package once, so that it can be killed, lose its rights or its disk.
"""

import argparse
import contextlib
import ctypes
import importlib
import json
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bad_inputs_data import copy_of, make_bases

USUAL = ("--analysis", "brainscore", "--n-permutations", "20", "--noise-ceiling", "none", "--omp-nthreads", "1")
_MORE = {"regions": (), "surfaces": (), "cifti": (), "volumes": ("--confounds", "trans_* rot_*")}
_STRAY = re.compile(r"\.[0-9a-f]{32}_")
_SECONDS = 60


@dataclass(frozen=True)
class Case:
    """An input and the outcome expected of it.

    `spoil` changes the data set and may return options of its own. `status` is what the process must return, `message`
    a regular expression that its output must hold. `others`: whether the second participant must have results,
    None where it does not matter.
    """

    name: str
    message: str
    spoil: Callable[..., Any] | None = None
    options: tuple[str, ...] = ()
    kind: str = "regions"
    level: str = "participant"
    status: int = 1
    others: bool | None = None
    without_rights: bool = False  # where root runs the tests: what root may not read is not read
    plain: bool = False  # without the options that make other cases fast
    file_limit: int | None = None  # bytes of the largest file that can be written
    seconds: float = _SECONDS
    leaves: bool = False  # maps that were written before
    finished: bool = False  # OUT_DIR holds what a run of the same settings has made


def run_case(case, bases):
    """Run a case; returns its record: status, output, and all shortcomings (a list of texts)."""
    root = Path(tempfile.mkdtemp(prefix="case-", dir=bases))
    started = time.monotonic()
    bench = copy_of(bases, case.kind, root)
    try:
        if case.finished:
            shutil.copytree(bases / "finished" / "out", bench.out)
        extra = (case.spoil(bench) if case.spoil else None) or ()
        extra = tuple(map(str, extra if isinstance(extra, tuple | list) else ()))
        out = str(bench.out)
        if extra[:1] == ("OUT",):  # OUT_DIR elsewhere
            out, extra = extra[1], extra[2:]
        options = tuple(option.format(root=root, bases=bases) for option in case.options)
        usual = () if case.plain else (*USUAL, "--model", str(bases / "tiny"), *_MORE[case.kind])
        words = [str(bench.data), out, case.level, *usual, *options, *extra]
        status, output = _in_a_fork(words, case, root / "output.txt")
        short = list(_shortcomings(case, bench, status, output))
        seconds = round(time.monotonic() - started, 1)
        output = output.replace(str(root), "…")
        return {"name": case.name, "status": status, "output": output, "short": short, "seconds": seconds}
    finally:
        for path in (bench.root, *bench.root.rglob("*")):
            with contextlib.suppress(OSError):
                path.chmod(0o700)
        shutil.rmtree(root, ignore_errors=True)


def _in_a_fork(words, case, log):
    child = os.fork()
    if not child:
        os._exit(_child(words, case, log))
    # On a machine that others share, work takes longer; what hangs is found all the same.
    patience = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    limit = time.monotonic() + case.seconds * patience
    while time.monotonic() < limit:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), log.read_text(errors="replace")
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout", log.read_text(errors="replace")


def _child(words, case, log):
    os.setpgid(0, 0)
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, errors="backslashreplace") for number in (1, 2))
    try:
        if case.file_limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (case.file_limit, case.file_limit))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        if case.without_rights:
            _drop_rights()
        from bids_app.cli import main
        from bids_app.tools import main as n2n

        os.chdir("/")
        return n2n(["check", words[0], *words[3:]]) if case.level == "check" else main(words)
    except SystemExit as error:
        return error.code
    except BaseException:
        traceback.print_exc()
        return 99
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _drop_rights():
    """Root keeps its files, but obeys file permissions from here on."""
    if os.geteuid():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    nothing = (ctypes.c_uint32 * 6)()
    if libc.capset(header, nothing):
        raise OSError(ctypes.get_errno(), "capset")


def _shortcomings(case, bench, status, output):
    if status != case.status:
        yield f"status {status}, not {case.status}"
    if not re.search(case.message, output.replace(str(bench.root), "…"), re.DOTALL):
        yield f"message missing: {case.message}"
    if "Traceback" in output:
        yield "a traceback"
    if python_warning := re.search(r"\.py:\d+: \w*Warning.*", output):
        yield f"a bare warning: {python_warning[0][:100]}"
    long = [line for line in output.splitlines() if len(line.replace(str(bench.root), "…")) > 900]
    if long:
        yield f"a line of {len(long[0])} letters"
    results = {path.name[:6] for path in bench.out.rglob("*_statmap.*")} if bench.out.is_dir() else set()
    if case.status and "sub-01" in results and case.others is not None:
        yield "sub-01 has maps"
    if case.status and case.others is None and results and not (case.leaves or case.finished):
        yield f"maps of {', '.join(sorted(results))}"
    if case.others and "sub-02" not in results:
        yield "sub-02 has no maps"
    if bench.out.is_dir():
        strays = [path.name for path in bench.out.rglob(".*") if _STRAY.match(path.name) and path.is_file()]
        if strays:
            yield f"strays: {strays[0]}"
        for report in (bench.out / "logs").glob("crash-*"):
            if report.is_file() and "bids_dir =" not in report.read_text(errors="replace"):
                yield f"{report.name} without the settings"


@contextlib.contextmanager
def _bases(with_finished):
    with tempfile.TemporaryDirectory(prefix="bad-inputs-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        make_bases(Path(folder))
        _preload(Path(folder))
        if with_finished:
            _finish(Path(folder))
        yield Path(folder)


def _finish(bases):
    """OUT_DIR of a participant and a group run, for the cases that damage it."""
    bench = copy_of(bases, "regions", bases / "finished")
    for level in ("participant", "group"):
        case = Case("", "", level=level, seconds=10 * _SECONDS)
        words = [str(bench.data), str(bench.out), level, *USUAL, "--model", str(bases / "tiny")]
        status, output = _in_a_fork(words, case, bench.root / "output.txt")
        assert status == 0, output


def _preload(bases):
    """Import in this process, for all forks, what a run in one of them has imported, and read the anatomy of pages."""
    bench = copy_of(bases, "volumes", bases / "preload")
    words = [str(bench.data), str(bench.out), "participant", *USUAL, "--model", str(bases / "tiny"), *_MORE["volumes"]]
    names = bases / "preload" / "modules.txt"
    child = os.fork()
    if not child:
        status = _child(words, Case("", ""), bench.root / "output.txt")
        names.write_text("\n".join(sys.modules))
        os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status == 0, (bench.root / "output.txt").read_text()
    for name in set(names.read_text().splitlines()) - set(sys.modules):
        with contextlib.suppress(ImportError):  # names that packages put there themselves
            importlib.import_module(name)
    importlib.import_module("bids_app.report.volumes").template()


def run_all(pattern="", workers=None):
    """Records of all cases whose name holds a pattern, in the order of the table."""
    from tests.bad_inputs_cases import CASES

    cases = [case for case in CASES if re.search(pattern, case.name)]
    assert len({case.name for case in cases}) == len(cases), "two cases have the same name"
    with (
        _bases(any(case.finished for case in cases)) as folder,
        ThreadPoolExecutor(workers or min(4, os.cpu_count() or 1)) as pool,
    ):
        yield from pool.map(lambda case: run_case(case, folder), cases)


def _shortened(output):
    """The first error, else the warnings, else the last line."""
    lines = [line for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if " ERROR " in line] or [line for line in lines if " WARNING " in line]
    return (errors or lines[-1:] or [""])[0][:400]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pattern", nargs="?", default="", help="Regular expression of the names of cases.")
    parser.add_argument("--json", type=Path, help="Where the records go.")
    parser.add_argument("--full", action="store_true", help="Print the whole output.")
    parser.add_argument("--workers", type=int)
    arguments = parser.parse_args()
    records = []
    for record in run_all(arguments.pattern, arguments.workers):
        records.append(record)
        verdict = "; ".join(record["short"]) or "ok"
        print(f"{record['name'][:50]:50} {record['status']!s:>7} {record['seconds']:5.1f} s  {verdict}", flush=True)
        print(record["output"] if arguments.full else f"    {_shortened(record['output'])}", flush=True)
    print(f"{sum(not record['short'] for record in records)} of {len(records)} as they must be")
    if arguments.json:
        arguments.json.write_text(json.dumps(records, indent=1))
    return any(record["short"] for record in records)


if __name__ == "__main__":
    raise SystemExit(main())
