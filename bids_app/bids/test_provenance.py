import os
from pathlib import Path

import numpy as np
import pytest

from bids_app.bids.conftest import TinyDataset, write_nifti
from bids_app.bids.dataset import open_dataset
from bids_app.bids.errors import DatasetError
from bids_app.bids.provenance import FileRecord, files_of_run, find_changes, record_files

RUN = "sub-001_task-pieman_run-1"
VOLUME = f"{RUN}_space-MNI152NLin6Asym_desc-preproc_bold.nii.gz"


def make(folder: Path, *contents: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"file{i}" for i in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_text(content)
    return paths


def test_records_say_what_was_read(tmp_path: Path) -> None:
    (path,) = make(tmp_path / "raw" / "sub-1", "abc")
    (record,) = record_files([path, path], {"raw": tmp_path / "raw"})
    assert record == FileRecord(
        "bids:raw:sub-1/file0",
        3,
        path.stat().st_mtime_ns,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",  # of "abc", from FIPS 180-2
    )
    assert (record.key, record.name) == ("sub-1/file0", "file0")
    with pytest.raises(DatasetError, match="nothing does not exist"):
        record_files([tmp_path / "nothing"], {})


def test_only_other_content_is_a_change(tmp_path: Path) -> None:
    root = tmp_path / "data"
    links = {"raw": root}
    paths = make(root, "one", "two", "three")
    recorded = record_files(paths, links)
    assert find_changes(recorded, paths, links) == []
    for path in paths:
        os.utime(path, (0, 0))
    assert find_changes(recorded, paths, links) == []
    moved = root.rename(tmp_path / "elsewhere")
    assert find_changes(recorded, make(moved, "one", "two", "three"), {"other": moved}) == []
    assert find_changes(recorded, make(moved / "below", "one", "two", "three"), {"raw": moved}) == []


def test_every_change_is_named(tmp_path: Path) -> None:
    links = {"raw": tmp_path}
    first, second, third = make(tmp_path, "one", "two", "three")
    recorded = record_files([first, second, third], links)
    first.write_text("ONE")
    second.write_text("longer")
    (late,) = make(tmp_path / "late", "new")
    assert find_changes(recorded, [first, second, late], links) == [
        "the content of bids:raw:file0 has changed since",
        "bids:raw:file1 has changed since (3 bytes then, 6 now)",
        "bids:raw:late/file0 was not read before",
        "bids:raw:file2 is no longer read",
    ]


def test_a_table_that_was_corrected_with_its_size_and_time_kept_is_a_change(tmp_path: Path) -> None:
    (path,) = make(tmp_path, "one")
    recorded = record_files([path], {"raw": tmp_path})
    path.write_text("two")
    os.utime(path, ns=(recorded[0].modified, recorded[0].modified))
    assert find_changes(recorded, [path], {"raw": tmp_path}) == ["the content of bids:raw:file0 has changed since"]


def test_files_that_change_places_are_changes(tmp_path: Path) -> None:
    first, second = make(tmp_path, "one", "two")
    recorded = record_files([first, second], {"raw": tmp_path})
    first.write_text("two")
    second.write_text("one")
    assert len(find_changes(recorded, [first, second], {"raw": tmp_path})) == 2


def test_all_files_of_a_run(tiny: TinyDataset) -> None:
    tiny.raw(RUN, repetition_time=None)
    mask = VOLUME.replace("preproc_bold", "brain_mask")
    confounds = f"{RUN}_desc-confounds_timeseries.tsv"
    root = tiny.derivative("prep", [VOLUME, mask, confounds, confounds.replace(".tsv", ".json")])
    folder = root / "sub-001" / "func"
    write_nifti(folder / VOLUME, np.ones((2, 2, 2, 4), dtype=np.float32), repetition_time=1.5)
    beside = folder / VOLUME.replace(".nii.gz", ".json")
    beside.write_text('{"SkullStripped": true}')
    inherited = tiny.root / "task-pieman_bold.json"
    inherited.write_text('{"RepetitionTime": 1.5}')
    (run,) = open_dataset(tiny.root).runs("001").runs
    names = [VOLUME, mask, confounds, confounds.replace(".tsv", ".json"), beside.name]
    expected = {folder / name for name in names} | {run.events, inherited}
    assert set(files_of_run(run, tiny.root)) == expected
    without = {path for path in expected if "confounds" not in path.name}
    assert set(files_of_run(run, tiny.root, with_confounds=False)) == without
    beside.write_text('{"RepetitionTime": 1.5}')  # compared with what is inherited
    assert set(files_of_run(run, tiny.root)) == expected


def test_tables_of_parcels_belong_to_their_run(tiny: TinyDataset) -> None:
    tiny.raw(RUN)
    root = tiny.derivative("prep", [f"{RUN}_seg-Yeo_timeseries.tsv"])
    for name in ("seg-Yeo_dseg.tsv", "atlas-Other_dseg.tsv"):
        (root / name).write_text("index\tname\n1\tA\n")
    (run,) = open_dataset(tiny.root).runs("001").runs
    assert {path.name for path in files_of_run(run, tiny.root)} == {
        *(f"{RUN}_seg-Yeo_timeseries.tsv", f"{RUN}_events.tsv", f"{RUN}_bold.json", "seg-Yeo_dseg.tsv")
    }


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "bold")
    with pytest.raises(DatasetError, match="is a pipe or a device"):
        record_files([tmp_path / "bold"], {})
