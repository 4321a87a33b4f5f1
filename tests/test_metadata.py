"""Metadata of the project: one version, one licence, lower bounds that are tested, workflows that call make."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import bids_app
from tests.release import problems, versions

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = [Requirement(line) for line in PROJECT["dependencies"] + EXTRAS["dask"] + EXTRAS["futures"]]


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(name):
    """Package → version of a file of constraints."""
    text = (ROOT / name).read_text(encoding="utf-8")
    pairs = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)$", text, re.MULTILINE)
    return {canonical(package): Version(version) for package, version in pairs}


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_the_lower_bound_of_a_dependency_is_the_version_that_is_tested(requirement):
    package = canonical(requirement.name)
    bounds = [Version(bound.version) for bound in requirement.specifier if bound.operator == ">="]
    assert bounds == [pins("constraints-min.txt")[package]]
    assert pins("constraints.txt")[package] in requirement.specifier


def test_every_pin_of_the_minimum_is_a_dependency():
    assert set(pins("constraints-min.txt")) == {canonical(requirement.name) for requirement in REQUIREMENTS}


def test_what_the_tests_need_is_pinned():
    pinned = pins("constraints.txt")
    wanted = {canonical(Requirement(line).name) for extra in ("test", "dask", "futures") for line in EXTRAS[extra]}
    assert wanted - set(pinned) == {"neurons2networks"}  # its extras


def test_versions_agree():
    assert set(versions().values()) == {bids_app.__version__}


def test_the_changelog_has_a_part_for_what_comes_next():
    assert re.search(r"^## \[Unreleased\]$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_licence_is_the_same_everywhere():
    assert PROJECT["license"] == "Apache-2.0"
    assert "license: Apache-2.0\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert 'image.licenses="Apache-2.0"' in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "Version 2.0, January 2004" in (ROOT / "LICENSE").read_text(encoding="utf-8")


@pytest.fixture
def released(tmp_path):
    """A tree of the version 1.2.3 that is ready for its tag."""
    (tmp_path / "bids_app").mkdir()
    (tmp_path / "bids_app/__init__.py").write_text('__version__ = "1.2.3"\n')
    (tmp_path / "CITATION.cff").write_text("cff-version: 1.2.0\nversion: 1.2.3\n")
    (tmp_path / "Dockerfile").write_text("ARG VERSION=1.2.3\n")
    (tmp_path / "CHANGELOG.md").write_text("## [Unreleased]\n\n## [1.2.3] - 2026-12-01\n")
    return tmp_path


def test_a_tree_that_is_ready_has_no_problems(released):
    assert list(problems("v1.2.3", released)) == []


def test_whatever_does_not_agree_with_the_tag_is_named(released):
    (released / "CITATION.cff").write_text("cff-version: 1.2.0\nversion: 1.2.2\n")
    (released / "CHANGELOG.md").write_text("## [Unreleased]\n")
    sentences = list(problems("v1.2.3", released))
    assert [problem.split()[0] for problem in sentences] == ["CITATION.cff", "CHANGELOG.md"]
    assert next(problems("1.2.3", released)).startswith("The tag '1.2.3' is not of the form")


def test_workflows_run_targets_that_the_makefile_has():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    called = [
        target
        for path in (ROOT / ".github" / "workflows").glob("*.yml")
        for target in re.findall(r"run: make ([a-z-]+)", path.read_text(encoding="utf-8"))
    ]
    assert len(called) > 7
    assert set(called) <= targets
