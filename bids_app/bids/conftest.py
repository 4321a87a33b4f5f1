"""What the tests of this package share: the folder of real data, and small data sets made on the spot."""

import json
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


def from_shared(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"real data for tests are not here ({path})")
    return path


def write_gifti(path: Path, data: np.ndarray) -> None:
    arrays = [nibabel.gifti.GiftiDataArray(row.astype(np.float32)) for row in data]
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.gifti.GiftiImage(darrays=arrays).to_filename(path)


def write_nifti(path: Path, data: np.ndarray, affine: np.ndarray | None = None, repetition_time: float = 0.0) -> None:
    image = nibabel.Nifti1Image(data, np.diag([4.0, 4, 4, 1]) if affine is None else affine)
    image.header.set_xyzt_units("mm", "sec")
    if data.ndim == 4:
        image.header["pixdim"][4] = repetition_time
    path.parent.mkdir(parents=True, exist_ok=True)
    image.to_filename(path)


class TinyDataset:
    """A raw data set and derivatives, file by file; files of BOLD are empty unless a test fills them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.description(root, "raw")

    def description(self, folder: Path, kind: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        content: dict[str, object] = {"Name": folder.name, "BIDSVersion": "1.10.0", "DatasetType": kind}
        if kind == "derivative":
            content["GeneratedBy"] = [{"Name": folder.name}]
        (folder / "dataset_description.json").write_text(json.dumps(content))

    def raw(self, run: str, repetition_time: float | None = 1.5) -> None:
        folder = self.folder(self.root, run)
        (folder / f"{run}_events.tsv").write_text(
            "onset\tduration\ttrial_type\tstim_file\n0\t13\tmusic\tpieman_audio.wav\n15\t60\tstory\tpieman_audio.wav\n"
        )
        if repetition_time is not None:
            (folder / f"{run}_bold.json").write_text(json.dumps({"RepetitionTime": repetition_time}))

    def derivative(self, name: str, files: Sequence[str]) -> Path:
        root = self.root / "derivatives" / name
        self.description(root, "derivative")
        for file in files:
            (self.folder(root, file) / file).touch()
        return root

    @staticmethod
    def folder(root: Path, file: str) -> Path:
        levels = [level for level in file.split("_") if level.startswith(("sub-", "ses-"))]
        folder = root.joinpath(*levels, "func")
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@pytest.fixture
def tiny(tmp_path: Path) -> TinyDataset:
    return TinyDataset(tmp_path / "raw")


@pytest.fixture(scope="session")
def narratives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every text file of Narratives."""
    folder = tmp_path_factory.mktemp("narratives")
    with tarfile.open(from_shared("data/narratives/ds002345-metadata.tar.gz")) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="session")
def alice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real BOLD of six regions, with words in a TextGrid."""
    folder = tmp_path_factory.mktemp("alice") / "bids"
    subprocess.run([sys.executable, from_shared("tools/alice_to_bids.py"), folder], check=True, capture_output=True)
    return folder
