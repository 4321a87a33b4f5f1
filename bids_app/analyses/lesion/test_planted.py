"""Planted cause: a group that alone carries what drives a network is found, and one that drives nothing is not."""

import numpy as np
import pytest

from bids_app.analyses.lesion.conftest_world import NETWORKS, World
from bids_app.bids.minimal_pairs import read_minimal_pairs
from bids_app.bids.outputs import find_maps
from bids_app.language.lesions import lesion
from bids_app.language.surprisal import surprisal

MEASURES = ("brainscore", "families")
OWN = np.eye(len(NETWORKS), dtype=bool)


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
    (output,) = find_maps(world.settings.out_dir, "lesion", "r", sub="01")
    own, others = output.load()[0]
    assert own.min() > 0.3
    assert np.abs(others).max() < 0.15
    (each,) = find_maps(world.settings.out_dir, "lesionnetworks", "r", sub="01")
    maps = each.load()[0]
    np.testing.assert_allclose(own, np.concatenate([maps[k][8 * k : 8 * (k + 1)] for k in range(3)]), atol=1e-6)
    assert each.sidecar["Networks"] == list(NETWORKS)


def test_surprisal_is_read_in_the_same_passes(world: World) -> None:
    table = world.table("lesionsurprisal")
    row = table[(table["network"] == "Two") & (table["story"] == "all")].iloc[-1]
    reference = world.model.activations(world.story, "ffn-out", "mean")
    units = {0: np.arange(34, 40)}  # of the second group
    model = world.model.with_head()
    with lesion(model, units, "mean", reference):
        lesioned = surprisal(model, world.story.words.text)
    intact = surprisal(model, world.story.words.text)
    assert row["intact"] == pytest.approx(np.nanmean(intact), rel=1e-4)
    assert row["rise"] == pytest.approx(np.nanmean(lesioned - intact), abs=1e-4)
    assert bool(row["seen"])


def test_minimal_pairs_are_read_by_the_lesioned_model(world: World) -> None:
    """Log-probabilities of whole sentences after the token for the start of a text, written out."""
    import torch

    assert world.settings.minimal_pairs is not None
    pairs = read_minimal_pairs(world.settings.minimal_pairs)
    table = world.table("lesionpairs")
    rows = table[(table["network"] == "Three") & (table["dose"] == table["dose"].max())].set_index("category")
    assert rows["pairs"].to_dict() == {"all": 3, "order": 1, "word": 2}
    model, reference = world.model.with_head(), world.model.activations(world.story, "ffn-out", "mean")

    def log_p(text: str) -> float:
        ids = torch.tensor([[0, *model.tokenizer(text)["input_ids"]]])
        with torch.inference_mode():
            found = model.model(input_ids=ids).logits[0, :-1].double().log_softmax(dim=-1)
        return float(found.gather(1, ids[0, 1:, None]).sum())

    def accuracy(category: str) -> float:
        chosen = [pair for pair in pairs if category in ("all", pair.category)]
        return float(np.mean([log_p(pair.good) > log_p(pair.bad) for pair in chosen]))

    for category in rows.index:
        assert rows["intact"][category] == pytest.approx(accuracy(category))
    with lesion(model, {0: np.arange(40, 46)}, "mean", reference):
        for category in rows.index:
            assert rows["lesioned"][category] == pytest.approx(accuracy(category))


def test_no_neuron_of_this_model_is_an_outlier(world: World) -> None:
    assert world.table("lesionoutliers").empty
