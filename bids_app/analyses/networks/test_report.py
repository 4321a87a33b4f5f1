from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle

from bids_app.analyses.networks.link_tables import (
    Links,
    layer_shares,
    map_rows,
    order_of_atoms,
    read_links,
    strongest_links,
    subgroup_summary,
    winning_networks,
)
from bids_app.analyses.networks.matrices import column_edges, draw_links, upper_limit
from bids_app.analyses.networks.report import _percent
from bids_app.pages.intervals import best_map_rows
from bids_app.report.bars import draw_intervals, draw_layers, draw_scores_by_layer
from bids_app.report.conftest import NETWORKS, links_table, scores_table, subgroups_table

COLOURS = dict(zip(NETWORKS, ("#111111", "#222222", "#333333"), strict=True))


@pytest.fixture
def parts() -> list[Links]:
    return read_links(links_table())


def test_every_cell_is_the_row_of_the_table(parts: list[Links]) -> None:
    shuffled = links_table().sample(frac=1, random_state=3)
    for source, found in ((links_table(), parts), (shuffled, read_links(shuffled))):
        for part in found:
            for _, row in source[source["part"] == part.part].iterrows():
                cell = part.atoms.index(str(row["atom"])), part.networks.index(row["network"])
                assert part.strength[cell] == row["dice"]
                assert part.linked[cell] == row["linked"]
        assert sum(part.linked.sum() for part in found) == 2


def test_linked_may_be_text(parts: list[Links]) -> None:
    table = links_table()
    table["linked"] = table["linked"].map({True: "1", False: "0"})
    np.testing.assert_array_equal(read_links(table)[0].linked, parts[0].linked)


def test_linked_atoms_come_first_and_by_network(parts: list[Links]) -> None:
    order, n_linked = order_of_atoms(parts)
    assert n_linked == 2
    assert list(order[:2]) == [2, 1]  # Visual before Default
    assert sorted(order) == [0, 1, 2, 3]


def test_the_matrix_shows_the_values_of_the_table(parts: list[Links]) -> None:
    figure = draw_links(parts, COLOURS)
    order, _ = order_of_atoms(parts)
    for axes, part in zip(figure.axes, parts, strict=False):
        mesh = axes.collections[0]
        np.testing.assert_array_equal(mesh.get_array(), part.strength[order].T)
        assert mesh.get_clim() == (0, upper_limit(parts))
        frames = [patch for patch in axes.patches if not patch.get_fill()]
        assert len(frames) == part.linked.sum()
    assert upper_limit(parts) == 0.8  # the highest Dice of the table


def test_sharing_participants_are_written_into_the_cells() -> None:
    table = links_table().assign(participants=lambda t: np.where(t["linked"], 7, 0))
    texts = [text.get_text() for axes in draw_links(read_links(table), COLOURS).axes for text in axes.texts]
    assert texts.count("7") == 2
    assert "0" not in texts


def test_columns_of_linked_atoms_are_wider() -> None:
    np.testing.assert_array_equal(np.diff(column_edges(10, 2)), [3, 3] + [1] * 8)
    np.testing.assert_array_equal(np.diff(column_edges(4, 4)), np.ones(4))
    np.testing.assert_array_equal(np.diff(column_edges(3, 0)), np.ones(3))


@pytest.mark.parametrize("n_linked", [3, 20, 45, 90, 250])
def test_names_of_atoms_do_not_overlap(n_linked: int) -> None:
    rows = [
        {"atom": atom, "network": network, "part": "active", "dice": 0.5, "linked": network == "A" and atom <= n_linked}
        for atom in range(1, 301)
        for network in ("A", "B")
    ]
    figure = draw_links(read_links(pd.DataFrame(rows)), {"A": "#112233", "B": "#445566"})
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert len(boxes) >= min(n_linked, 45)  # of more only some have room
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


@pytest.mark.parametrize("n_linked", [8, 64, 300])
def test_numbers_of_participants_stay_inside_their_cells(n_linked: int) -> None:
    rows = [
        {"atom": atom, "network": network, "part": part, "dice": 0.5, "linked": True, "participants": 345}
        for atom in range(1, n_linked + 1)
        for network in NETWORKS
        for part in ("active", "deactive")
    ]
    figure = draw_links(read_links(pd.DataFrame(rows)), COLOURS)
    figure.canvas.draw()
    for axes in figure.axes[:2]:
        boxes = [text.get_window_extent() for text in axes.texts if text.get_text() == "345"]
        assert len(boxes) == (n_linked * len(NETWORKS) if n_linked < 300 else 0)
        frames = [patch.get_window_extent() for patch in axes.patches if not patch.get_fill()]
        for box, frame in zip(boxes, frames, strict=bool(boxes)):
            assert frame.x0 <= box.x0 <= box.x1 <= frame.x1
            assert frame.y0 <= box.y0 <= box.y1 <= frame.y1


def test_strongest_links_are_of_different_atoms(parts: list[Links]) -> None:
    found = strongest_links(parts, 3)
    assert [(atom, part.networks[network], part.part) for atom, network, part in found] == [
        (2, "Visual", "deactive"),
        (1, "Default", "active"),
    ]


def test_the_winner_is_the_strongest_linked_atom_of_the_right_sign(parts: list[Links]) -> None:
    nan = np.nan
    maps = np.array([[9, 9, 9, 9, 9], [3, 1, 3, -3, nan], [-2, -9, -4, 9, nan], [9, 9, 9, 9, 9]], dtype=float)
    winner = winning_networks(parts, maps, np.array([2.0, 2, 2, 2]))
    visual, default = NETWORKS.index("Visual"), NETWORKS.index("Default")
    np.testing.assert_array_equal(winner, [default, visual, visual, nan, nan])


def test_maps_are_matched_by_name_else_by_order() -> None:
    assert map_rows(["1", "2"], ["atom-02", "atom-01"]) == [1, 0]
    assert map_rows(["x", "y"], ["a", "b"]) == [0, 1]
    assert map_rows(["x", "y"], ["a", "b", "c"]) is None


def test_layer_shares_and_their_bars() -> None:
    shares = layer_shares(subgroups_table())
    assert list(shares.index) == ["Visual", "Default"]  # the third has no neurons
    np.testing.assert_allclose(shares, [[0.75, 0.25], [0.0, 1.0]])
    heights: list[list[float]] = [
        [bar.get_height() for bar in axes.patches if isinstance(bar, Rectangle)]
        for axes in draw_layers(shares, COLOURS).axes
        if axes.get_visible()
    ]
    np.testing.assert_allclose(heights, shares.to_numpy())
    assert subgroup_summary(subgroups_table())["fullest layer"].tolist() == [1, 2]
    assert subgroup_summary(subgroups_table())["neurons"].tolist() == [8, 4]


def test_scores_by_layer_and_intervals() -> None:
    axes = draw_scores_by_layer(np.array([0.1, np.nan, 0.3]), ["1", "2", "3"], "r").axes[0]
    assert np.asarray(axes.collections[1].get_offsets()).tolist() == [[2, 0.3]]
    rows = best_map_rows(scores_table())
    assert set(rows["map"]) == {"layer-02"}
    figure = draw_intervals(
        ["a", "b"], np.array([0.1, 0.2]), np.array([0.0, 0.1]), np.array([0.3, 0.4]), "r", ["k", "k"]
    )
    lines, dots = figure.axes[0].collections
    assert isinstance(lines, LineCollection)
    ends = np.array([segment[:, 0] for segment in lines.get_segments()])
    np.testing.assert_allclose(ends, np.array([[0, 0.3], [0.1, 0.4]]))
    np.testing.assert_allclose(np.asarray(dots.get_offsets()), np.array([[0.1, 0], [0.2, 1]]))


def test_scores_without_any_value() -> None:
    table = scores_table().assign(mean=np.nan)
    assert len(best_map_rows(table)) == 4
    assert isinstance(best_map_rows(table), pd.DataFrame)


def test_a_small_share_of_false_links_is_not_none() -> None:
    assert [_percent(share) for share in (0, 0.0004, 0.0096, 0.036)] == ["less than 1 %"] * 3 + ["4 %"]
