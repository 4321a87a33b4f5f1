"""A small OUT_DIR with known values, written with the writers of `bids_app.bids`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from bids_app.bids.derivatives import output_path, write_sidecar, write_table
from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry
from bids_app.bids.geometry_base import Geometry
from bids_app.report.results import Maps, Results

Array = npt.NDArray[Any]

NETWORKS = ("Visual", "Default", "A & <b>")
N = 10_242


def maps_of(results: Results, desc: str, stat: str) -> Maps:
    """The maps of a result that must be there."""
    maps = results.maps(desc, [stat])
    assert maps is not None
    return maps


def map_of(results: Results, desc: str, stat: str, name: str) -> Array:
    """The map (n_targets,) of a result that must be there."""
    values = maps_of(results, desc, stat).named(name)
    assert values is not None
    return values


def table_of(results: Results, desc: str) -> pd.DataFrame:
    """A table that must be there."""
    table = results.table(desc)
    assert table is not None
    return table


def links_table(
    n_atoms: int = 4,
    linked: Sequence[tuple[int, str, str]] = ((1, "Default", "active"), (2, "Visual", "deactive")),
) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows: list[dict[str, Any]] = [
        {"atom": atom + 1, "network": network, "part": part, "dice": rng.uniform(0, 0.2), "p": 0.5, "q": 0.5}
        for atom in range(n_atoms)
        for network in NETWORKS
        for part in ("active", "deactive")
    ]
    for row in rows:
        row["linked"] = (row["atom"] - 1, row["network"], row["part"]) in linked
        if row["linked"]:
            row["dice"] = 0.5 + 0.1 * row["atom"]
    return pd.DataFrame(rows)


def subgroups_table() -> pd.DataFrame:
    neurons = {"Visual": (6, 2), "Default": (0, 4), "A & <b>": (0, 0)}
    return pd.DataFrame(
        [
            {
                "network": name,
                "model": "gpt2",
                "layer": i + 1,
                "neurons": n,
                "size": sum(ns),
                "layer_concentration": 0.2,
            }
            for name, ns in neurons.items()
            for i, n in enumerate(ns)
        ]
    )


def scores_table() -> pd.DataFrame:
    regions = ("all", *NETWORKS)
    return pd.DataFrame(
        [
            {"map": f"layer-{layer:02d}", "region": region, "mean": 0.1 * layer, "low": 0.0, "high": 0.4, "p": 0.1}
            | {"participants": 3}
            for layer in (1, 2)
            for region in regions
        ]
    )


class Writer:
    """Writes maps and tables of one participant (or the group) as a run does."""

    def __init__(self, out_dir: Path, geometry: Geometry, participant: str | None = "001") -> None:
        subject = {"sub": participant} if participant else {}
        self.out_dir, self.geometry = out_dir, geometry
        self.entities = {**subject, "task": "pieman", **geometry.space_entities(), "model": "gpt2"}

    def maps(self, desc: str, stat: str, values: Array, names: Sequence[str] | None = None, model: bool = True) -> None:
        entities = {**self.entities, "stat": stat, "desc": desc}
        if not model:
            del entities["model"]
        for path in self.geometry.save(values, output_path(self.out_dir, entities), names):
            write_sidecar(path, [], {}, extra={"Maps": list(names)} if names else {})

    def table(self, desc: str, table: pd.DataFrame) -> None:
        write_table(output_path(self.out_dir, {**self.entities, "desc": desc}, "networks", ".tsv"), table)


def write_surface(out_dir: Path) -> None:
    """One participant on fsaverage5 with everything; layer 2 is better than layer 1."""
    rng = np.random.default_rng(0)
    write = Writer(out_dir, SurfaceGeometry("fsaverage5", N, N))
    r = np.stack([rng.normal(0.0, 0.02, 2 * N), rng.normal(0.1, 0.02, 2 * N)]).astype(np.float32)
    r[:, :100] = np.nan
    layers = ["layer-01", "layer-02"]
    write.maps("brainscore", "r", r, layers)
    write.maps("brainscore", "q", np.where(r > 0.1, 0.01, 0.5), layers)
    write.maps("brainscore", "layer", np.where(np.isnan(r[:1]), np.nan, 2.0))
    write.maps("noiseceiling", "r", 2 * r[1:], ["ceiling"], model=False)
    write.maps("atoms", "z", rng.standard_normal((4, 2 * N)), [f"atom-{n:02d}" for n in range(1, 5)])
    write.maps("atoms", "r", r[1:] / 2, ["r"])
    write.table("atoms", links_table())
    write.table("subgroups", subgroups_table())
    (out_dir / "logs").mkdir()
    (out_dir / "logs" / "1_participant.toml").write_text('threshold = 2.0\nmodel = ["<gpt2>"]\n')
    (out_dir / "logs" / "CITATION.md").write_text("# Methods\n\nWe & they.\n")


@pytest.fixture
def surface_out(tmp_path: Path) -> Path:
    """The OUT_DIR of `write_surface`."""
    write_surface(tmp_path)
    return tmp_path


@pytest.fixture
def parcels_out(tmp_path: Path) -> Path:
    """A group on six parcels with a brain score alone."""
    write = Writer(tmp_path, ParcelGeometry("alice", ("a", "b", "c", "d", "e", "f & g")), participant=None)
    write.maps("brainscore", "mean", np.array([[0.1, 0.3, np.nan, 0.2, -0.1, 0.0]] * 2), ["layer-01", "layer-02"])
    write.maps("brainscore", "q", np.array([[0.01, 0.01, np.nan, 0.5, 0.5, 0.5]] * 2), ["layer-01", "layer-02"])
    write.table("brainscore", scores_table())
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "crash-1_sub-33.txt").write_text("sub-33: all zeros & <broken>\n\ntraceback\n")
    return tmp_path
