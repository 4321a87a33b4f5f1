"""The examples of docs/library.md are run, in order, as a reader would type them."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from bids_app.demo.models import make_gpt2, save_model

PAGE = Path(__file__).parents[1] / "docs" / "library.md"
STORY = "the old sailor walked to the harbour and waited for the ship while the wind fell"


def test_examples_give_what_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "demo" / "sourcedata" / "models" / "gpt2"  # where `n2n demo demo` writes it
    model.mkdir(parents=True)
    save_model(model, *make_gpt2([STORY] * 3))
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    session = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, PAGE.name, str(PAGE), 0)
    assert len(session.examples) > 50
    shown: list[str] = []
    result = doctest.DocTestRunner().run(session, out=shown.append)
    assert not result.failed, "".join(shown)
