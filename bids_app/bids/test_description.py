import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bids_app.bids import derivatives
from bids_app.bids.catalogue_text import readme
from bids_app.bids.container import CONTAINER_TAG
from bids_app.bids.description import write_dataset_description
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry, VolumeGeometry
from bids_app.bids.geometry_base import Geometry

GEOMETRIES: list[Geometry] = [
    SurfaceGeometry("fsaverage5", 5, 6),
    VolumeGeometry("MNI152NLin6Asym", np.diag([4.0, 4, 4, 1]), np.ones((3, 4, 5), dtype=bool)),
    ParcelGeometry("Brennan2016", ("LATL", "RATL"), ("Default", "")),
]


def _sidecar(path: Path, **more: object) -> None:
    derivatives.write_sidecar(path, ["bids:raw:sub-001/func/x_bold.nii.gz"], {"atoms": 64}, extra=more)


def _write_maps(out_dir: Path, sub: dict[str, str]) -> None:
    kinds = [("atoms", "beta", 2), ("atoms", "q", 1), ("brainscore", "r", 1), ("noiseceiling", "r", 1)]
    kinds += [("forecast", "r", 3), ("forecastdistance", "d", 1)]
    for geometry in GEOMETRIES:
        for desc, stat, n_maps in kinds:
            entities = sub | geometry.space_entities() | {"model": "gpt2", "stat": stat, "desc": desc}
            target = derivatives.output_path(out_dir, entities)
            for path in geometry.save(np.ones((n_maps, geometry.n_targets)), target):
                _sidecar(path, Maps=[str(i) for i in range(n_maps)], RepetitionTime=1.5)
        for desc in ("atoms", "subgroups"):
            entities = sub | geometry.space_entities() | {"model": "gpt2", "desc": desc}
            path = derivatives.output_path(out_dir, entities, "networks", ".tsv")
            derivatives.write_table(path, pd.DataFrame({"atom": [1], "dice": [np.nan]}))
            derivatives.write_sidecar(path, [], {}, columns={"atom": "Number of the atom", "dice": "Dice coefficient"})


def write_sample(out_dir: Path, raw: Path) -> None:
    """One of every kind of file that OUT_DIR may hold."""
    write_dataset_description(out_dir, {"raw": raw, "fmriprep": raw / "derivatives" / "fmriprep"}, ())
    _write_maps(out_dir, {"sub": "001", "task": "pieman", "run": "1"})
    _write_maps(out_dir, {"sub": "002", "ses": "a"})
    _write_maps(out_dir, {"task": "pieman"})
    atoms = derivatives.stimulus_path(
        out_dir, "pieman_audio", {"model": "gpt2", "desc": "atoms"}, "timeseries", ".tsv.gz"
    )
    derivatives.write_table(atoms, pd.DataFrame({"atom1": [0.5, 1.0], "atom2": [0.0, 2.0]}))
    derivatives.write_sidecar(atoms, [], {}, columns={"atom1": "Atom 1", "atom2": "Atom 2"})
    loadings = out_dir / "model-gpt2_desc-atoms_loadings.parquet"
    derivatives.write_parquet(loadings, pd.DataFrame({"neuron": [1], "loading": [0.5]}))
    _sidecar(loadings)
    derivatives.write_table(out_dir / "group" / "model-comparison.tsv", pd.DataFrame({"model": ["gpt2"]}))
    for name in ("sub-001.html", "group.html", "sub-001/figures/a.svg", "logs/CITATION.md", "logs/settings.toml"):
        (out_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (out_dir / name).write_text("text\n")


def test_the_bids_validator_accepts_every_kind_of_output(tmp_path: Path) -> None:
    validator = shutil.which("bids-validator-deno", path=Path(sys.executable).parent)
    if validator is None:
        pytest.skip("bids-validator-deno is not installed")
    write_sample(tmp_path / "out", tmp_path / "raw")
    command = [validator, str(tmp_path / "out"), "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    issues = json.loads(done.stdout)["issues"]["issues"]
    print(*issues, sep="\n")
    assert [issue for issue in issues if issue["severity"] == "error"] == []


def _description(out_dir: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out_dir / "dataset_description.json").read_text())
    return content


def test_description_names_what_was_read_and_what_wrote_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, out_dir = tmp_path / "raw", tmp_path / "out"
    raw.mkdir()
    (raw / "dataset_description.json").write_text('{"DatasetDOI": "10.18112/openneuro.ds002345.v1.1.4"}')
    monkeypatch.setenv(CONTAINER_TAG, "neurons2networks:0.1.0")
    write_dataset_description(out_dir, {"raw": raw}, ())
    content = _description(out_dir)
    (generated,) = content["GeneratedBy"]
    assert generated["Name"] == "neurons2networks"
    assert generated["Container"] == {"Type": "docker", "Tag": "neurons2networks:0.1.0"}
    doi = {"DOI": "10.18112/openneuro.ds002345.v1.1.4", "Version": "1.1.4"}
    assert content["SourceDatasets"] == [{"URL": raw.as_uri()} | doi]
    monkeypatch.delenv(CONTAINER_TAG)
    (out_dir / "README.md").write_text("mine")
    write_dataset_description(out_dir, {"fmriprep": tmp_path / "fmriprep"}, ())
    content = _description(out_dir)
    assert set(content["DatasetLinks"]) == {"raw", "fmriprep"}
    assert "Container" not in content["GeneratedBy"][0]
    assert (out_dir / "README.md").read_text() == "mine"
    whole = readme(())
    for damaged in ("", whole[:100], "\0" * len(whole)):
        (out_dir / "README.md").write_text(damaged)
        write_dataset_description(out_dir, {}, ())
        assert (out_dir / "README.md").read_text() == whole


def test_another_data_set_is_not_overwritten(tmp_path: Path) -> None:
    description = tmp_path / "dataset_description.json"
    description.write_text('{"Name": "Narratives", "BIDSVersion": "1.2.1"}')
    with pytest.raises(DatasetError, match=r"holds another data set \(Narratives\)"):
        write_dataset_description(tmp_path, {}, ())
    assert list(tmp_path.iterdir()) == [description]
