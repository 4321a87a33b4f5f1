"""Damage each kind of file that a run writes, rerun, and check that the damage is noticed. By hand, not in CI.

python -m tests.damage_test FOLDER [--kinds surface parcels] [--ways cut zeroed removed flipped] [--only WORDS]

FOLDER gets a demo data set and a finished run of each kind (as those of `tests.kill_test`, and used again). Of each
kind of file (the same name but for participant, task, hemisphere, story and key) one is cut to half, overwritten with
zeros, removed, or gets one other bit, its time kept. Then the same commands run again: files of OUT_DIR in place, files
of the work directory into an empty OUT_DIR, which makes the run read them. All files must come out with the bytes of
before (reports: be there, and be no longer what they were), or an error must name the damaged file or its analysis.
Files of different artefacts are damaged together, which saves hours; where such a run fails, half of them, down to
one. Prints a table of the runs; exits with 1 when something went unnoticed.
"""

import argparse
import os
import re
import shutil
import sys
from functools import partial
from itertools import cycle
from pathlib import Path

from tests.kill_test import command, complete, contents, make_data, reference

WAYS = ("cut", "zeroed", "removed", "flipped")
IN_NAMES = re.compile(
    r"(sub|task|hemi)-[A-Za-z0-9]+_?|[0-9a-f]{20,}|\d{8}T\d{12}-[0-9a-f]+|(orchard|lighthouse)[-_]audio"
)
NUMBERS = re.compile(r"(?<=layer-)\d+|sub-\d+")
STOPS = re.compile(r"^dataset_description|_settings.json$")  # a run may refuse to begin: alone
EMPTY_BY_NATURE = re.compile(r"\.lock$|\.running$|/cache/")


def kind_of(path):
    """The key that files of the same kind share."""
    return NUMBERS.sub("N", IN_NAMES.sub("", path.as_posix()))


def artefact_of(path):
    """The artefact of a file, recomputed as a whole; files of OUT_DIR that every run rewrites are their own."""
    name, folder = path.name, path.parts[0]
    if folder == ".work":
        return path.parent if re.search(r"/[0-9a-f]{40}/|/dictionaries/", path.as_posix()) else name.partition(".")[0]
    match = re.match(r"(sub-\d+)_(task-[a-z]+)?.*desc-([a-z]+)_", name)
    if match and path.parent.name in ("func", "complete"):
        desc = "families" if match[3] in ("subgroups", "organisation") else match[3]
        return (match[1], match[2], desc)
    of_dictionary = folder == "stimuli" or re.match(r"model-.*(loadings|families|members|complete)", name)
    return "dictionary" if of_dictionary else path


def batches(out, only=""):
    """Lists of files to damage together: one of each kind, and at most one of each artefact in a list."""
    kinds: dict[tuple[bool, object], list[Path]] = {}
    for path in sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file() and path.stat().st_size):
        if not EMPTY_BY_NATURE.search(path.as_posix()) and re.search(only, path.as_posix()):
            kinds.setdefault((path.parts[0] == ".work", kind_of(path)), []).append(path)
    artefacts: list[tuple[bool | None, list[Path]]] = []
    for (in_work, _), paths in sorted(kinds.items()):
        for work, batch in artefacts:
            if STOPS.search(paths[0].name):
                continue
            free = [path for path in paths if artefact_of(path) not in map(artefact_of, batch)]
            if work == in_work and free:
                batch.append(free[len(batch) % len(free)])
                break
        else:
            artefacts.append((None if STOPS.search(paths[0].name) else in_work, [paths[0]]))
    return [batch for _, batch in artefacts]


def damage(path, way):
    """Damage a file but keep its time stamp, as a disk error does. Returns its bytes; None if the file is removed."""
    state, content = path.stat(), bytearray(path.read_bytes())
    if way == "removed":
        path.unlink()
        return None
    if way == "cut":
        content = content[: len(content) // 2]
    elif way == "zeroed":
        content = bytearray(len(content))
    else:
        content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    return bytes(content)


def trial(finished, out, batch, ways, run):
    """Damage some files of a copy `out` of a finished OUT_DIR, each in the next of the ways, and run again.

    `run(level)` gives the status and the output. Returns what went unnoticed (a list), what was reported of the damage,
    and whether a run failed.
    """
    expected = contents(finished)
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(finished, out)
    damaged = {path: damage(out / path, way) for path, way in zip(batch, cycle(ways), strict=False)}
    if batch[0].parts[0] == ".work":
        for other in out.iterdir():
            if other.name != ".work":
                shutil.rmtree(other) if other.is_dir() else other.unlink()
    output = ""
    for level in ("participant", "group"):
        status, text = run(level)
        output += text
        if status:
            return _unclear(level, status, text, batch), text[-400:], True
    files = contents(out)
    problems = [f"{name} differs" for name in expected if files.get(name) != expected[name]]
    problems += [f"{name} is new" for name in files if name not in expected]
    for path, content in damaged.items():
        # What was once asked for, which nobody reads again; settings, which are read when something is to be computed.
        is_record = path.parts[0] == "logs" and (path.suffix == ".toml" or path.name.endswith("_settings.json"))
        if path.parts[0] == ".work" or is_record:
            continue
        if not (out / path).exists():
            problems.append(f"{path} is gone")
        elif content is not None and (out / path).read_bytes() == content:
            problems.append(f"{path} stays damaged")
    return problems, _told(output), False


def _unclear(level, status, output, batch):
    """Shortcomings of the way a run failed."""
    problems = ["a traceback or an error of its own"] * ("Traceback" in output or "neurons2networks itself" in output)
    if not any(path.name.partition(".")[0].removesuffix("_complete") in output for path in batch):
        problems.append("no damaged file is named")
    return [f"{level}: status {status}, {problem}: {output[-600:]}" for problem in problems]


def _told(output):
    return " / ".join(line.partition(" ")[2] for line in output.splitlines() if "again" in line)


def _run_level(folder, kind, out, level):
    status, _, output = complete(command(folder, kind, out, level, 1), most=10**6)
    return status, output


def main():
    """Print the table; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kinds", nargs="+", default=["surface", "parcels"])
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    parser.add_argument("--only", default="", help="regular expression of the files to damage")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    make_data(folder)
    import bids_app.run.participant  # noqa: F401  once, for all the processes that are forked

    wrong = number = 0
    print("| data | damage | files | went wrong | was logged |\n|---|---|---|---|---|", flush=True)
    for kind in arguments.kinds:
        out = folder / f"reference-{kind}"
        reference(folder, kind)
        copy = folder / f"damaged-{kind}-{os.getpid()}"
        run = partial(_run_level, folder, kind, copy)
        lists = batches(out, arguments.only)
        for way in arguments.ways:
            waiting = list(lists)
            while waiting:
                batch = waiting.pop(0)
                problems, notices, has_failed = trial(out, copy, batch, [way], run)
                if has_failed and len(batch) > 1:
                    middle = len(batch) // 2
                    waiting[:0] = [batch[:middle], batch[middle:]]
                    continue
                number, wrong = number + len(batch), wrong + bool(problems)
                cells = (kind, way, ", ".join(map(str, batch)), "; ".join(problems[:5]) or "–", notices)
                print(f"| {' | '.join(cell.replace(chr(10), ' ') for cell in cells)} |", flush=True)
    print(f"\n{number} damaged, {wrong} runs with something unnoticed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
