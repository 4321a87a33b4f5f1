from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from bids_app.bids.derivatives import write_sidecar
from bids_app.bids.geometry import SurfaceGeometry, VolumeGeometry
from bids_app.bids.geometry_base import Geometry
from bids_app.report.page import Page
from bids_app.report.regions import atlas_colours, network_regions
from bids_app.report.results import Results

NAMES = ["DefaultA", "DefaultB", "Limbic"]
COLOURS = [[1.0, 1.0, 0.0], [0.8039, 0.2431, 0.3059], [0.8627, 0.9725, 0.6431]]
HEXADECIMAL = {"DefaultA": "#ffff00", "DefaultB": "#cd3e4e", "Limbic": "#dcf8a4"}
SURFACE = SurfaceGeometry("fsaverage5", 4, 4)


def keep(
    out_dir: Path, geometry: Geometry = SURFACE, colours: list[list[float]] | None = COLOURS
) -> npt.NDArray[np.int64]:
    """Keep an atlas as a run does."""
    space = "_".join(f"{key}-{value}" for key, value in geometry.space_entities().items())
    target = out_dir / "atlases" / f"{space}_desc-atlas_dseg"
    for path in geometry.paths(target):
        write_sidecar(path, [], {}, extra={"Networks": NAMES, "Colours": colours, "Atlas": "x"})
    labels = np.resize([0, 1, 2, 3], geometry.n_targets)
    geometry.save(labels[None].astype(np.float32), target, ["network"])
    return labels


def test_networks_have_the_colours_of_the_atlas_of_their_space(tmp_path: Path) -> None:
    keep(tmp_path)
    entities = {"task": "tale", "space": "fsaverage5", "model": "m"}
    assert atlas_colours(tmp_path, entities) == HEXADECIMAL
    for other in ({"space": "fsaverage6"}, {"space": "fsaverage5", "den": "10k"}, {"seg": "parcels"}, {"task": "tale"}):
        assert atlas_colours(tmp_path, other) == {}
    colours = Page(tmp_path, tmp_path, None).network_colours(Results(entities, ()), ["Limbic", "Mine"])
    assert colours == {"Limbic": "#dcf8a4", "Mine": "#4e79a7"}


@pytest.mark.parametrize("colours", [None, [[0.0, 0.0, 0.0]] * 3])
def test_an_atlas_whose_colours_tell_nothing_leaves_the_palette(
    tmp_path: Path, colours: list[list[float]] | None
) -> None:
    keep(tmp_path, colours=colours)
    assert atlas_colours(tmp_path, {"space": "fsaverage5"}) == {}


def test_the_space_of_the_scanner_has_an_atlas_of_its_own(tmp_path: Path) -> None:
    keep(tmp_path)
    geometry = VolumeGeometry(None, np.eye(4), np.ones((2, 2, 2), dtype=bool))
    assert atlas_colours(tmp_path, {"task": "tale"}) == network_regions(tmp_path, geometry) == {}
    labels = keep(tmp_path, geometry, COLOURS[::-1])
    assert atlas_colours(tmp_path, {"task": "tale"})["DefaultA"] == "#dcf8a4"
    regions = network_regions(tmp_path, geometry)
    assert {name: where.sum() for name, where in regions.items()} == dict(
        zip(NAMES, np.bincount(labels)[1:], strict=True)
    )
    assert network_regions(tmp_path, SURFACE)["Limbic"].sum() == 2
