import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bids_app.bids.derivatives import write_table
from bids_app.demo.evaluate import evaluate, summarise_links
from bids_app.demo.evaluate_links import Recovery, compare_links
from bids_app.demo.truth import Truth, write_truth
from bids_app.stats.arrays import AnyArray

FamilyRow = tuple[int, str, str, float, float, bool]

RNG = np.random.default_rng(0)
PLANTED = np.linalg.qr(RNG.standard_normal((200, 3)))[0] * np.sqrt(200)
OTHER = np.linalg.qr(np.c_[np.ones(200), PLANTED, RNG.standard_normal(200)])[0][:, 4:]
NUMBERS = [7, 12, 31]
TRUTH = pd.DataFrame(
    [(7, "A", "active"), (12, "B", "active"), (31, "C", "deactive")], columns=["atom", "network", "part"]
)


def compare(links: list[tuple[int, str, str]], atoms: AnyArray) -> Recovery:
    table = pd.DataFrame([(*link, True) for link in links], columns=["atom", "network", "part", "linked"])
    return compare_links(table, atoms, TRUTH, PLANTED, NUMBERS)


def test_everything_found() -> None:
    result = compare([(3, "A", "active"), (1, "B", "active"), (2, "C", "deactive")], PLANTED[:, [1, 2, 0]])
    assert (result.precision, result.recall, result.n_planted) == (1, 1, 3)
    assert result.atom_correlation == pytest.approx(1)


def test_a_flipped_atom_turns_its_parts() -> None:
    atoms = PLANTED * [-1, 1, 1]
    assert compare([(1, "A", "deactive")], atoms).recall == pytest.approx(1 / 3)
    assert compare([(1, "A", "active")], atoms).precision == 0


def test_links_of_an_atom_that_was_not_planted_are_false() -> None:
    result = compare([(4, "A", "active"), (1, "A", "active")], np.c_[PLANTED, OTHER])
    assert [result.precision, result.recall, result.n_found] == pytest.approx([0.5, 1 / 3, 2])


def test_wrong_network_is_false() -> None:
    result = compare([(1, "B", "active")], PLANTED)
    assert (result.precision, result.recall) == (0, 0)


@pytest.mark.parametrize(("r", "precision"), [(0.75, 1), (0.65, 0)])
def test_an_atom_counts_as_planted_from_a_correlation_of_070(r: float, precision: float) -> None:
    mixed = r * PLANTED[:, :1] / np.sqrt(200) + np.sqrt(1 - r**2) * OTHER
    mixed = mixed - mixed.mean(axis=0)
    assert compare([(1, "A", "active")], mixed).precision == precision


def test_a_split_atom_is_found_once_but_right_twice() -> None:
    atoms = np.c_[PLANTED, PLANTED[:, 0] + 0.3 * PLANTED[:, 1]]
    result = compare([(1, "A", "active"), (4, "A", "active")], atoms)
    assert [result.precision, result.recall] == pytest.approx([1, 1 / 3])


def test_links_that_are_not_significant_do_not_count() -> None:
    table = pd.DataFrame([(1, "A", "active", False)], columns=["atom", "network", "part", "linked"])
    result = compare_links(table, PLANTED, TRUTH, PLANTED, NUMBERS)
    assert np.isnan(result.precision)
    assert result.recall == 0


def test_nothing_planted() -> None:
    table = pd.DataFrame([(1, "A", "active", True)], columns=["atom", "network", "part", "linked"])
    result = compare_links(table, PLANTED, TRUTH.iloc[:0], PLANTED[:, :0], [])
    assert result.precision == 0
    assert np.isnan(result.recall)
    assert np.isnan(result.atom_correlation)


def families(rows: list[FamilyRow]) -> pd.DataFrame:
    """Links of families; rows of (family, network, part, rho, probability, linked)."""
    return pd.DataFrame(rows, columns=["atom", "network", "part", "rho", "probability", "linked"])


def test_links_of_reproducible_families_are_compared_with_what_such_families_hold() -> None:
    links = families(
        [(1, "A", "active", 0.9, 0.9, True), (2, "B", "active", 0.7, 0.8, True), (3, "B", "active", 0.85, 0.6, True)]
    )
    every, held = (compare_links(links, PLANTED, TRUTH, PLANTED, NUMBERS, reproducible=only) for only in (False, True))
    assert (every.precision, every.recall, every.n_found, every.n_planted) == (2 / 3, 2 / 3, 3, 3)
    assert (held.precision, held.recall, held.n_found, held.n_planted) == (1 / 2, 1 / 2, 2, 2)
    assert [every.expected_false, every.true_false] == pytest.approx([0.7 / 3 * 2 / 3, 1 / 3])
    assert [held.expected_false, held.true_false] == pytest.approx([0.25 * 2 / 3, 1 / 2])


def test_no_link_has_no_share_of_false_ones() -> None:
    result = compare_links(families([(1, "A", "active", 0.9, 0.1, False)]), PLANTED, TRUTH, PLANTED, NUMBERS)
    assert np.isnan([result.expected_false, result.true_false]).all()


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A demo of two stories pooled, and results with links of families for two participants and the group."""
    courses = pd.DataFrame(PLANTED, columns=[f"atom-{number:02d}" for number in NUMBERS])
    volumes = np.tile(np.arange(100), 2)
    stories = np.repeat(["tale", "song"], 100)
    table = pd.DataFrame({"story": stories, "volume": volumes, "kept": True}).join(courses)
    options = {"model_label": "tiny", "stories": ["tale", "song"], "audio_onset": 0.0, "repetition_time": 1.5}
    truth = Truth(TRUTH.assign(gain=1.0), table, pd.DataFrame(columns=["category", "layer", "unit"]), options)
    write_truth(tmp_path / "demo", truth)
    for desc in ("families", "atoms"):
        for story in ("tale", "song"):
            stem = tmp_path / "out" / "stimuli" / f"{story}_audio_model-tiny_desc-{desc}_timeseries"
            write_table(stem.with_name(stem.name + ".tsv.gz"), courses[stories == story])
            metadata = {"StartTime": 0.0, "Columns": list(courses)}
            stem.with_name(stem.name + ".json").write_text(json.dumps(metadata))
    right, wrong = (1, "A", "active", 0.9, 0.9, True), (3, "A", "active", 0.8, 0.6, True)
    write_links(tmp_path, "sub-01/func/sub-01", "families", [right, wrong])
    write_links(tmp_path, "sub-02/func/sub-02", "families", [(2, "B", "active", 0.7, 0.8, False)])
    group = [right, (2, "B", "active", 0.95, 0.8, True), (3, "A", "active", 0.8, 0.6, False)]
    write_links(tmp_path, "group/space", "families", group, replicated=[True, False, False])
    return tmp_path


def write_links(folder: Path, stem: str, desc: str, rows: list[FamilyRow], **columns: list[bool]) -> None:
    path = folder / "out" / f"{stem}_model-tiny_desc-{desc}_networks.tsv"
    table = families(rows).assign(**columns).rename(columns={"atom": "family"})
    write_table(path, table if desc == "families" else table.drop(columns=["rho", "probability"]))


def test_each_list_has_rows_for_reproducible_families_and_for_all(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = evaluate(results / "demo", results / "out")
    assert table["participant"].tolist() == ["01"] * 2 + ["02"] * 2 + ["group"] * 2 + ["replicated"] * 2
    assert table["of"].tolist() == ["reproducible", "all"] * 4
    assert (table["links"] == "conditional").all()
    assert table.loc[table["participant"] == "group", "n_true"].tolist() == [2, 2]
    assert "expected_false" in capsys.readouterr().out


def test_json_holds_the_same_over_all_participants(results: Path) -> None:
    evaluate(results / "demo", results / "out", results / "found.json")
    found = json.loads((results / "found.json").read_text())
    assert set(found) == {"links", "participant", "group", "replicated"}
    assert found["participant"]["all"] == {
        "precision": 0.5,
        "recall": pytest.approx(1 / 6),
        "found": 2,
        "planted": 6,
        "expected_false": pytest.approx(0.25 * 2 / 3),
        "true_false": 0.5,
    }
    assert (
        found["participant"]["reproducible"]["planted"] == 2
    )  # of two families in one participant, of none in the other
    assert found["group"]["all"]["precision"] == 1
    assert found["replicated"]["reproducible"] == found["replicated"]["all"] | {"planted": 3}
    assert found["replicated"]["all"]["recall"] == pytest.approx(1 / 3)


def test_links_by_dice_stand_beside(results: Path) -> None:
    for stem in ("sub-01/func/sub-01", "group/space"):
        write_links(results, stem, "atoms", [(1, "C", "active", 1, 1, True)])
    found: dict[str, Any] = summarise_links(evaluate(results / "demo", results / "out"))
    assert found["links"] == "conditional"
    assert found["dice"]["group"]["all"] == {
        "precision": 0,
        "recall": 0,
        "found": 1,
        "planted": 3,
        "expected_false": None,
        "true_false": 1,
    }
    assert set(found["dice"]["group"]["reproducible"].values()) == {None}
    assert set(found["dice"]["replicated"]["all"].values()) == {None}


def test_results_with_links_by_dice_alone(results: Path) -> None:
    for path in (results / "out").rglob("*desc-families_networks.tsv"):
        path.unlink()
    write_links(results, "sub-01/func/sub-01", "atoms", [(1, "A", "active", 1, 1, True)])
    found: dict[str, Any] = summarise_links(evaluate(results / "demo", results / "out"))
    assert found["links"] == "dice"
    assert found["participant"]["all"]["precision"] == 1
    assert "dice" not in found


def test_nothing_planted_and_nothing_found_is_null(results: Path) -> None:
    write_truth(results / "null", nothing(results))
    for path in (results / "out").rglob("*desc-families_networks.tsv"):
        path.unlink()
    write_links(results, "sub-01/func/sub-01", "families", [(1, "A", "active", 0.9, 0.1, False)])
    found: dict[str, Any] = summarise_links(evaluate(results / "null", results / "out"))
    assert found["participant"]["all"] == {
        "precision": None,
        "recall": None,
        "found": 0,
        "planted": 0,
        "expected_false": None,
        "true_false": None,
    }


def nothing(results: Path) -> Truth:
    """The truth of a demo in which nothing is planted."""
    options = json.loads((results / "demo" / "sourcedata" / "truth" / "truth.json").read_text())
    courses = pd.DataFrame({"story": ["tale"] * 100 + ["song"] * 100, "volume": [*range(100)] * 2, "kept": True})
    return Truth(TRUTH.iloc[:0], courses, pd.DataFrame(columns=["category", "layer", "unit"]), options)
