"""The small data sets that the bad inputs are made from: two participants, one story, a tiny model.

`regions` are tables of time series, `volumes` NIfTI images with confounds, `surfaces` pairs of GIFTI files, `cifti`
files of grayordinates, here of the cortex alone.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.cifti2 import BrainModelAxis, SeriesAxis

VOLUMES, REPETITION_TIME = 80, 2.0
STORY = (6.0, 140.0)  # onset and duration in the scan, in seconds
_TEXT = """the a small old tree river light house wind story walks sees hears and then under over near far bird
stone morning evening song water road child keeper door lamp hill boat rain cloud field garden"""
VOCABULARY = _TEXT.split()
KINDS = ("regions", "volumes", "surfaces", "cifti")
CONFOUNDS = ["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"]
GRID, N_VERTICES, N_REGIONS = (5, 5, 5), 60, 6
# Five voxels of 40 mm from ear to ear: the whole cortex lies in them.
AFFINE = np.array([[40.0, 0, 0, -80], [0, 40, 0, -100], [0, 0, 40, -60], [0, 0, 0, 1]])
_ENDINGS = {
    "regions": "seg-T_timeseries.tsv",
    "volumes": "space-MNI152NLin6Asym_desc-preproc_bold.nii.gz",
    "surfaces": "hemi-{}_space-T_bold.func.gii",
    "cifti": "space-fsLR_den-91k_bold.dtseries.nii",
}


@dataclass(frozen=True)
class Bench:
    """A copy of one of the data sets, to be damaged: usually `sub-01`; `sub-02` must stay usable."""

    root: Path
    kind: str = "regions"

    @property
    def data(self):
        return self.root / "data"

    @property
    def out(self):
        return self.root / "out"

    @property
    def deriv(self):
        return self.data / "derivatives" / "deriv"

    @property
    def model(self):
        """A copy of the model, made only for cases that damage it."""
        folder = self.root / "m"
        if not folder.exists():
            shutil.copytree(self.root.parent / "tiny", folder)
        return folder

    @property
    def align(self):
        return self.data / "stimuli" / "tale_words.tsv"

    def bold(self, label="01", hemi="L"):
        name = f"sub-{label}_task-tale_{_ENDINGS[self.kind].format(hemi)}"
        return self.deriv / f"sub-{label}" / "func" / name

    def sidecar(self, label="01"):
        return self.bold(label).with_name(self.bold(label).name.partition(".")[0] + ".json")

    def confounds(self, label="01"):
        return self.deriv / f"sub-{label}" / "func" / f"sub-{label}_task-tale_desc-confounds_timeseries.tsv"

    def mask(self, label="01"):
        return (
            self.deriv / f"sub-{label}" / "func" / f"sub-{label}_task-tale_space-MNI152NLin6Asym_desc-brain_mask.nii.gz"
        )

    def events(self, label="01"):
        return self.data / f"sub-{label}" / "func" / f"sub-{label}_task-tale_events.tsv"

    def write(self, name, content):
        """A file beside the data set; returns its path."""
        return write(self.root / name, content)


def write(path, content):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(content, bytes):
        content = (content if isinstance(content, str) else json.dumps(content)).encode()
    path.unlink(missing_ok=True)  # the copies may be links to the files of the base
    path.write_bytes(content)
    return path


def make_bases(folder):
    """Write the three data sets and the model below `folder`."""
    import torch

    from bids_app.demo.models import make_gpt2, save_model

    rng = np.random.default_rng(0)
    text = [VOCABULARY[i] for i in rng.integers(len(VOCABULARY), size=300)]
    torch.manual_seed(0)
    save_model(folder / "tiny", *make_gpt2([" ".join(text)], n_layers=2))
    for kind in KINDS:
        bench = Bench(folder / kind, kind)
        for dataset, type_of_data in ((bench.data, "raw"), (bench.deriv, "derivative")):
            content = {"Name": "made up", "BIDSVersion": "1.10.0", "DatasetType": type_of_data}
            write(dataset / "dataset_description.json", content)
        write(bench.align, word_table([(0.5 + 0.4 * n, 0.3, word) for n, word in enumerate(text)]))
        for label in ("01", "02"):
            write(bench.events(label), event_table([(*STORY, "story", "tale.wav")]))
            _write_bold(bench, label, rng)


def _write_bold(bench, label, rng):
    if bench.kind == "regions":
        write(bench.bold(label), region_table(100 + rng.standard_normal((VOLUMES, N_REGIONS))))
        write(bench.sidecar(label), {"RepetitionTime": REPETITION_TIME})
    elif bench.kind == "volumes":
        write_image(bench.bold(label), 100 + rng.standard_normal((*GRID, VOLUMES)).astype(np.float32))
        write(bench.sidecar(label), {"RepetitionTime": REPETITION_TIME})
        write_image(bench.mask(label), np.ones(GRID, dtype=np.uint8))
        write(bench.confounds(label), region_table(rng.standard_normal((VOLUMES, len(CONFOUNDS))), CONFOUNDS))
    elif bench.kind == "cifti":
        write(bench.sidecar(label), {"RepetitionTime": REPETITION_TIME})
        series = SeriesAxis(0, REPETITION_TIME, VOLUMES)
        write_cifti(bench.bold(label), 100 + rng.standard_normal((VOLUMES, 2 * N_VERTICES)), series)
    else:
        write(bench.sidecar(label), {"RepetitionTime": REPETITION_TIME})
        for hemi in "LR":
            write_gifti(bench.bold(label, hemi), 100 + rng.standard_normal((VOLUMES, N_VERTICES)).astype(np.float32))


def word_table(rows):
    return "onset\tduration\tword\n" + "".join(f"{onset:g}\t{duration:g}\t{word}\n" for onset, duration, word in rows)


def event_table(rows, header="onset\tduration\ttrial_type\tstim_file"):
    return header + "\n" + "".join("\t".join(map(str, row)) + "\n" for row in rows)


def region_table(series, names=None):
    names = names or [f"P{n}" for n in range(series.shape[1])]
    return "\t".join(names) + "\n" + "".join("\t".join(f"{value:.5g}" for value in row) + "\n" for row in series)


def write_image(path, data, repetition_time=REPETITION_TIME, affine=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    image = nib.Nifti1Image(data, AFFINE)
    if affine is not None:  # as it is, where nibabel would refuse or repair it
        image.header["srow_x"], image.header["srow_y"], image.header["srow_z"] = affine[:3]
        image.header["sform_code"], image.header["qform_code"] = 2, 0
        image = nib.Nifti1Image(data, None, image.header)
    image.header.set_xyzt_units("mm", "sec")
    if data.ndim == 4:
        image.header["pixdim"][4] = repetition_time
    nib.save(image, path)
    return path


def write_gifti(path, series):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    image = nib.GiftiImage(meta=nib.gifti.GiftiMetaData({"TimeStep": f"{1000 * REPETITION_TIME:g}"}))
    for row in series:
        image.add_gifti_data_array(nib.gifti.GiftiDataArray(row, "NIFTI_INTENT_TIME_SERIES", "NIFTI_TYPE_FLOAT32"))
    nib.save(image, path)
    return path


def write_cifti(path, values, rows):
    """Values (n_rows, 2 * N_VERTICES) of both hemispheres; `rows` is the axis of the first dimension."""
    cortex = [BrainModelAxis.from_mask(np.ones(N_VERTICES, bool), f"CORTEX_{side}") for side in ("LEFT", "RIGHT")]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    nib.Cifti2Image(np.asarray(values, np.float32), (rows, cortex[0] + cortex[1])).to_filename(path)
    return path


def copy_of(folder, kind, target):
    """A copy of the data set `kind`, open to every user of the machine."""
    shutil.copytree(folder / kind / "data", target / "data")
    return Bench(target, kind)
