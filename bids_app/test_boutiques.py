import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bids_app.boutiques import descriptor
from bids_app.cli import make_parser
from bids_app.settings_fields import OPTIONS

STORED = Path(__file__).resolve().parents[1] / "boutiques.json"


def test_the_stored_descriptor_is_that_of_the_parser() -> None:
    again = "python -m bids_app.boutiques > boutiques.json"
    assert json.loads(STORED.read_text()) == descriptor(), f"the command line has changed; run: {again}"


def test_every_option_is_an_input_that_the_parser_takes() -> None:
    flags = {entry["command-line-flag"]: entry for entry in descriptor()["inputs"] if "command-line-flag" in entry}
    known = {flag: action for action in make_parser()._actions for flag in action.option_strings}
    assert len(flags) == len(OPTIONS)
    for flag, entry in flags.items():
        assert (known[flag].nargs == 0) == (entry["type"] == "Flag"), flag
        assert (known[flag].nargs == "+") == entry.get("list", False), flag


def test_bosh_accepts_it_and_makes_the_command(tmp_path: Path) -> None:
    bosh = shutil.which("bosh", path=str(Path(sys.executable).parent)) or shutil.which("bosh")
    if bosh is None:
        pytest.skip("bosh is not installed (pip install boutiques)")
    subprocess.run([bosh, "validate", STORED], check=True)
    (tmp_path / "data").mkdir()
    given = {"bids_dir": "data", "out_dir": "out", "level": "group", "atoms": [32, 64], "penalty": 0.2, "wrap": True}
    (tmp_path / "given.json").write_text(json.dumps(given))
    command = [bosh, "exec", "simulate", str(STORED), "-i", "given.json"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    line = next(line for line in printed.splitlines() if line.startswith("neurons2networks"))
    parsed = vars(make_parser().parse_args(shlex.split(line)[1:]))
    assert parsed == {**given, "atoms": ["32", "64"], "penalty": "0.2"}
