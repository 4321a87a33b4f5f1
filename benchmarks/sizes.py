"""Time and peak memory of the levels of a run at the sizes of real data, for docs/memory-and-time.md.

One story of 300 volumes is heard by one participant, the demo's responses repeated to the number of targets of
fsaverage5, fsaverage6 or a whole brain at 2 mm; the model has the shape of GPT-2 small. Each level is a process of its
own, so that its peak is what a cluster must grant.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
from nibabel.gifti import GiftiDataArray, GiftiImage

from benchmarks import harness
from bids_app.demo.generate import DEFAULTS, generate
from bids_app.demo.models import make_gpt2

MAPS = ("networks", "brainscore")
DEFAULT = (*MAPS, "evidence")
# Space, and edge of the cube of voxels for volumes: 61 ** 3 = 227,000 are about a brain at 2 mm.
SPACES = {"fsaverage5": 0, "fsaverage6": 0, "MNI152NLin6Asym": 61}
ROWS = (
    ("fsaverage5", MAPS),
    ("fsaverage5", DEFAULT),
    ("fsaverage6", MAPS),
    ("fsaverage6", DEFAULT),
    ("fsaverage6", ("forecast",)),
    ("MNI152NLin6Asym", MAPS),
)


def large_gpt2(data: Path, target: Path) -> None:
    """The demo's tokenizer with GPT-2 small's 12 blocks of 768 units, random weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    words = [line.split(",")[0] for line in next(data.glob("stimuli/gentle/*/align.csv")).read_text().splitlines()]
    _, tokenizer = make_gpt2([" ".join(words)])
    model = GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), bos_token_id=0, eos_token_id=0))
    tokenizer.save_pretrained(target)
    model.save_pretrained(target)


def surfaces(folder: Path, space: str) -> None:
    """Write the fsaverage5 responses beside themselves, each hemisphere repeated up to fsaverage6's vertices."""
    n_vertices = {"fsaverage5": 10_242, "fsaverage6": 40_962}[space]
    for source in folder.glob("*_space-fsaverage5_bold.func.gii"):
        rows = [np.resize(array.data, n_vertices) for array in nibabel.load(source).darrays]
        arrays = [GiftiDataArray(row, "NIFTI_INTENT_TIME_SERIES", "NIFTI_TYPE_FLOAT32") for row in rows]
        image = GiftiImage(darrays=arrays)
        target = source.with_name(source.name.replace("fsaverage5", space))
        image.to_filename(target)
        if space != "fsaverage5":
            shutil.copy(str(source).replace(".func.gii", ".json"), str(target).replace(".func.gii", ".json"))


def volume(folder: Path, space: str, edge: int) -> None:
    """Write the responses of the left hemisphere, repeated up to a cube of voxels of 2 mm."""
    source = next(folder.glob("*_hemi-L_space-fsaverage5_bold.func.gii"))
    data = np.stack([array.data for array in nibabel.load(source).darrays], axis=1)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -edge
    image = nibabel.Nifti1Image(np.resize(data, (edge**3, data.shape[1])).reshape(edge, edge, edge, -1), affine)
    image.header.set_zooms((2, 2, 2, 1.5))
    stem = source.name.replace("hemi-L_space-fsaverage5", f"space-{space}").removesuffix("_bold.func.gii")
    image.to_filename(folder / f"{stem}_desc-preproc_bold.nii.gz")
    metadata = str(source).replace(".func.gii", ".json")
    shutil.copy(metadata, folder / f"{stem}_desc-preproc_bold.json")


def measured(arguments: Sequence[str]) -> tuple[float, float]:
    """Seconds and peak memory in MB of a command of the app; RuntimeError where it fails."""
    start = time.perf_counter()
    child = os.posix_spawn(sys.executable, [sys.executable, "-m", "bids_app", *arguments], dict(os.environ))
    _, status, usage = os.wait4(child, 0)
    if status:
        raise RuntimeError(f"The run failed; what went wrong is said above: {' '.join(arguments)}")
    return time.perf_counter() - start, usage.ru_maxrss * 1024 / 1e6


def main() -> None:
    """One row per space and analysis, with the level of the stimulus first."""
    options = harness.arguments(__doc__, runs=1).parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        data, model, work = Path(scratch, "data"), Path(scratch, "gpt2"), Path(scratch, "work")
        generate(data, replace(DEFAULTS, participants=1, stories=1, spaces=("fsaverage5",)))
        large_gpt2(data, model)
        folder = next((data / "derivatives" / "fmriprep").glob("sub-*")) / "func"
        for space, edge in SPACES.items():
            volume(folder, space, edge) if edge else surfaces(folder, space)
        common = ["--model", str(model), "--work-dir", str(work), "--device", options.device, "--atlas", "none"]
        print(f"\n{harness.machine()}\n")
        harness.print_cells(["level", "space", "targets", "analysis", "time", "peak memory"])
        harness.print_cells(["---"] * 6)
        out = Path(scratch, "out")
        seconds, peak = measured([str(data), str(out), "stimulus", *common])
        harness.print_cells(["stimulus", "", "", "", f"{seconds:.0f} s", f"{peak:,.0f} MB"])
        for space, analysis in ROWS[: 1 if options.quick else None]:
            out = Path(scratch, f"out-{space}-{'-'.join(analysis)}")
            flags = ["--space", space, "--analysis", *analysis, *common]
            seconds, peak = measured([str(data), str(out), "participant", *flags])
            targets = {"fsaverage5": 20_484, "fsaverage6": 81_924}.get(space) or SPACES[space] ** 3
            cells = ["participant", space, f"{targets:,}", ", ".join(analysis)]
            harness.print_cells([*cells, f"{seconds:.0f} s", f"{peak:,.0f} MB"])


if __name__ == "__main__":
    main()
