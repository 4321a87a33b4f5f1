import json
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bids_app.atomic import atomic_path, write_text
from bids_app.bids import derivatives
from bids_app.bids.errors import DatasetError

ENTITIES = {"desc": "atoms", "stat": "r", "model": "gpt2", "space": "fsaverage6", "run": "1", "task": "pieman"}


def test_names_and_places_of_outputs() -> None:
    name = "task-pieman_run-1_space-fsaverage6_model-gpt2_stat-r_desc-atoms_statmap"
    assert derivatives.map_name(ENTITIES | {"sub": "001"}) == f"sub-001_{name}"
    out = Path("out")
    assert derivatives.output_path(out, ENTITIES | {"sub": "001"}) == out / "sub-001/func" / f"sub-001_{name}"
    session = derivatives.output_path(out, ENTITIES | {"sub": "001", "ses": "a"}, extension=".nii.gz")
    assert session == out / "sub-001/ses-a/func" / f"sub-001_ses-a_{name}.nii.gz"
    assert derivatives.output_path(out, ENTITIES, extension=".nii.gz") == out / "group" / f"{name}.nii.gz"
    parcels = {"sub": "1", "seg": "Tiny", "model": "m", "hemi": "L", "desc": "atoms"}
    assert derivatives.map_name(parcels, "networks") == "sub-1_hemi-L_seg-Tiny_model-m_desc-atoms_networks"
    atoms = derivatives.stimulus_path(out, "a_audio", {"model": "m", "desc": "atoms"}, "timeseries", ".tsv.gz")
    assert atoms == out / "stimuli" / "a_audio_model-m_desc-atoms_timeseries.tsv.gz"


def test_bids_uris(tmp_path: Path) -> None:
    links = {"raw": tmp_path, "fmriprep": tmp_path / "derivatives" / "fmriprep", "": tmp_path / "out"}
    (tmp_path / "sub-1").mkdir()
    link = tmp_path / "sub-1" / "x.nii.gz"
    link.symlink_to(".git/annex/objects/y")
    assert derivatives.bids_uri(link, links) == "bids:raw:sub-1/x.nii.gz"
    assert derivatives.bids_uri(tmp_path / "derivatives/fmriprep/a b.nii", links) == "bids:fmriprep:a b.nii"
    assert derivatives.bids_uri(tmp_path / "out" / "sub-1" / "y.tsv", links) == "bids::sub-1/y.tsv"
    assert derivatives.bids_uri(Path("/elsewhere/align.csv"), links) == "file:///elsewhere/align.csv"


def test_sidecar(tmp_path: Path) -> None:
    path = tmp_path / "sub-1_stat-r_statmap.func.gii"
    settings = {"alphas": np.logspace(0, 1, 2), "folds": np.int64(5), "path": Path("a"), "tasks": ("x",), "bad": np.nan}
    sidecar = derivatives.write_sidecar(
        path, ["bids:raw:x"], settings, units="arbitrary", extra={"Maps": ["atom1"]}, description="Held-out r"
    )
    assert sidecar.name == "sub-1_stat-r_statmap.json"
    content = json.loads(sidecar.read_text())
    assert content["Settings"] == {"alphas": [1.0, 10.0], "folds": 5, "path": "a", "tasks": ["x"], "bad": None}
    assert (content["Units"], content["Maps"], content["Sources"]) == ("arbitrary", ["atom1"], ["bids:raw:x"])
    assert {"neurons2networks", "numpy", "pybids"} <= set(content["SoftwareVersions"])
    assert derivatives.read_sidecar(path) == content


@pytest.mark.parametrize("extension", [".tsv", ".tsv.gz"])
def test_tables(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a_timeseries{extension}"
    table = pd.DataFrame({"network": ["NA", "Vis"], "p": [np.nan, 0.1 + 0.2], "n": [1, 2]})
    derivatives.write_table(path, table)
    if extension == ".tsv":
        assert path.read_text().splitlines()[:2] == ["network\tp\tn", "NA\tn/a\t1"]
    else:
        with pytest.raises(DatasetError, match=r"must list the Columns of a_timeseries\.tsv\.gz"):
            derivatives.read_table(path)
    derivatives.write_sidecar(path, [], {}, columns={"network": "Its name", "p": "p-value", "n": "Number"})
    assert json.loads((tmp_path / "a_timeseries.json").read_text())["p"] == {"Description": "p-value"}
    pd.testing.assert_frame_equal(derivatives.read_table(path), table)
    if extension == ".tsv.gz":  # no time stamp in the header: the same table gives the same bytes
        assert path.read_bytes()[4:8] == bytes(4)


def test_names_that_look_like_numbers_stay_names(tmp_path: Path) -> None:
    """Otherwise the network "01" of a table is not that of the atlas."""
    table = pd.DataFrame({"network": ["01", "02"], "region": ["1e3", None], "p": [0.1, 0.2]})
    path = derivatives.write_table(tmp_path / "a_networks.tsv", table)
    found = derivatives.read_table(path)
    assert found["network"].tolist() == ["01", "02"]
    assert found["region"].isna().tolist() == [False, True]
    assert found["region"][0] == "1e3"


def test_parquet(tmp_path: Path) -> None:
    table = pd.DataFrame({"neuron": [1, 2], "loading": np.array([0.5, 0.25], dtype=np.float32)})
    path = derivatives.write_parquet(tmp_path / "a" / "model-m_desc-atoms_loadings.parquet", table)
    pd.testing.assert_frame_equal(pd.read_parquet(path), table)
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.txt", "earlier")

    def fail() -> None:
        with atomic_path(path) as partial:
            partial.write_text("half")
            assert partial.suffix == ".txt"
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError, match="crash"):
        fail()
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """Who has the earlier file open reads all of it: the new one takes its name, it is not written over it."""
    path = write_text(tmp_path / "a.txt", "earlier")
    with path.open() as reader:
        write_text(path, "later and longer")
        assert reader.read() == "earlier"
    assert path.read_text() == "later and longer"


def test_many_writers_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    contents = [{"a": [letter] * 20_000} for letter in "wxyz"]
    writers = [threading.Thread(target=derivatives.write_json, args=(path, content)) for content in contents]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert json.loads(path.read_text()) in contents
    assert list(path.parent.iterdir()) == [path]
