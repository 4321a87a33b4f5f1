"""The wheel holds the complete package, without its tests and their data."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "bids_app"


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """Paths of the files in a wheel built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def is_of_tests(path):
    return path.name.startswith(("test_", "conftest")) or path.name == "narratives_plan.tsv"


def test_the_wheel_holds_every_file_that_is_no_test(held):
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    wanted = {path.relative_to(ROOT).as_posix() for path in files if not is_of_tests(path)}
    assert {path for path in held if path.startswith("bids_app/")} == wanted


def test_the_wheel_holds_nothing_else_but_metadata_and_licences(held):
    others = {Path(path).parts for path in held if not path.startswith("bids_app/")}
    assert all(parts[0].endswith(".dist-info") for parts in others)
    licences = {parts[-1] for parts in others if "licenses" in parts}
    assert licences == {"LICENSE", "THIRD-PARTY-NOTICES.md"}


def test_no_module_of_the_wheel_needs_a_test(held):
    for path in held:
        if path.startswith("bids_app/") and path.endswith(".py"):
            lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
            imports = [line for line in lines if re.match(r"\s*(from|import) bids_app", line)]
            assert not [line for line in imports if re.search(r"\b(test_|conftest)", line)], path


def test_the_image_leaves_out_what_the_wheel_does():
    patterns = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {"**/test_*.py", "**/conftest*.py", "**/narratives_plan.tsv"} <= set(patterns)
