"""The panel: outcome and number of each claim and check, from files alone."""

import re
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from bids_app.analyses.evidence.group import Shares, group_panel
from bids_app.analyses.evidence.panel import write_panels
from bids_app.analyses.evidence.report_panel import beside
from bids_app.analyses.writer import Writer
from bids_app.bids.derivatives import read_table
from bids_app.bids.geometry import ParcelGeometry
from bids_app.report.page import Page
from bids_app.report.results import find_results

GEOMETRY = ParcelGeometry("mine", tuple("ABCDEFGH"))
ENTITIES = {"sub": "01", "task": "tale", "seg": "mine"}
REGION = {"atlas": ["all"], "region": ["all"], "map": ["layer-03"]}


def writer(out: Path, model: str | None = "tiny") -> Writer:
    return Writer(out, ENTITIES | ({"model": model} if model else {}), [], {}, lambda: GEOMETRY)


def values(number: float, n_significant: int = 0) -> np.ndarray:
    row = np.full((1, 8), number, dtype=np.float32)
    row[0, :n_significant] += 0.2
    return row


def q_of(n_significant: int) -> np.ndarray:
    return np.where(np.arange(8) < n_significant, 0.01, 0.5)[None].astype(np.float32)


def write(
    out: Path,
    *,
    score: int = 2,
    gain: int = 2,
    untrained: float | None = None,
    ceiling: float | None = None,
    repeatability: float | None = None,
    stability: float = 0.7,
    leak: str = "passed",
    timing: str = "passed",
) -> pd.DataFrame:
    """Write results with so many significant targets, and read the panel."""
    model, free, name = writer(out), writer(out, None), ["layer-03"]
    model.maps("brainscore", "r", values(0.02, score), name, Layers=[3])
    model.maps("brainscore", "q", q_of(score), name, Layers=[3])
    if untrained is not None:
        writer(out, "tinyUntrained").maps("brainscore", "r", values(untrained), name, Layers=[3])
    if ceiling is not None:
        free.maps("noiseceiling", "r", values(ceiling), ["ceiling"])
    if repeatability is not None:
        free.maps("repeatability", "r", values(repeatability), ["single"], VolumesRepeated=200, Presentations=2)
    model.maps("overnuisance", "r", values(0.0, gain), name, Layers=[3])
    model.maps("overnuisance", "r2", values(0.0, gain), name, Layers=[3])
    model.maps("overnuisance", "q", q_of(gain), name, Layers=[3])
    table = pd.DataFrame({**REGION, "nuisance": 0.1, "gain": 0.1, "unique": 0.1, "significant": 0.1, "targets": 8})
    model.table("overnuisance", table, Stability={"layer-03": stability})
    free.maps("nuisance", "r", values(0.05))
    free.table(
        "leaks", pd.DataFrame({"sigma": [0.6], "r": [0.3 if leak == "failed" else 0.0], "targets": 8, "outcome": leak})
    )
    row: dict[str, Any] = {"run": ["run-1"], "volumes": 300, "lag": 4, "seconds": 6.0, "r": 0.4, "p": 0.001}
    free.table("timing", pd.DataFrame({**row, "outcome": timing, "reason": "responses come 6 s too late"}))
    write_panels(out, "01")
    path = out / "sub-01" / "func" / "sub-01_task-tale_seg-mine_model-tiny_desc-evidence_networks.tsv"
    return read_table(path).set_index(["claim", "check"])


def test_everything_that_is_there_is_judged(tmp_path: Path) -> None:
    panel = write(tmp_path, untrained=0.01, ceiling=0.4, repeatability=0.5)
    outcomes = panel["outcome"].to_dict()
    assert set(outcomes.values()) == {"passed"}
    score = dict(zip(panel.loc["brain score"].index, panel.loc["brain score"]["value"], strict=True))
    assert score["held out"] == pytest.approx(0.02 + 0.2 * 2 / 8)
    assert score["matched null"] == pytest.approx(2 / 8)
    assert score["untrained model"] == pytest.approx(0.22 - 0.01)
    assert score["share of the ceiling"] == pytest.approx((0.02 + 0.05) / 0.4)
    assert score["share of the repeatability"] == pytest.approx((0.02 + 0.05) / 0.5)
    assert score["nuisance band"] == pytest.approx(2 / 8)
    assert score["stability"] == pytest.approx(0.7)


def test_what_was_not_run_is_open_and_says_how(tmp_path: Path) -> None:
    panel = write(tmp_path).loc["brain score"]
    assert panel["outcome"]["untrained model"] == "open"
    assert "--controls untrained" in panel["reason"]["untrained model"]
    assert panel["outcome"]["share of the ceiling"] == "open"
    assert "share of the repeatability" not in panel.index


@pytest.mark.parametrize(
    ("change", "row", "outcome", "said"),
    [
        ({"gain": 0}, ("brain score", "nuisance band"), "failed", "nothing beyond word rate"),
        ({"score": 0}, ("brain score", "matched null"), "failed", "shifted responses"),
        ({"untrained": 0.3}, ("brain score", "untrained model"), "failed", "same targets"),
        ({"ceiling": 0.06}, ("brain score", "share of the ceiling"), "open", "which the score exceeds"),
        ({"stability": -0.1}, ("brain score", "stability"), "failed", "0 or below"),
        ({"stability": 0.3}, ("brain score", "stability"), "open", ""),
        ({"leak": "failed"}, ("data", "leak alarm"), "failed", "the folds leak"),
        ({"timing": "failed"}, ("data", "timing"), "failed", "run-1: responses come 6 s too late"),
        ({"timing": "open"}, ("data", "timing"), "open", "no lag can be read in 1 of 1 runs"),
    ],
)
def test_what_speaks_against_a_claim_is_said(
    tmp_path: Path, change: dict[str, Any], row: tuple[str, str], outcome: str, said: str
) -> None:
    panel = write(tmp_path, **change)
    assert panel["outcome"][row] == outcome
    assert said in panel["reason"][row]


def test_a_panel_belongs_to_its_model(tmp_path: Path) -> None:
    write(tmp_path, untrained=0.01)
    with_panel = [one.entities["model"] for one in find_results(tmp_path, "01") if one.table("evidence") is not None]
    assert with_panel == ["tiny"]


def tables(value: float, n: int, outcome: str = "passed", check: str = "held out") -> list[pd.DataFrame]:
    random = np.random.default_rng(0)
    return [
        pd.DataFrame(
            {
                "claim": ["brain score"],
                "check": [check],
                "value": [value + 0.001 * random.standard_normal()],
                "measure": ["r"],
                "outcome": [outcome],
                "reason": [""],
            }
        )
        for _ in range(n)
    ]


def test_the_group_is_tested_over_participants() -> None:
    row = group_panel(tables(0.05, 8), {}).iloc[0]
    assert (row["outcome"], row["passed"]) == ("passed", 8)
    assert row["p"] == pytest.approx(2 / 2**8)
    assert row["low"] < row["value"] < row["high"]
    few = group_panel(tables(0.05, 3), {}).iloc[0]
    assert (few["outcome"], few["reason"]) == ("open", "above 0, but a signed-rank test needs at least 6 participants")
    assert group_panel(tables(-0.05, 8, "failed"), {}).iloc[0]["outcome"] == "failed"


def test_one_mistimed_participant_fails_the_group() -> None:
    rows = tables(0.0, 4, check="timing") + tables(1.0, 1, "failed", "timing")
    row = group_panel(rows, {}).iloc[0]
    assert (row["outcome"], row["reason"]) == ("failed", "1 of 5 participants fail")
    row = group_panel(tables(0.0, 3, "open", "timing"), {}).iloc[0]
    assert (row["outcome"], row["reason"]) == ("open", "0 of 3 participants fail, 3 remain open")


@pytest.mark.parametrize(
    ("shares", "n", "outcome", "said"),
    [
        (Shares(0.1), 8, "passed", "10.0 % of targets are over the nuisance band"),
        (Shares(0.0), 8, "failed", "0.0 % of targets are over the nuisance band"),
        (Shares(0.2, 0.3, True), 3, "passed", "20.0 % of targets are over the nuisance band in at least half"),
        (Shares(0.2, 0.3, True), 3, "passed", "the prevalence is above 0 in 30.0 % of targets"),
        (Shares(0.0, 0.0, True), 3, "failed", "0.0 % of targets"),
        (Shares(0.0), 3, "open", "0.0 % of targets are over the nuisance band over them (signed rank"),
        (None, 3, "open", "no test over participants"),
    ],
)
def test_the_map_of_the_group_decides_over_the_band(shares: Shares | None, n: int, outcome: str, said: str) -> None:
    found = {} if shares is None else {"brain score|nuisance band": shares}
    row = group_panel(tables(0.2, n, check="nuisance band"), found).iloc[0]
    assert row["outcome"] == outcome
    assert said in row["reason"]


def test_a_check_that_nobody_ran_says_so_in_the_group() -> None:
    parts = tables(float("nan"), 7, "open", "untrained model")
    parts = [part.assign(reason="not run: --controls untrained") for part in parts]
    row = group_panel(parts, {}).iloc[0]
    assert (row["outcome"], row["reason"]) == ("open", "not run: --controls untrained")


def test_beside_the_picture_a_run_without_a_lag_is_not_called_well_timed(tmp_path: Path) -> None:
    for timing, shown in (("open", "cannot tell"), ("passed", "0 flagged"), ("failed", "1 flagged")):
        out = tmp_path / timing
        write(out, timing=timing)
        (results, *_) = (one for one in find_results(out, "01") if one.table("evidence") is not None)
        panel = beside(cast("Page", None), results)
        (item,) = re.findall(r"<li [^>]*>(?:(?!</li>).)*runs are well timed <span>([^<]*)</span></li>", panel)
        assert item == shown
