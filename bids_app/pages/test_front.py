"""What the first screen knows of a place on the cortex of grayordinates."""

from pathlib import Path

import numpy as np
import pytest
from nibabel.cifti2 import BrainModelAxis

from bids_app.bids.cifti import CiftiGeometry
from bids_app.bids.derivatives import write_sidecar
from bids_app.pages.front import find_views, front
from bids_app.report.interactive import collection
from bids_app.report.interactive.maps import InteractiveMap
from bids_app.report.page import Page
from bids_app.report.panels import Panel
from bids_app.report.results import Results
from bids_app.report.scales import Scale

N = 32_492
THERE = np.arange(N) % 4 > 0  # the others are the medial wall
LEFT, RIGHT = (BrainModelAxis.from_mask(THERE, f"CORTEX_{side}") for side in ("LEFT", "RIGHT"))
WHOLE = CiftiGeometry("fsLR", "91k", LEFT + RIGHT)


def test_networks_of_grayordinates_are_those_of_their_vertices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "can_show", lambda _: True)  # its mesh comes from TemplateFlow
    labels = np.resize([0, 1, 2], WHOLE.n_targets)
    target = tmp_path / "atlases" / "space-fsLR_den-91k_desc-atlas_dseg"
    for path in WHOLE.paths(target):
        write_sidecar(path, [], {}, extra={"Networks": ["A", "B"], "Atlas": "x"})
    WHOLE.save(labels[None].astype(np.float32), target, ["network"])
    page, results = Page(tmp_path, tmp_path, None), Results({"task": "a", "space": "fsLR", "den": "91k"}, ())
    page.maps.offer(results, InteractiveMap("a", "", np.arange(float(WHOLE.n_targets)), WHOLE, Scale("r", 0, 1)))
    (view,) = find_views(page, [results], {})
    assert view.networks is not None
    assert view.networks.names == ("A", "B")
    there = np.tile(THERE, 2)
    np.testing.assert_array_equal(view.networks.labels[there], labels)
    assert (view.networks.labels[~there] == 0).all()


@pytest.mark.parametrize("with_atlas", [True, False])
def test_grayordinates_without_a_mesh_begin_with_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_atlas: bool
) -> None:
    monkeypatch.setattr(collection, "can_show", lambda _: False)
    values = np.resize([np.nan, 0.1, 0.3], WHOLE.n_targets)
    if with_atlas:  # network A holds 0.1 and B holds 0.3
        target = tmp_path / "atlases" / "space-fsLR_den-91k_desc-atlas_dseg"
        for path in WHOLE.paths(target):
            write_sidecar(path, [], {}, extra={"Networks": ["A", "B"], "Atlas": "x"})
        WHOLE.save(np.resize([0, 1, 2], WHOLE.n_targets)[None].astype(np.float32), target, ["network"])
    page, results = Page(tmp_path, tmp_path, None), Results({"task": "a", "space": "fsLR", "den": "91k"}, ())
    page.offer(results, Panel("Brain score", values), WHOLE, Scale("r", 0, 1))
    body = front(page, [results], {}).body
    means = (
        "B 0.3; A 0.1. Brain score: the 2 highest of 2 means of networks. Means are not tested."
        if with_atlas
        else "cortex left 0.2"
    )
    assert means in body
    assert "its mesh is not available" in body
