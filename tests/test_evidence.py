"""The evidence of a whole run on the demo: files, panel, pages; and nothing is made twice."""

import re

import pytest

from bids_app.bids.derivatives import read_table
from tests.catalogue_check import unlisted
from tests.conftest import FAST, make_once, succeed

WHAT = ("--analysis", "brainscore", "evidence", "--participant-label", "01", "--correction", "targets")


@pytest.fixture(scope="module")
def out(tmp_path_factory, demo_data):
    def make(folder):
        config = demo_data / "code" / "demo.toml"
        succeed("bids_app", demo_data, folder / "out", "participant", "--config-file", config, *WHAT, *FAST)
        succeed("bids_app", demo_data, folder / "out", "group", "--participant-label", "01")

    return make_once(tmp_path_factory, "evidence-results", make) / "out"


def test_the_files_are_listed(out):
    assert unlisted(out) == []


def test_the_panel_judges_the_score_and_opens_the_page(out):
    path = next((out / "sub-01" / "func").glob("*_desc-evidence_networks.tsv"))
    panel = read_table(path).set_index(["claim", "check"])
    outcomes = panel["outcome"].to_dict()
    assert outcomes["data", "leak alarm"] == "passed"
    assert outcomes["brain score", "nuisance band"] == "passed"  # families of words drive the demo, not their rate
    assert outcomes["brain score", "untrained model"] == "open"
    page = (out / "sub-01.html").read_text()
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert headings[0] == "Evidence"  # beside the answer on the first screen; the table follows
    assert "What is the evidence?" in headings[:3]
    assert "--controls untrained" in page
    group = read_table(next((out / "group").glob("*_desc-evidence_networks.tsv")))
    assert set(zip(group["claim"], group["check"], strict=True)) == set(outcomes)


def test_a_second_run_makes_only_the_panel(out, demo_data):
    func = out / "sub-01" / "func"
    before = {path.name: path.stat().st_mtime_ns for path in func.iterdir() if "desc-evidence" not in path.name}
    content = {path.name: path.read_bytes() for path in func.iterdir()}
    config = demo_data / "code" / "demo.toml"
    succeed("bids_app", demo_data, out, "participant", "--config-file", config, *WHAT, *FAST)
    after = {path.name: path.stat().st_mtime_ns for path in func.iterdir() if "desc-evidence" not in path.name}
    assert after == before
    assert {path.name: path.read_bytes() for path in func.iterdir()} == content
