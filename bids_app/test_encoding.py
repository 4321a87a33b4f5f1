"""Every text file is read and written in an encoding that the code names, whatever the user's locale is."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import bids_app

# For each function or method its first argument that may be an encoding, counted from 0.
_TEXT = {"read_text": 0, "write_text": 1, "open": 2}


def unnamed(path: Path) -> Iterator[str]:
    """Lines on which a text file is opened without an encoding."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        method = isinstance(node.func, ast.Attribute)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
        is_always_utf8 = name == "write_text" and not method  # bids.atomic: always UTF-8
        if name not in _TEXT or is_always_utf8 or any(keyword.arg == "encoding" for keyword in node.keywords):
            continue
        texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if name == "open" and (any("b" in text for text in texts) or not _is_of_files(node)):
            continue
        if len(node.args) <= _TEXT[name] - (name == "open" and method):
            yield f"{path.name}:{node.lineno}"


def _is_of_files(node: ast.Call) -> bool:
    """`open(...)` and `path.open(...)`, not `Activations.open(...)`, `os.open(...)` and the like."""
    if isinstance(node.func, ast.Name):
        return True
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    return not (isinstance(owner, ast.Name) and (owner.id[0].isupper() or owner.id in ("os", "tarfile", "wave")))


def test_every_text_file_has_its_encoding_named() -> None:
    package = Path(bids_app.__file__).parent
    files = [path for path in package.rglob("*.py") if not path.name.startswith(("test_", "conftest"))]
    assert len(files) > 100
    assert [line for path in files for line in unnamed(path)] == []


def test_a_locale_without_letters_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / "dätä 漢"
    folder.mkdir()
    settings = folder / "einstellung ü.toml"
    settings.write_text('task_id = "größe"\n', encoding="utf-8")
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    words = [str(folder), str(tmp_path / "out"), "participant", "--config-file", str(settings), "--layer", "²"]
    done = subprocess.run([sys.executable, "-m", "bids_app", *words], env=environment, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr.decode() == "neurons2networks: layer = '²': must be a number from 1, 'all' or 'auto'\n"
