import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bids_app.bids.derivatives import output_path
from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry
from bids_app.bids.outputs import SidecarFields, each_map, find_maps, find_outputs, write_maps

SURFACE = SurfaceGeometry("fsaverage5", 4, 3)


@pytest.fixture
def out_dir(tmp_path: Path) -> Path:
    for sub in ("002", "001"):
        for task in ("pieman", "piemanpni"):
            for stat in ("r", "p"):
                entities = {"sub": sub, "task": task, "stat": stat, "desc": "atoms"}
                sidecar = SidecarFields(["bids:raw:x"], {"atoms": 2}, "Held-out r")
                write_maps(tmp_path, entities, SURFACE, np.full((2, 7), float(sub)), ["a", "b"], sidecar)
    parcels = {"sub": "003", "ses": "x", "seg": "Tiny", "stat": "r", "desc": "brainscore"}
    ParcelGeometry("Tiny", ("a", "b")).save([1, 2], output_path(tmp_path, parcels))
    SURFACE.save(np.zeros(7), output_path(tmp_path, {"task": "pieman", "space": "fsaverage5", "stat": "r"}))
    output_path(tmp_path, {"sub": "001", "desc": "atoms"}, "networks", ".tsv").write_text("atom\n1\n")
    return tmp_path


def test_maps_of_participants(out_dir: Path) -> None:
    outputs = find_maps(out_dir, "atoms", "r", task="pieman")
    assert [output.participant for output in outputs] == ["001", "002"]
    assert [path.name.split("hemi-")[1][0] for path in outputs[0].paths] == ["L", "R"]
    assert outputs[0].sidecar["Maps"] == ["a", "b"]
    assert outputs[0].entities == {
        "sub": "001",
        "task": "pieman",
        "space": "fsaverage5",
        "stat": "r",
        "desc": "atoms",
    }
    maps, geometry = outputs[1].load()
    assert geometry == SURFACE
    np.testing.assert_array_equal(maps, np.full((2, 7), 2.0))


def test_sessions_groups_and_tables(out_dir: Path) -> None:
    (parcels,) = find_maps(out_dir, "brainscore")
    assert (parcels.entities["ses"], parcels.sidecar) == ("x", {})
    assert len(find_maps(out_dir)) == 9
    assert len(find_maps(out_dir, sub="001")) == 4
    (group,) = find_maps(out_dir, level="group")
    assert group.participant is None
    (table,) = find_outputs(out_dir, "networks")
    assert table.paths[0].suffix == ".tsv"


def test_every_file_has_a_sidecar_and_every_column_a_description(tmp_path: Path) -> None:
    geometry = ParcelGeometry("Tiny", ("a", "b"), ("Vis", ""))
    sidecar = SidecarFields([], {}, "Held-out r", extra={"RepetitionTime": 1.5})
    write_maps(tmp_path, {"sub": "1", "ses": "x", "desc": "atoms"}, geometry, np.eye(2), ["atom1", "atom2"], sidecar)
    write_maps(tmp_path, {"sub": "1", "desc": "atoms"}, SURFACE, np.zeros(7), ["atom1"], sidecar)
    assert sorted(path.name for path in tmp_path.rglob("sub-1_*")) == [
        "sub-1_hemi-L_space-fsaverage5_desc-atoms_statmap.func.gii",
        "sub-1_hemi-L_space-fsaverage5_desc-atoms_statmap.json",
        "sub-1_hemi-R_space-fsaverage5_desc-atoms_statmap.func.gii",
        "sub-1_hemi-R_space-fsaverage5_desc-atoms_statmap.json",
        "sub-1_ses-x_seg-Tiny_desc-atoms_statmap.json",
        "sub-1_ses-x_seg-Tiny_desc-atoms_statmap.tsv",
    ]
    (parcels,) = find_maps(tmp_path, ses="x")
    assert {"name", "network", "atom1", "atom2"} <= set(parcels.sidecar)
    assert parcels.sidecar["Maps"] == ["atom1", "atom2"]
    assert parcels.sidecar["RepetitionTime"] == 1.5


def test_participants_are_listed_one_by_one(out_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []

    def noted(folder: Path, before: Callable[[Path], list[str]] = os.listdir) -> list[str]:
        listed.append(Path(folder).parent.name)
        return before(folder)

    monkeypatch.setattr(os, "listdir", noted)
    maps = each_map(out_dir, "atoms")
    assert next(maps).participant == "001"
    assert listed == ["sub-001"]
    assert [output.participant for output in maps] == ["001"] * 3 + ["002"] * 4
    assert list(dict.fromkeys(listed))[:2] == ["sub-001", "sub-002"]
