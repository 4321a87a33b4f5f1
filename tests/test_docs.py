"""The pages under docs/ quote messages, options and files that exist."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bids_app import cli, kit
from bids_app.engines.slurm_options import make_submission_parser

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]+")
# Of Docker, Apptainer, SLURM and Dask.
FOREIGN = {"--bind", "--containall", "--entrypoint", "--gpus", "--network", "--nv", "--tmpfs"}
FOREIGN |= {"--cpus-per-task", "--nworkers", "--qos", "--time"}


def _texts(tree: ast.AST) -> list[str]:
    """Every string of a module, values of f-strings as "…"."""
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [value.value if isinstance(value, ast.Constant) else "…" for value in node.values]
            texts.append("".join(str(part) for part in parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.append(node.value)
    return texts


def test_errors_quote_messages_that_exist() -> None:
    said = [text for path in (ROOT / "bids_app").rglob("*.py") for text in _texts(ast.parse(path.read_text()))]
    symptoms = re.findall(r"^\| `([^`]+)`", (ROOT / "docs" / "errors.md").read_text(), re.MULTILINE)
    assert len(symptoms) > 15
    unknown = [symptom for symptom in symptoms if not any(symptom in text for text in said)]
    assert not unknown


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert all((page.parent / target).exists() for target in targets), targets


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_options_in_running_text_are_the_parsers(page: Path) -> None:
    parsers = (cli.make_parser(), kit.make_parser(), make_submission_parser())
    known = FOREIGN.union(*(_options(parser) for parser in parsers))
    used = {option for span in re.findall(r"`(--[^`]+)`", page.read_text()) for option in OPTION.findall(span)}
    assert used <= known, used - known


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _options(command)
