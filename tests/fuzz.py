"""Damage files at random and read them: only the package's own errors may be raised, quickly and in little memory.

A reader that hangs ends the process, with a traceback; the file that it hung on is left behind.

    python -m tests.fuzz --inputs 200000 [reader ...]

prints a table, one row per reader, with the kinds of other errors and where they arose.
"""

import argparse
import faulthandler
import logging
import random
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bids_app.bids.errors import DatasetError
from bids_app.settings import SettingsError
from bids_app.text_files import FileError
from tests.fuzz_images import Reader
from tests.fuzz_mutations import Mutation, mutate, random_mutations
from tests.fuzz_readers import READERS

OWN = (DatasetError, SettingsError, FileError)
SLOW = 3.0  # seconds of the processor, whatever else the machine does
HANGS = 180  # seconds of the clock for `_BATCH` inputs
_BATCH = 200
MEMORY = Path("/dev/shm")
GREEDY = 500.0  # MB that the process may grow by with one reader; an input has at most 2 MB
_ROOM = 4 * 2**30  # bytes of address space above those in use: who asks for more gets a MemoryError
_COLUMNS = ("reader", "inputs", "own error", "other error", "slow", "memory growth", "time", "what")


@dataclass
class Findings:
    """Outcomes of the inputs of one reader."""

    n_inputs: int = 0
    n_own: int = 0
    n_slow: int = 0
    growth_mb: float = 0.0
    others: Counter[str] = field(default_factory=Counter)
    examples: dict[str, bytes] = field(default_factory=dict)


def read_damaged(
    reader: Reader, folder: Path, seed: int, mutations: list[Mutation]
) -> tuple[BaseException | None, bytes]:
    """Write one damaged file and read it; returns the error and the content."""
    return read_content(reader, folder, mutate(reader.seeds[seed % len(reader.seeds)], mutations))


def read_content(reader: Reader, folder: Path, content: bytes) -> tuple[BaseException | None, bytes]:
    """Write this content compressed and read it; returns the error and the bytes written."""
    content = reader.pack(content)
    path = folder / reader.file
    path.write_bytes(content)
    try:
        reader.read(path)
    except Exception as error:
        return error, content
    return None, content


def is_own(error: BaseException | None, reader: Reader) -> bool:
    """Whether an error is meant for users: raised by the package, and naming the file.

    One that stands for a MemoryError is none: a damaged file made its reader ask for more than there is.
    """
    if error is None:
        return True
    if any(isinstance(cause, MemoryError) for cause in _chain(error)):
        return False
    if isinstance(error, SettingsError):
        return True
    named = reader.file.partition(".")[0] in str(error) or any(name in str(error) for name in reader.beside)
    return named and isinstance(error, OWN)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def describe(error: BaseException) -> str:
    """Class of an error and the last line of the package in its traceback."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "bids_app" in frame.filename]
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "outside"
    return f"{type(error).__name__} ({where})"


def prepare(reader: Reader, folder: Path) -> None:
    """Write the files beside the damaged file."""
    for name, content in reader.beside.items():
        (folder / name).write_bytes(content)


def fuzz(reader: Reader, n_inputs: int, source: random.Random, folder: Path) -> Findings:
    """Read this many damaged files."""
    findings = Findings(n_inputs)
    prepare(reader, folder)
    for seed in range(len(reader.seeds)):
        error, _ = read_damaged(reader, folder, seed, [])
        if error is not None:
            findings.others[f"a good file is refused ({seed}: {error!r})"] += 1
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for at in range(n_inputs):
        if at % _BATCH == 0:
            faulthandler.dump_traceback_later(HANGS, exit=True)
        mutations = random_mutations(source)
        start = time.process_time()
        error, content = read_damaged(reader, folder, at, mutations)
        findings.n_slow += time.process_time() - start > SLOW
        if error is None:
            continue
        if is_own(error, reader):
            findings.n_own += 1
        else:
            kind = describe(error)
            findings.others[kind] += 1
            if kind not in findings.examples or len(content) < len(findings.examples[kind]):
                findings.examples[kind] = content
    faulthandler.cancel_dump_traceback_later()
    findings.growth_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return findings


def _limit_memory() -> None:
    """Limit the address space to the space in use plus `_ROOM`."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + _ROOM, resource.RLIM_INFINITY))


def main() -> int:
    """Run the readers that are named, or all; the exit status is 1 when there is a finding."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", nargs="*", default=list(READERS), help=", ".join(READERS))
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--examples", type=Path, help="folder for the smallest input of each kind of finding")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    _limit_memory()
    print(f"| {' | '.join(_COLUMNS)} |\n{'|---' * len(_COLUMNS)}|")
    n_findings = 0
    for name in options.readers:
        start = time.monotonic()
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            report = fuzz(READERS[name], options.inputs, random.Random(f"{options.seed} {name}"), Path(folder))
        seconds = time.monotonic() - start
        counts = "; ".join(f"{kind} {count}" for kind, count in report.others.most_common(8))
        total = sum(report.others.values())
        cells = (
            name,
            report.n_inputs,
            report.n_own,
            total,
            report.n_slow,
            f"{report.growth_mb:.0f} MB",
            f"{seconds:.0f} s",
            counts,
        )
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
        n_findings += total + report.n_slow + (report.growth_mb > GREEDY)
        for at, content in enumerate(report.examples.values()) if options.examples else ():
            options.examples.mkdir(parents=True, exist_ok=True)
            (options.examples / f"{at}-{READERS[name].file}").write_bytes(content)
    return int(n_findings > 0)


if __name__ == "__main__":
    sys.exit(main())
