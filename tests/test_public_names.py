"""The public names of the library: what `bids_app` exports, what type checkers see, and what the API page describes."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bids_app

ROOT = Path(__file__).resolve().parents[1]
API_PAGE = ROOT / "docs" / "api.md"


@pytest.mark.parametrize("name", bids_app.__all__)
def test_a_public_name_is_a_documented_object(name):
    value = getattr(bids_app, name)
    assert value.__name__ == name
    assert inspect.getdoc(value)
    assert value.__module__.startswith("bids_app.")


def test_type_checkers_see_the_same_names_in_the_same_modules():
    tree = ast.parse((ROOT / "bids_app" / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    seen = {name.name: node.module for node in imports for name in node.names}
    homes = {name: f"bids_app.{home}" for name, home in bids_app._HOMES.items()}
    assert homes == seen
    assert sorted(homes) == sorted(bids_app.__all__)


def test_the_api_page_describes_each_public_name_once():
    described = re.findall(r"^::: (\S+)$", API_PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(path.rpartition(".")[2] for path in described) == sorted(bids_app.__all__)
    for path in described:
        module, _, name = path.rpartition(".")
        assert getattr(importlib.import_module(module), name) is getattr(bids_app, name), path


def test_an_unknown_name_is_named():
    with pytest.raises(AttributeError, match="module 'bids_app' has no attribute 'RidgeVC'"):
        _ = bids_app.RidgeVC
    assert set(bids_app.__all__) <= set(dir(bids_app))


def test_the_package_alone_loads_nothing_else():
    code = "import sys, bids_app; print(*[name for name in sys.modules if name.split('.')[0] in {'bids_app', 'numpy'}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["bids_app"]


def test_all_names_at_once():
    code = "from bids_app import *; print(RidgeCV.__name__, __name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["RidgeCV", "__main__"]
