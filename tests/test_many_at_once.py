"""Eight participant-level processes started together on one OUT_DIR and one cold cache give what one process gives."""

import html
import multiprocessing
import os
import re
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from bids_app.cli import main
from bids_app.demo.generate import DEFAULTS, generate
from tests.conftest import make_once, succeed

LABELS = tuple(f"{number:02d}" for number in range(1, 9))
QUICK = ("--atoms", "4", "--n-permutations", "20", "--n-spins", "9", "--encoding-penalty", "0.3", "--omp-nthreads", "1")
# The process that makes a shared artefact logs one of these.
MADE = ("responses of residual", "responses of ffn-out", "families of 4 atoms from", "mean response of all")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Eight participants, one short story, and a small mask."""

    def make(folder):
        small = replace(DEFAULTS, participants=8, stories=1, n_volumes=90, spaces=("MNI152NLin6Asym",))
        generate(folder / "data", small)
        for path in (folder / "data" / "derivatives" / "fmriprep").glob("sub-*/func/*_mask.nii.gz"):
            image = nibabel.load(path)
            inside = np.asarray(image.dataobj) > 0
            inside[:, : inside.shape[1] // 4] = inside[:, inside.shape[1] // 3 :] = False
            nibabel.save(nibabel.Nifti1Image(inside.astype(np.uint8), image.affine, image.header), path)

    return make_once(tmp_path_factory, "eight", make) / "data"


def options(data, out):
    atlas = next((data / "derivatives" / "atlas").glob("*MNI*_dseg.nii.gz"))
    model = data / "sourcedata" / "models" / "gpt2"
    database = ("--bids-database-dir", str(out.parent / f"{out.name}-database"))
    return (str(data), str(out), "participant", "--model", str(model), "--atlas", str(atlas), *database, *QUICK)


def participant(arguments, label, together, output):
    """One process: waits until all have started, then runs the command line."""
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT)
    os.dup2(descriptor, 2)
    together.wait()
    raise SystemExit(main([*arguments, "--participant-label", label]))


def run_together(arguments, folder):
    """Exit statuses and outputs of the processes."""
    # Each is forked from a process that has imported everything, which eight times over would take most of the time.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bids_app.run.run", "bids_app.pages.participant", "transformers.models.gpt2"])
    together = context.Barrier(len(LABELS))
    logs = [folder / f"{label}.log" for label in LABELS]
    processes = [
        context.Process(target=participant, args=(arguments, label, together, log))
        for label, log in zip(LABELS, logs, strict=True)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes], "".join(log.read_text() for log in logs)


def contents(out):
    """Bytes of every file except logs and locks, without the command line in reports."""
    files = {}
    for path in out.rglob("*"):
        name = path.relative_to(out)
        if path.is_file() and name.parts[0] != "logs" and path.suffix != ".lock" and path.name != ".running":
            of_run = rb"(out_dir|participant_label|bids_database_dir) = .*" if path.suffix == ".html" else rb"$^"
            files[str(name)] = re.sub(of_run, b"", path.read_bytes())
    return files


def test_eight_processes_give_what_one_gives(data, tmp_path):
    statuses, output = run_together(options(data, tmp_path / "together"), tmp_path)
    assert statuses == [0] * 8, output[-4000:]
    assert {made: output.count(made) for made in MADE} == dict.fromkeys(MADE, 1)
    succeed("bids_app", *options(data, tmp_path / "alone"))
    together, alone = contents(tmp_path / "together"), contents(tmp_path / "alone")
    assert sorted(together) == sorted(alone)
    assert [name for name, content in alone.items() if together[name] != content] == []
    for label in LABELS:  # the settings of its own process, not of one that started later
        page = html.unescape((tmp_path / "together" / f"sub-{label}.html").read_text())
        assert f'participant_label = ["{label}"]' in page
    assert not [name for name in together if Path(name).name.startswith(".") and Path(name).name != ".bidsignore"]
