from pathlib import Path

import pytest

from bids_app.analyses.outputs import all_outputs
from bids_app.analyses.record import Analysis
from bids_app.analyses.registry import ANALYSES
from bids_app.bids.catalogue import MODEL_COMPARISON, OTHER_FILES
from bids_app.bids.catalogue_text import readme
from bids_app.outputs_page import page

STORED = Path(__file__).resolve().parents[1] / "docs" / "outputs.md"


def test_the_stored_page_is_that_of_the_catalogue() -> None:
    text = STORED.read_text(encoding="utf-8")
    again = "python -m bids_app.outputs_page docs/outputs.md"
    assert page(text) == text, f"the catalogue of outputs has changed; run: {again}"


def test_what_stands_around_the_outputs_is_kept() -> None:
    text = "# Mine\n<!-- outputs -->\nold\n<!-- end of outputs -->\nafter\n"
    made = page(text)
    assert made.startswith("# Mine\n<!-- outputs -->\n")
    assert made.endswith("<!-- end of outputs -->\nafter\n")
    assert "\nold\n" not in made
    with pytest.raises(ValueError, match="between which outputs go"):
        page("# Mine\n")


@pytest.mark.parametrize("analysis", ANALYSES, ids=lambda analysis: analysis.name)
def test_the_readme_lists_every_output_of_every_analysis(analysis: Analysis) -> None:
    lines = readme(all_outputs()).splitlines()
    for output in analysis.outputs:
        for maps in output.maps:
            assert any(f"`{output.desc}`" in line and f"| `{maps.stat}` | {maps.description}" in line for line in lines)
        assert any(output.desc in line for line in lines)


def test_the_page_lists_every_column_and_field() -> None:
    text = page(STORED.read_text(encoding="utf-8"))
    described = {**MODEL_COMPARISON.columns}
    for output in all_outputs():
        described |= {**output.columns, **output.fields}
    for name, content in described.items():
        assert f"| `{name}` | {content.replace('|', chr(92) + '|')} |" in text
    assert all(file.content for file in OTHER_FILES)
