import json
from pathlib import Path

import numpy as np
import pandas as pd

from bids_app.bids.derivatives import write_sidecar
from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry
from bids_app.pages.conftest_browser import write_evidence, write_words
from bids_app.pages.group import write_group_report
from bids_app.pages.participant import write_participant_report
from bids_app.pages.test_reports import read
from bids_app.report.conftest import N, Writer, links_table


def test_the_first_screen_has_the_answer_and_the_evidence(surface_out: Path) -> None:
    write_evidence(Writer(surface_out, SurfaceGeometry("fsaverage5", N, N)))
    text = read(write_participant_report(surface_out, "001")).text
    front = text.partition("The numbers in short The numbers")[0]
    assert "gpt2 predicts held-out brain responses with a mean r of" in front
    assert "2 of the 4 atoms of the model's neurons overlap with 2 networks (Visual, Default)." in front
    assert "1 passed, 1 open, 1 failed" in front
    assert "passed: predicts held-out data r 0.100" in front


def test_cards_are_put_together_from_all_analyses(surface_out: Path) -> None:
    write_words(surface_out)
    page = write_participant_report(surface_out, "001")
    text = page.read_text(encoding="utf-8")
    cards = text.split('<article class="card"')[1:]
    assert [card.partition('id="')[2].partition('"')[0] for card in cards] == ["atom-2", "atom-3", "atom-1", "atom-4"]
    assert "word2x0, word2x1, word2x2" in cards[0]
    assert "Default ↑" in cards[0]
    assert "Visual ↓" in cards[1]
    assert "band 80 %" in cards[3]
    assert "driven by low-level features" in cards[3]
    assert "driven by low-level features" not in cards[0]
    assert "linked to no network" in cards[2]


def test_what_drives_a_sub_group_is_told_for_each_network(surface_out: Path) -> None:
    write = Writer(surface_out, SurfaceGeometry("fsaverage5", N, N))
    write.maps("overnuisance", "r", np.full((1, 2 * N), 0.1), ["layer-01"])
    passage = {"measure": "highest", "story": "tale", "value": 3.0}
    rows: list[dict[str, object]] = []
    for network in ("Visual", "Default"):
        one = {"network": network, "families": 1 + (network == "Default")}
        texts = [f"the *{network}* cat {rank}" for rank in range(1, 31)]  # more rows than a table shows
        rows += [one | passage | {"rank": 1, "item": text, "onset": rank or np.nan} for rank, text in enumerate(texts)]
        rows.append(one | {"measure": "correlation", "item": "length", "value": -0.25})
    write.table("drivers", pd.DataFrame(rows))
    page = write_participant_report(surface_out, "001").read_text(encoding="utf-8")
    block = page.partition("What drives the sub-group of each network")[2].partition("</section>")[0]
    for network, told in (("Visual", "1 family is linked"), ("Default", "2 families are linked")):
        one_network = block.partition(f"<h3>{network}</h3>")[2].partition("<h3>")[0]
        assert told in one_network
        assert "word length -0.25" in one_network
        assert f"the <mark>{network}</mark> cat 1 … <small>tale, at a word without a time, value 3.0" in one_network
        assert f"the <mark>{network}</mark> cat 2 … <small>tale, 1 s, value 3.0" in one_network


def test_columns_of_a_table_are_explained(surface_out: Path) -> None:
    (path,) = (surface_out / "sub-001" / "func").glob("*desc-subgroups_networks.tsv")
    write_sidecar(path, [], {}, columns={"layer_concentration": "1 − normalised `entropy` & more."})
    text = write_participant_report(surface_out, "001").read_text(encoding="utf-8")
    assert "<dt>layer concentration</dt><dd>1 − normalised <code>entropy</code> &amp; more.</dd>" in text


def test_the_quality_of_the_data_comes_from_the_sidecars(surface_out: Path) -> None:
    paths = list((surface_out / "sub-001/func").glob("*stat-r_desc-brainscore_statmap.json"))
    cleaning = {"Volumes": 284, "MeanFramewiseDisplacement": 0.1234, "Words": 900, "UnalignedWords": 7}
    content = json.loads(paths[0].read_text())
    content["Cleaning"] = {"sub-001_task-pieman": {**cleaning, "CensoredVolumes": 3, "Confounds": ["a", "b"]}}
    content["UnusableTargets"] = {"sub-001_task-pieman": {"Targets": 200, "Constant": 4, "Missing": 6}}
    for path in paths:
        path.write_text(json.dumps(content))
    text = read(write_participant_report(surface_out, "001")).text
    assert "sub-001_task-pieman 284 0.123 900 7 3 2 200 10 5.0 %" in text
    assert "Made with neurons2networks " in text


def test_settings_that_differ_are_shown(surface_out: Path) -> None:
    with (surface_out / "logs" / "1_participant.toml").open("a") as file:
        file.write("# differs: atoms = [32] (default [64])\n")
    text = read(write_participant_report(surface_out, "001")).text
    assert "differ from the defaults: atoms = [32] (default [64])" in text


def test_settings_are_compared_with_the_preset_that_was_given(surface_out: Path) -> None:
    record = surface_out / "logs" / "1_participant.toml"
    kept = record.read_text()
    record.write_text("# differs: atoms = [32] (preset sun2024 [64])\n" + kept + 'preset = "sun2024"\n')
    text = read(write_participant_report(surface_out, "001")).text
    record.write_text(kept)
    assert "differ from the preset sun2024, or from the defaults of what it leaves open: atoms = [32] (preset" in text


def test_participants_are_listed_with_what_was_left_out(tmp_path: Path) -> None:
    geometry = SurfaceGeometry("fsaverage5", N, N)
    for label in ("01", "02", "03"):
        Writer(tmp_path, geometry, label).table("atoms", links_table())
    write = Writer(tmp_path, geometry, participant=None)
    write.maps("brainscore", "mean", np.full((1, 2 * N), 0.2), ["layer-01"])
    logs = tmp_path / "logs"
    (logs / "complete").mkdir(parents=True)
    (logs / "complete" / "sub-02_task-pieman_desc-atoms_complete.json").write_text('{"LeftOut": ["x"]}')
    (logs / "crash-1_sub-03.txt").write_text("sub-03: no space left\n\ntraceback")
    (logs / "9_group.toml").write_text('exclude_participant_label = ["01"]\n')
    (tmp_path / "sub-01.html").write_text("a page")
    assert (
        "Left out: task-pieman_desc-atoms: made from an excluded scan."
        in read(write_participant_report(tmp_path, "02")).text
    )
    text = read(write_group_report(tmp_path)).text
    rows = text.partition("left out, and why")[2]
    assert "sub-01 2 left out of the group, as requested" in rows
    assert "sub-02 2 task-pieman_desc-atoms: made from an excluded scan" in rows
    assert "sub-03 (no report) 2 failed: no space left" in rows


def write_models(out_dir: Path, participant: str | None, brain: dict[str, float]) -> None:
    """Results of several models: their brain score, links and evidence."""
    geometry = ParcelGeometry("alice", ("a", "b", "c"))
    for model, r in brain.items():
        write = Writer(out_dir, geometry, participant)
        write.entities["model"] = model
        stat = "r" if participant else "mean"
        write.maps("brainscore", stat, np.full((1, 3), r), ["layer-01"])
        write.table("atoms", links_table(linked=() if model.endswith("Untrained") else ((0, "Visual", "active"),)))
        row = {"claim": "brain score", "check": "held out", "value": r, "measure": "mean held-out r"}
        write.table("evidence", pd.DataFrame([{**row, "outcome": "passed", "reason": model}]))


def test_a_page_opens_with_the_model_and_not_with_its_control(tmp_path: Path) -> None:
    write_models(tmp_path, "01", {"gpt2Untrained": 0.01, "gpt2": 0.2})
    text = read(write_participant_report(tmp_path, "01")).text
    front = text.partition("The numbers in short The numbers")[0]
    assert front.index("mean r of 0.200") < front.index("mean r of 0.010")
    assert "Of model gpt2; all follow below. Evidence" in front
    assert "predicts held-out data r 0.200" in front
    assert "predicts held-out data r 0.010" not in front


def test_numbers_of_participants_are_no_means_over_models(tmp_path: Path) -> None:
    write_models(tmp_path, "01", {"gpt2Untrained": 0.01, "gpt2": 0.2})
    write_models(tmp_path, None, {"gpt2": 0.2})
    row = read(write_group_report(tmp_path)).text.partition("left out, and why")[2]
    assert row.startswith(" sub-01 (no report) 1 0.200 1 0 nothing")  # links, r, checks that pass and fail
    write_models(tmp_path, "02", {"bert": 0.3, "gpt2": 0.4})
    text = read(write_group_report(tmp_path)).text
    assert "links, bert links, gpt2 brain score, mean r, bert brain score, mean r, gpt2" in text
    rows = text.partition("left out, and why")[2]
    assert "sub-01 (no report) – 1 – 0.200" in rows
    assert "sub-02 (no report) 1 1 0.300 0.400" in rows


def test_the_group_lists_the_quality_of_each_participant(tmp_path: Path) -> None:
    write = Writer(tmp_path, ParcelGeometry("alice", ("a", "b", "c")), "01")
    for task, volumes, motion in (("tale", 100, 0.1), ("song", 300, 0.2)):
        write.entities["task"] = task
        for stat in "rq":  # outputs of one run say the same of it
            write.maps("brainscore", stat, np.full((1, 3), 0.2), ["layer-01"])
        for path in (tmp_path / "sub-01" / "func").glob(f"*task-{task}*statmap.json"):
            run = {"Volumes": volumes, "MeanFramewiseDisplacement": motion, "Words": 50, "UnalignedWords": 2}
            unusable = {"Targets": 200, "Constant": 4, "Missing": 6 if task == "tale" else 0}
            content = {"Cleaning": {f"sub-01_task-{task}": run}, "UnusableTargets": {f"sub-01_task-{task}": unusable}}
            path.write_text(json.dumps(content))
    text = read(write_group_report(tmp_path)).text
    heads = "volumes motion: mean framewise displacement (mm) unaligned words (%) masked targets (%) left out, and why"
    assert f"{heads} sub-01 (no report) 400 0.175 4 5 nothing" in text


def test_a_page_with_64_atoms_is_small_enough(tmp_path: Path) -> None:
    geometry = SurfaceGeometry("fsaverage5", N, N)
    write = Writer(tmp_path, geometry)
    rng = np.random.default_rng(0)
    names = [f"atom-{n:02d}" for n in range(1, 65)]
    write.maps("atoms", "z", rng.standard_normal((64, 2 * N)), names)
    write.maps("brainscore", "r", rng.random((1, 2 * N)), ["layer-01"])
    linked = tuple((atom, "Default", "active") for atom in range(40))
    write.table("atoms", pd.DataFrame(links_table(64, linked)))
    page = write_participant_report(tmp_path, "001")
    assert page.stat().st_size < 15e6
    assert page.read_text(encoding="utf-8").count('<article class="card"') == 64
