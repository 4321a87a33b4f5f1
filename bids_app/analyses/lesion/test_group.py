"""The group of a participant with a cause and one without, and the pages of both."""

import numpy as np
import pandas as pd
import pytest

from bids_app.analyses.collection import collections
from bids_app.analyses.lesion.charts import LEAST_SHOWN, draw_matrix
from bids_app.analyses.lesion.conftest_world import World
from bids_app.analyses.lesion.group import summarise_lesions
from bids_app.analyses.lesion.report import answer, index_cell, lesions, takeaway
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
    index, drops = group.table("lesionindex"), group.table("lesion")
    table, dose = drops.assign(value=drops["drop"]), float(drops["dose"].max())
    own = group.matrix("brainscore")
    few = takeaway(index, table, dose)  # 19 draws cannot be below 0.05
    assert few.startswith("A network's own score falls more than with any control, but the draws are too few to tell: ")
    said = takeaway(index.assign(p=index["p"] - 1e-3), table, dose)
    assert said.startswith("A network's own score breaks: without the 4.69 % of all neurons that its families load on")
    assert f"its brain score falls by {np.diag(own).mean():.3f} in r, and that of others " in said
    assert said.count("(p = 0.049)") == 2
    assert said.endswith("p: against as many neurons of the same layers and activity.")
    mixed = index.assign(p=np.where(index["measure"] == "families", 0.5, 0.001))
    assert takeaway(mixed, table, dose).startswith("The measures disagree")
    idle = takeaway(group.table("lesionindex", "02"), table, dose)
    assert idle.startswith("Nothing breaks that other neurons would not break too: ")
    unknown = takeaway(index.assign(p=np.nan), table[table["network"] == "One"], 1.0)
    assert unknown.startswith("Whether lesions are specific is not known")
    assert unknown.endswith("and 1 has one at 1 %.")


def test_the_top_of_the_page_has_the_verdict(group: World) -> None:
    (results,) = find_results(group.settings.out_dir, "02")
    dose = group.table("lesionindex")["dose"].max()
    assert answer(results) == (
        f"With the {dose:.3g} % of neurons behind each network lesioned, nothing breaks that other neurons would not "
        "break too."
    )


def test_noise_around_0_has_no_strong_colour() -> None:
    networks = ["One", "Two"]
    small, large = (pd.DataFrame([[v, 0.0], [0.0, -v]], networks, networks) for v in (0.0004, 0.4))
    for matrix, limit in ((small, LEAST_SHOWN), (large, 0.4)):
        figure = draw_matrix(matrix, "drop", {})
        assert figure.axes[0].collections[0].get_clim() == (-limit, limit)
