"""The reference of outputs in docs/outputs.md, generated from the catalogue so that it cannot drift from the code.

python -m bids_app.outputs_page docs/outputs.md
"""

from __future__ import annotations

import sys
from pathlib import Path

from bids_app.analyses.outputs import all_outputs
from bids_app.bids.catalogue_text import reference

_START = "<!-- outputs -->\n"
_END = "<!-- end of outputs -->\n"
_NOTE = "<!-- Made by: python -m bids_app.outputs_page docs/outputs.md -->\n"


def page(text: str) -> str:
    """The page with the text between its two markers regenerated. Raises ValueError if a marker is missing."""
    before, start, rest = text.partition(_START)
    _, end, after = rest.partition(_END)
    if not (start and end):
        raise ValueError(f"the page needs the lines {_START.strip()} and {_END.strip()}, between which outputs go")
    return f"{before}{_START}{_NOTE}\n{reference(all_outputs())}\n{_END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")
