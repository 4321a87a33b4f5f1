"""Something other than a file instead of what OUT_DIR and the work directory keep; see `bad_inputs`.

A run is started again on a finished OUT_DIR: what it needs is made again, or a sentence says what to remove.
"""

import os
from pathlib import Path

from tests.bad_inputs import Case
from tests.bad_inputs_files import THINGS


def _kept(name, pattern, message="", status=0, things=("a pipe",), before=None, **more):
    """`pattern` names one file of OUT_DIR; `before`: files of OUT_DIR to be removed, so that it is needed."""

    def spoil_with(make):
        def spoil(bench):
            for path in bench.out.glob(before or "nothing"):
                path.unlink()
            path = min(path for path in bench.out.glob(pattern) if path.is_file())
            path.unlink()
            make(path)

        return spoil

    return tuple(
        Case(
            f"kept: {name}, {thing}",
            message,
            spoil_with(THINGS[thing][0]),
            status=status,
            finished=True,
            seconds=30,
            **more,
        )
        for thing in things
    )


def _crash_report(bench):
    os.mkfifo(bench.out / "logs" / "crash-20260101-000000_sub-01.txt")


def _locked(bench):
    lock: Path = bench.out / "logs" / ".lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()


ANY = ("a pipe", "a socket", "/dev/zero", "a link to nowhere")
FOLDER = {"things": ("a folder",), "message": "is a folder, must be a file", "status": 1}  # it may hold what matters
MAPS = "sub-01/func/*statmap.tsv"

CASES_OF_KEPT = (
    *_kept("a map", "sub-01/func/*stat-r_*statmap.tsv", "made again", things=ANY),
    *_kept("a map", "sub-01/func/*stat-r_*statmap.tsv", **FOLDER),
    *_kept("marker", "logs/complete/sub-01*_complete.json", **FOLDER),
    *_kept("json of a map", "sub-01/func/*stat-r_*statmap.json", "made again"),
    *_kept("marker", "logs/complete/sub-01*_complete.json", "", things=ANY),
    *_kept("settings of an analysis", "logs/complete/*settings.json", ""),
    *_kept("settings of a run", "logs/*participant.toml", ""),
    *_kept("dataset_description.json", "dataset_description.json", THINGS["a pipe"][1], status=1),
    *_kept("README.md", "README.md"),
    *_kept("activations", ".work/activations/*/layer-*.npy", "made again", before=MAPS),
    *_kept("description of activations", ".work/activations/*/activations.json", "made again", before=MAPS),
    *_kept("manifest of activations", ".work/activations/*/manifest.json", "made again", before=MAPS, things=ANY),
    *_kept("pointer to activations", ".work/activations/requests/*[0-9a-f]", "", before=MAPS, things=ANY),
    *_kept("manifest of a pointer", ".work/activations/requests/*.manifest.json", "made again", before=MAPS),
    *_kept("design", ".work/designs/*.npz", "", before=MAPS, things=ANY),
    *_kept("manifest of a design", ".work/designs/*.npz.manifest.json", "made again", before=MAPS, things=ANY),
    *_kept("manifest of a design", ".work/designs/*.npz.manifest.json", before=MAPS, **FOLDER),
    *_kept("hashes of a model", ".work/activations/models/*.json", ""),
    *_kept("a map, for the group", "sub-01/func/*stat-r_*statmap.tsv", "sub-01", level="group", status=1, things=ANY),
    *_kept("a json, for the group", "sub-01/func/*stat-r_*statmap.json", "sub-01", level="group", status=1),
    *_kept("a marker, for the group", "logs/complete/sub-01*_complete.json", "not known to be complete", level="group"),
    *_kept("a map of the group", "group/*statmap.tsv", "", level="group", things=ANY),
    *_kept("a map of the group", "group/*statmap.tsv", level="group", **FOLDER),
    Case("kept: crash report, a pipe", "", _crash_report, status=0, finished=True, seconds=30),
    Case(
        "kept: crash report for the group, a pipe",
        "",
        _crash_report,
        status=0,
        level="group",
        finished=True,
        seconds=30,
    ),
    Case("kept: lock, a folder", "is a folder, must be a file|lock", _locked, finished=True, seconds=30),
)
