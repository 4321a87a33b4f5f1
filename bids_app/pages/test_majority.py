"""A group too small for a test of its mean shows the effects that at least half of its participants have."""

from pathlib import Path

import numpy as np

from bids_app.bids.geometry import ParcelGeometry
from bids_app.pages.group import write_group_report
from bids_app.report.conftest import Writer

LAYERS = ["layer-01", "layer-02"]


def test_the_page_counts_the_targets_of_the_majority_and_says_so(parcels_out: Path) -> None:
    write = Writer(parcels_out, ParcelGeometry("alice", ("a", "b", "c", "d", "e", "f & g")), participant=None)
    write.maps("brainscore", "qmajority", np.array([[0.5, 0.01, np.nan, 0.01, 0.01, 0.5]] * 2), LAYERS)
    page = write_group_report(parcels_out).read_text(encoding="utf-8")
    # of three parcels with q < 0.05, the mean of one is below 0
    assert "q &lt; 0.05 in 2 of 5 parcels, in at least half of the participants" in page
    assert "Participants are too few for a test of their mean" in page
    assert "significant in at least half of the participants in 40 % of parcels" in page
    assert "cannot show significance" not in page


def test_a_larger_group_is_tested_for_its_mean(parcels_out: Path) -> None:
    page = write_group_report(parcels_out).read_text(encoding="utf-8")
    assert "q &lt; 0.05 in 2 of 5 parcels" in page
    assert "at least half of the participants" not in page
