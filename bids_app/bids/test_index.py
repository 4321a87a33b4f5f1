"""Files that are listed are those that pybids indexes."""

import os
from pathlib import Path

import pytest
from bids.layout import BIDSLayout, BIDSLayoutIndexer

from bids_app.bids.conftest import TinyDataset
from bids_app.bids.errors import DatasetError
from bids_app.bids.index import index_participant

FILES = """sub-01/func/sub-01_task-a_bold.nii.gz
sub-01/func/.hidden_bold.nii.gz
sub-01/func/notes.txt
sub-01/func/no_extension
sub-01/func/sub-02_task-a_bold.nii.gz
sub-01/func/deeper/sub-01_task-a_bold.nii.gz
sub-01/func/.git/sub-01_task-a_bold.nii.gz
sub-01/func/sub-01_task-a_meg.ds/x.res4
sub-01/func/sub-01_task-a_bold.json
sub-01/func/with a blank_bold.nii.gz
sub-01/func/\u00fcber_bold.tsv
sub-01/func/sub-01_task-a_unknown-z_space-x_hemi-L.func.gii
sub-01/func/sub-01_task-a_bold.nii.gz~
sub-01/ses-1/func/sub-01_ses-1_task-a_bold.nii.gz
sub-01/ses-1/func/deeper/x_bold.nii.gz
sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz
sub-01/ses-a_b/func/sub-01_ses-ab_task-a_bold.nii.gz
sub-01/ses-2/sub-01_ses-2_task-a_bold.nii.gz
sub-01/anat/sub-01_T1w.nii.gz
sub-01/func2/sub-01_task-q_bold.nii.gz
sub-01/sub-01_scans.tsv
sub-012/func/sub-012_task-a_bold.nii.gz
sub-a+b/func/sub-a+b_task-a_bold.nii.gz
derivatives/x/sub-01/func/sub-01_task-a_desc-x_bold.nii.gz
code/sub-01/func/sub-01_task-a_bold.nii.gz
sourcedata/sub-01/func/sub-01_task-a_bold.nii.gz
sub-01_task-x_bold.nii.gz
task-a_bold.json"""


def _whole_index(folder: Path, participant: str) -> set[Path]:
    """All files of a participant's func folders in pybids' index of everything that is not hidden."""
    layout = BIDSLayout(folder, validate=False, is_derivative=True, indexer=BIDSLayoutIndexer(index_metadata=False))
    indexed = {Path(path) for path in layout.files}
    return {path for path in indexed if _in(path, folder, participant)}


def _in(path: Path, folder: Path, participant: str) -> bool:
    first, *rest = path.relative_to(folder).parts
    rest = rest[1:] if rest and rest[0].startswith("ses-") else rest
    return first == f"sub-{participant}" and len(rest) > 1 and rest[0] == "func"


@pytest.fixture
def layout(tiny: TinyDataset) -> Path:
    root = tiny.derivative("prep", [])
    for name in FILES.splitlines():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    (root / ".bidsignore").write_text("*_bold.nii.gz\n")
    (root / "sub-01/func/sub-01_task-gone_bold.nii.gz").symlink_to("/nowhere/at/all")
    (root / "sub-01/func/sub-01_task-folder_bold.nii.gz").mkdir()
    (root / "elsewhere/func").mkdir(parents=True)
    (root / "elsewhere/func/sub-01_ses-l_task-a_bold.nii.gz").touch()
    (root / "sub-01/ses-l").symlink_to(root / "elsewhere")
    (root / "sub-01/func/linked").symlink_to(root / "sub-012/func")
    (root / "sub-03").mkdir()
    (root / "sub-03/func").symlink_to(root / "elsewhere/func")
    (root / "sub-04").symlink_to(root / "sub-012")
    (root / "sub-05").mkdir()
    return root


@pytest.mark.parametrize("participant", ["01", "012", "a+b", "03", "04", "05", "06"])
def test_the_files_are_those_of_pybids(layout: Path, tmp_path: Path, participant: str) -> None:
    listed = index_participant(layout, "prep", participant)
    assert listed == sorted(index_participant(layout, "prep", participant, tmp_path / "database"))
    assert set(listed) == _whole_index(layout, participant)
    assert len(listed) == {"01": 17, "012": 1, "a+b": 1, "03": 1, "04": 1}.get(participant, 0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read(layout: Path) -> None:
    (layout / "sub-01/func").chmod(0)
    try:
        with pytest.raises(DatasetError, match=r"sub-01/func cannot be read by this user"):
            index_participant(layout, "prep", "01")
    finally:
        (layout / "sub-01/func").chmod(0o755)
