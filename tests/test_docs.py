"""The pages under docs/ quote messages, options, commands, settings and files that exist."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bids_app import cli, tools
from bids_app.engines.slurm_options import make_submission_parser
from bids_app.settings_fields import OPTIONS

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]+")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Of Docker, Apptainer, SLURM and Dask.
FOREIGN = {"--bind", "--containall", "--entrypoint", "--gpus", "--network", "--nv", "--tmpfs"}
FOREIGN |= {"--cpus-per-task", "--nworkers", "--qos", "--time", "--mem"}


def _texts(tree: ast.AST) -> list[str]:
    """Every string of a module, values of f-strings as "…"."""
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            pieces = [value.value if isinstance(value, ast.Constant) else "…" for value in node.values]
            texts.append("".join(str(piece) for piece in pieces))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.append(node.value)
    return texts


def test_errors_quote_messages_that_exist() -> None:
    texts = [text for path in (ROOT / "bids_app").rglob("*.py") for text in _texts(ast.parse(path.read_text()))]
    symptoms = re.findall(r"^\| `([^`]+)`", (ROOT / "docs" / "errors.md").read_text(), re.MULTILINE)
    assert len(symptoms) > 15
    unknown = [symptom for symptom in symptoms if not any(symptom in text for text in texts)]
    assert not unknown


@each_page
def test_links_lead_to_files_and_headings(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", page.read_text())
    for target, anchor in links:
        file = (page.parent / target) if target else page
        assert file.exists(), target
        assert not anchor or anchor in _anchors(file), f"{target}#{anchor}"


def _anchors(page: Path) -> set[str]:
    """Anchors of the headings of a page, as Markdown's table of contents makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


def test_every_page_is_in_the_navigation() -> None:
    listed = re.findall(r"^ +- .+: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(page.name for page in PAGES if page.parent.name == "docs")


@each_page
def test_options_in_running_text_are_the_parsers(page: Path) -> None:
    parsers = (cli.make_parser(), tools.make_parser(), make_submission_parser())
    known = FOREIGN.union(*(_options(parser) for parser in parsers))
    used = {option for span in re.findall(r"`(--[^`]+)`", page.read_text()) for option in OPTION.findall(span)}
    assert used <= known, used - known


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _options(command)


@each_page
def test_commands_are_understood(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = [words for words in _commands(page.read_text()) if words[0] in ("n2n", "neurons2networks")]
    for words in ours:
        assert _is_understood(words), f"{shlex.join(words)}\n{capsys.readouterr().err}"


def test_a_wrong_command_is_noticed() -> None:
    page = (
        "```\nneurons2networks DATA OUT participant --no-such 1\nn2n no-such\nneurons2networks DATA OUT stimulate\n```"
    )
    assert [_is_understood(words) for words in _commands(page)] == [False, False, False]


def _commands(text: str) -> Iterator[list[str]]:
    """Our command lines in code, without their prefix (Docker, Apptainer)."""
    blocks = [body.replace("\\\n", " ") for language, body in FENCE.findall(text) if not language]
    spans = re.findall(r"`((?:n2n|neurons2networks) [^\s`]+ [^`\n]+)`", FENCE.sub("", text))
    for line in [*"\n".join(blocks).splitlines(), *spans]:
        if re.match(r"(\$ )?(docker|apptainer|n2n|neurons2networks) ", line):
            words = shlex.split(re.sub(r"^\$ |…|\[options .*\]", "", line), comments=True)
            if words[0] not in ("docker", "apptainer"):
                yield words
            elif words[1] in ("run", "exec"):
                yield _inside(words)


def _inside(words: list[str]) -> list[str]:
    """The command that a Docker or Apptainer command line runs in the container."""
    image = next(number for number, word in enumerate(words) if re.fullmatch(r"neurons2networks\S*", word))
    if words[1] == "exec":
        return words[image + 1 :]
    return ["n2n" if "--entrypoint" in words else "neurons2networks", *words[image + 1 :]]


def _is_understood(words: list[str]) -> bool:
    program, *rest = words
    try:
        if rest[:2] == ["submit", "slurm"]:
            given, others = make_submission_parser().parse_known_args(rest[2:])
            program, rest = "neurons2networks", [given.bids_dir, given.out_dir, "participant", *others]
        (cli if program == "neurons2networks" else tools).make_parser().parse_args(rest)
    except SystemExit as stopped:
        return stopped.code == 0  # --version
    return True


@each_page
def test_settings_files_name_settings(page: Path) -> None:
    names = {option.name for option in OPTIONS}
    for body in (body for language, body in FENCE.findall(page.read_text()) if language == "toml"):
        assert set(tomllib.loads(body)) <= names
