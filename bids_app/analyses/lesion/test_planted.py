"""Planted cause: a group that alone carries what drives a network is found, and one that drives nothing is not."""

from pathlib import Path

import numpy as np
import pytest

from bids_app.analyses.lesion.conftest_world import NETWORKS, World, make_world

MEASURES = ("brainscore", "families")
OWN = np.eye(len(NETWORKS), dtype=bool)
DRIVERS, IDLE = (0, 1, 2), (3, 4, 5)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = make_world(tmp_path_factory.mktemp("lesion"), seed=0)
    made.run(DRIVERS, "01")
    made.run(IDLE, "02")
    return made


@pytest.mark.parametrize("measure", MEASURES)
def test_the_lesion_of_a_cause_takes_the_score_of_its_network_alone(world: World, measure: str) -> None:
    intact, lesioned, drop = (world.matrix(measure, value) for value in ("intact", "lesioned", "drop"))
    assert (intact > 0.4).all()
    assert (np.abs(lesioned[OWN]) < 0.15).all()  # what noise reaches
    assert (np.abs(drop[~OWN]) < 0.06).all()
    np.testing.assert_allclose(world.matrix(measure, "p")[OWN], 1 / 20)


@pytest.mark.parametrize("measure", MEASURES)
def test_index_and_p_say_so(world: World, measure: str) -> None:
    index = world.table("lesionindex")
    row = index[(index["measure"] == measure) & (index["dose"] == index["dose"].max())].iloc[0]
    drop = world.matrix(measure)
    assert row["index"] == pytest.approx(drop[OWN].mean() - drop[~OWN].mean())
    assert row["p"] == pytest.approx(1 / 20)
    assert row["index"] > 3 * row["control_high"]
    draws = world.table("lesiondraws")
    own = draws[(draws["measure"] == measure) & (draws["dose"] == draws["dose"].max())]
    assert own["draw"].tolist() == list(range(20))
    assert own["index"].iloc[0] == pytest.approx(row["index"])
    assert own["t"].iloc[0] == pytest.approx(row["t"])


@pytest.mark.parametrize("measure", MEASURES)
def test_a_group_as_active_that_drives_nothing_costs_nothing(world: World, measure: str) -> None:
    drop = world.matrix(measure, participant="02")
    assert (np.abs(drop) < 0.06).all()
    index = world.table("lesionindex", "02")
    row = index[(index["measure"] == measure) & (index["dose"] == index["dose"].max())].iloc[0]
    assert abs(row["index"]) < 0.04
    assert row["p"] > 0.05  # over seeds it is uniform: benchmarks.lesion


def test_half_of_a_group_leaves_the_feature_to_the_other_half(world: World) -> None:
    table = world.table("lesion")
    own = table[(table["network"] == table["scored"]) & (table["measure"] == "brainscore")]
    by_dose = own.groupby("dose")["drop"].mean()
    assert by_dose.index.size == 2
    assert by_dose.iloc[0] < 0.3 * by_dose.iloc[1]


def test_maps_show_the_drop_where_it_is(world: World) -> None:
    from bids_app.bids.outputs import find_maps

    (output,) = find_maps(world.settings.out_dir, "lesion", "r", sub="01")
    own, others = output.load()[0]
    assert own.min() > 0.3
    assert np.abs(others).max() < 0.15
    (each,) = find_maps(world.settings.out_dir, "lesionnetworks", "r", sub="01")
    maps = each.load()[0]
    np.testing.assert_allclose(own, np.concatenate([maps[k][8 * k : 8 * (k + 1)] for k in range(3)]), atol=1e-6)
    assert each.sidecar["Networks"] == list(NETWORKS)


def test_surprisal_is_read_in_the_same_passes(world: World, tmp_path: Path) -> None:
    from bids_app.language.lesions import lesion
    from bids_app.language.surprisal import surprisal

    table = world.table("lesionsurprisal")
    row = table[(table["network"] == "Two") & (table["story"] == "all")].iloc[-1]
    reference = world.model.activations(world.story, "ffn-out", "mean")
    units = {0: np.arange(34, 40)}  # of the second group
    with lesion(world.model.with_head, units, "mean", reference):
        lesioned = surprisal(world.model.with_head, world.story.words.text)
    intact = surprisal(world.model.with_head, world.story.words.text)
    assert row["intact"] == pytest.approx(np.nanmean(intact), rel=1e-4)
    assert row["rise"] == pytest.approx(np.nanmean(lesioned - intact), abs=1e-4)
    assert bool(row["seen"])
