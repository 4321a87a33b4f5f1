"""The evidence of a whole run on the demo: panel and pages."""

import re

from bids_app.bids.derivatives import read_table


def test_the_panel_judges_the_score_and_opens_the_page(demo):
    out = demo.out
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
