"""The group of a participant with a cause and one without, and the pages of both."""

import numpy as np
import pytest

from bids_app.analyses.collection import collections
from bids_app.analyses.lesion.conftest_world import World
from bids_app.analyses.lesion.group import summarise_lesions
from bids_app.analyses.lesion.report import index_cell, lesions, takeaway
from bids_app.bids.derivatives import read_table
from bids_app.bids.outputs import find_maps
from bids_app.report.page import open_page
from bids_app.report.results import find_results


@pytest.fixture(scope="module")
def group(world: World) -> World:
    (collection,) = collections(world.settings.out_dir, "lesion", "r")
    rows = summarise_lesions(collection, world.settings)
    assert [row["measure"] for row in rows] == ["index (brainscore)", "index (families)"]
    assert rows[0]["participants"] == 2
    return world


def test_the_matrix_of_the_group_is_the_mean(group: World) -> None:
    table = read_table(next((group.settings.out_dir / "group").glob("*desc-lesion_networks.tsv")))
    row = table[
        (table["measure"] == "brainscore")
        & (table["dose"] == table["dose"].max())
        & (table["network"] == "One")
        & (table["scored"] == "Two")
    ].iloc[0]
    both = [group.matrix("brainscore", participant=participant)[0, 1] for participant in ("01", "02")]
    assert row["mean"] == pytest.approx(np.mean(both))
    assert row["participants"] == 2


def test_the_maps_of_the_group_are_means(group: World) -> None:
    (mean,) = find_maps(group.settings.out_dir, "lesion", "mean", "group")
    each = [find_maps(group.settings.out_dir, "lesion", "r", sub=label)[0].load()[0] for label in ("01", "02")]
    np.testing.assert_allclose(mean.load()[0], np.mean(each, axis=0), atol=1e-6)


@pytest.mark.parametrize("participant", ["01", None])
def test_the_page_shows_the_matrix_first(group: World, participant: str | None) -> None:
    page = open_page(group.settings.out_dir, participant)
    (results,) = find_results(group.settings.out_dir, participant)
    body = lesions(page, results)
    assert body.index("takeaway") < body.index("lesionmatrix") < body.index("lesiondosesbrainscore")
    for drawn in ("lesiondosesfamilies", "lesionsurprisal", "desc-lesion_figure"):
        assert drawn in body
    assert ("Words that the lesioned model expects least" in body) == (participant is not None)
    assert ("Minimal pairs" in body) == (participant is not None)
    assert index_cell(results).startswith("<td>0.")


def test_the_sentence_says_what_the_matrix_shows(group: World) -> None:
    index, table = group.table("lesionindex"), group.table("lesion")
    dose = float(table["dose"].max())
    said = takeaway(index.assign(p=index["p"] - 1e-3), table, dose)  # 19 draws cannot be below 0.05
    assert said.count("more than with as many neurons of the same layers and activity (p = 0.049)") == 2
    assert "no more than" not in said
    assert said.startswith("Without the 4.69 % of all neurons that its families load on most, the brain score of a")
    idle = takeaway(group.table("lesionindex", "02"), table, dose)
    assert "no more than with as many neurons" in idle
    unknown = takeaway(index.assign(p=np.nan), table[table["network"] == "One"], 1.0)
    assert unknown.startswith("Whether lesions are specific is not known")
    assert unknown.endswith("and 1 has one at 1 %.")
