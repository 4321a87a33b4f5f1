import numpy as np
import pandas as pd
import pytest

from bids_app.analyses.lesion.group import index_over_participants, matrix_over_participants
from bids_app.analyses.lesion.plan import LesionPlan, Neurons, plan_lesions
from bids_app.analyses.lesion.scores import NetworkScores
from bids_app.analyses.lesion.surprise import passage_table, surprisal_table
from bids_app.analyses.lesion.tables import draws_table, drop_table, index_table, matrices_of
from bids_app.analyses.lesion.words import kinds_of_words
from bids_app.bids.words import Words
from bids_app.inputs.timing import Story, timing_of

NETWORKS = ("A", "B", "C")
TEXT = ("The", "whale", "rose", "and", "the", "ship", "was", "sinking", "in", "a", "storm", "of", "ice")


@pytest.fixture
def plan() -> LesionPlan:
    rng = np.random.default_rng(0)
    neurons = Neurons(np.repeat([0, 1], 100), np.tile(np.arange(100), 2), rng.gamma(2.0, size=200))
    strongest = {name: rng.permutation(200)[:30] for name in NETWORKS}
    return plan_lesions(strongest, neurons, (2, 5), ("activity", "random"), 6, 0)


@pytest.fixture
def scores(plan: LesionPlan) -> NetworkScores:
    r = np.random.default_rng(1).uniform(0, 0.3, (len(plan.lesions), 4))
    return NetworkScores((*NETWORKS, "all"), r)


def test_each_drop_stands_beside_its_controls(plan: LesionPlan, scores: NetworkScores) -> None:
    table = drop_table({"brainscore": scores}, plan)
    assert len(table) == 2 * 3 * 4 * 2
    row = table[
        (table.network == "B") & (table.scored == "C") & (table.dose == 5) & (table.control == "activity")
    ].iloc[0]
    own = plan.row_of("B", 5)
    assert own is not None
    draws = [scores.r[0, 2] - scores.r[i, 2] for i in plan.rows("activity", "B", 5)]
    assert row["drop"] == pytest.approx(scores.r[0, 2] - scores.r[own, 2])
    assert row["control_mean"] == pytest.approx(np.mean(draws))
    assert row["control_low"] == pytest.approx(np.percentile(draws, 2.5))
    assert row["p"] == pytest.approx((sum(d >= row["drop"] for d in draws) + 1) / 7)


def test_each_matrix_holds_sets_that_match_its_networks(plan: LesionPlan, scores: NetworkScores) -> None:
    matrices = matrices_of(scores, plan, "activity", 5)
    assert matrices.shape == (7, 3, 3)
    for draw in range(7):
        for k, network in enumerate(NETWORKS):
            row = plan.row_of(network, 5) if draw == 0 else plan.rows("activity", network, 5)[draw - 1]
            np.testing.assert_array_equal(matrices[draw, k], scores.drops[row, :3])


def test_the_rows_of_a_random_matrix_are_different_sets(plan: LesionPlan, scores: NetworkScores) -> None:
    matrices = matrices_of(scores, plan, "random", 5)[1:]
    for matrix in matrices:
        assert len({tuple(row) for row in matrix}) == 3
    for k in range(3):  # each draw is in each row once
        assert len({tuple(row) for row in matrices[:, k]}) == 6


def test_index_and_p_are_those_of_the_matrices(plan: LesionPlan, scores: NetworkScores) -> None:
    draws = draws_table({"brainscore": scores}, plan)
    index = index_table(draws)
    assert len(index) == 4
    row = index[(index.dose == 2) & (index.control == "random")].iloc[0]
    matrices = matrices_of(scores, plan, "random", 2)
    own = np.eye(3, dtype=bool)
    by_hand = np.array([matrix[own].mean() - matrix[~own].mean() for matrix in matrices])
    assert row["index"] == pytest.approx(by_hand[0])
    assert row["p_index"] == pytest.approx((np.sum(by_hand[1:] >= by_hand[0]) + 1) / 7)
    t = draws[(draws.dose == 2) & (draws.control == "random")]["t"].to_numpy()
    assert row["p"] == pytest.approx((np.sum(t[1:] >= t[0]) + 1) / 7)


def test_a_network_without_data_is_in_no_matrix(plan: LesionPlan, scores: NetworkScores) -> None:
    without = NetworkScores(("A", "all"), scores.r[:, [0, 3]])
    assert matrices_of(without, plan, "activity", 5).shape[0] == 0
    assert draws_table({"brainscore": without}, plan).empty
    assert index_table(draws_table({"brainscore": without}, plan)).empty


def test_the_group_compares_means_with_means_of_draws(plan: LesionPlan, scores: NetworkScores) -> None:
    other = NetworkScores(scores.names, scores.r[:, ::-1])
    draws = [draws_table({"brainscore": one}, plan) for one in (scores, other)]
    table = index_over_participants(draws)
    row = table[(table.dose == 5) & (table.control == "activity")].iloc[0]
    first, second = (
        each[(each.dose == 5) & (each.control == "activity")].set_index("draw")[["index", "t"]] for each in draws
    )
    means = (first + second) / 2
    assert row["mean"] == pytest.approx(means["index"][0])
    assert row["participants"] == 2
    assert row["p"] == pytest.approx((np.sum(means["t"][1:] >= means["t"][0]) + 1) / 7)
    matrix = matrix_over_participants([drop_table({"brainscore": one}, plan) for one in (scores, other)])
    one = matrix[(matrix.network == "A") & (matrix.scored == "B") & (matrix.dose == 5) & (matrix.control == "random")]
    lesioned = plan.row_of("A", 5)
    assert one["mean"].iloc[0] == pytest.approx((scores.drops[lesioned, 1] + other.drops[lesioned, 1]) / 2)


def _story(stem: str, text: tuple[str, ...] = TEXT) -> Story:
    onset = np.arange(len(text), dtype=float)
    return Story(stem, Words(onset, np.ones(len(text)), text), timing_of([], 1.0, 0))


def test_surprisal_is_averaged_over_kinds_of_words(plan: LesionPlan) -> None:
    rng = np.random.default_rng(2)
    found = {stem: rng.uniform(1, 9, (len(plan.lesions), len(TEXT))) for stem in ("one", "two", "unseen")}
    found["one"][:, 0] = np.nan  # nothing precedes it
    stories = {stem: _story(stem) for stem in found}
    table = surprisal_table(found, stories, plan, ["one", "two"])
    content = [1, 2, 5, 7, 10, 12]
    row = plan.row_of("C", 2)
    assert row is not None
    cell = table[(table.network == "C") & (table.dose == 2) & (table.control == "activity")].set_index(
        ["story", "words"]
    )
    for stem, values in found.items():
        rise = (values[row] - values[0])[content].mean()
        assert cell.loc[(stem, "content"), "rise"] == pytest.approx(rise)
        assert cell.loc[(stem, "all"), "rise"] == pytest.approx(np.nanmean(values[row] - values[0]))
    assert cell.loc[("one", "all"), "count"] == len(TEXT) - 1
    assert cell["seen"].to_dict()[("one", "all")]
    assert not cell["seen"].to_dict()[("unseen", "all")]
    assert cell["seen"].to_dict()[("all", "all")]  # the held-out story stands alone
    both = np.concatenate([(found[s][row] - found[s][0])[content] for s in ("one", "two")])
    assert cell.loc[("all", "content"), "rise"] == pytest.approx(both.mean())
    assert cell.loc[("all", "content"), "low"] <= both.mean() <= cell.loc[("all", "content"), "high"]


def test_passages_show_where_the_surprisal_rises(plan: LesionPlan) -> None:
    text = tuple(f"w{number}" for number in range(60))
    values = np.zeros((len(plan.lesions), 60))
    values[plan.row_of("B", plan.main_dose), [11, 47]] = [3.0, 5.0]
    table = passage_table({"tale": values}, {"tale": _story("tale", text)}, plan)
    of_network = table[table["network"] == "B"]
    assert of_network["rise"].tolist()[:2] == [5.0, 3.0]
    assert of_network["onset"].tolist()[:2] == [47.0, 11.0]
    assert "*w47*" in of_network["passage"].iloc[0]
    assert "A" not in set(table["network"])  # nothing rises there


def test_only_english_has_content_words() -> None:
    assert set(kinds_of_words(TEXT)) == {"all", "content", "function"}
    assert set(kinds_of_words(["der", "alte", "Mann", "ging", "langsam", "hinaus"])) == {"all"}
    assert pd.Series(kinds_of_words(["I’m", "“here”", "—"])["function"]).tolist() == [True, True, False]
