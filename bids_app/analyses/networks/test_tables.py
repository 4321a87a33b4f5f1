"""Atoms and layers are counted from 0 in the package and from 1 in files, and the way back gives what was written."""

from pathlib import Path

import numpy as np
import pandas as pd

from bids_app.analyses.dictionary import Dictionary
from bids_app.analyses.networks.dictionary_files import read_members, read_n_layers
from bids_app.analyses.networks.dictionary_outputs import LOADINGS
from bids_app.analyses.networks.tables import NeuronGroups, read_links, write_links
from bids_app.analyses.networks.test_dictionary import dictionary_of, write
from bids_app.analyses.writer import Writer
from bids_app.bids.derivatives import read_sidecar, read_table
from bids_app.bids.geometry import ParcelGeometry
from bids_app.networks.correspondence import link

NETWORKS = ("Early", "Late")


def written(out_dir: Path) -> tuple[pd.DataFrame, dict[str, Path]]:
    """Links of three atoms: the second with the late network. Its strongest neurons are those of the second layer."""
    rng = np.random.default_rng(0)
    p = np.full((3, 2), 0.9)
    p[1, 1] = 0.001
    links = link({"active": p, "deactive": np.full((3, 2), 0.9)}, dict.fromkeys(("active", "deactive"), p), NETWORKS)
    loadings = np.zeros((3, 6), dtype=np.float32)
    loadings[[0, 1, 2], [0, 4, 2]] = 1
    layer_of, unit_of = np.repeat([0, 1], 3), np.tile(np.arange(3), 2)
    dictionary = Dictionary(("tale",), {}, loadings, layer_of, unit_of, {})
    groups = NeuronGroups(rng.standard_normal((20, 3)).astype(np.float32), dictionary.members, dictionary.n_layers)
    writer = Writer(out_dir, {"sub": "01", "task": "tale", "model": "m"}, [], {}, lambda: ParcelGeometry("x", ("a",)))
    write_links(writer, "atoms", links, groups)
    tables = {
        path.name.partition("desc-")[2].partition("_")[0]: path for path in writer.written if path.suffix == ".tsv"
    }
    return links, tables


def test_files_count_from_one(tmp_path: Path) -> None:
    _, tables = written(tmp_path)
    linked = read_table(tables["atoms"]).query("linked")
    assert linked[["atom", "network", "part"]].to_numpy().tolist() == [[2, "Late", "active"]]
    subgroups = read_table(tables["subgroups"]).query("neurons > 0")
    assert subgroups[["network", "layer", "neurons"]].to_numpy().tolist() == [["Late", 2, 1]]


def test_links_come_back_as_they_were(tmp_path: Path) -> None:
    links, tables = written(tmp_path)
    found = read_links(tables["atoms"])
    pd.testing.assert_frame_equal(found, links, check_dtype=False)


def test_loadings_count_atoms_and_layers_from_one_and_come_back(tmp_path: Path) -> None:
    write(tmp_path, summary={"Neurons": 6, "Layers": 2})
    (path,) = tmp_path.rglob("*_loadings.parquet")
    table = pd.read_parquet(path)
    assert set(table["atom"]) == {1, 2, 3}
    assert set(table["layer"]) == {1, 2}
    assert set(table["unit"]) == {0, 1, 2}
    expected = dictionary_of().members.sort_values(["atom", "neuron"], ignore_index=True)
    found = read_members(path).sort_values(["atom", "neuron"], ignore_index=True)
    pd.testing.assert_frame_equal(found[list(expected)], expected, check_dtype=False)
    assert read_n_layers(path) == 2
    assert set(table) == set(LOADINGS.columns)
    sidecar = read_sidecar(path)
    assert {name: sidecar[name] for name in LOADINGS.columns} == {
        name: {"Description": text} for name, text in LOADINGS.columns.items()
    }
