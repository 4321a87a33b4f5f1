"""Every case of the table of bad inputs (`bad_inputs_cases`); all run once, in forks of one process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bad_inputs_cases import CASES
from tests.conftest import make_once


@pytest.fixture(scope="session")
def records(tmp_path_factory):
    """Outcome of each case, by name."""

    def make(folder):
        folder.mkdir()
        command = [sys.executable, "-m", "tests.bad_inputs", "--json", str(folder / "records.json")]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "MPLBACKEND": "Agg"}
        root = Path(__file__).resolve().parents[1]
        subprocess.run(command, env=environment, cwd=root, capture_output=True, check=False, timeout=3600)

    folder = make_once(tmp_path_factory, "bad-inputs", make)
    return {record["name"]: record for record in json.loads((folder / "records.json").read_text())}


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_one_clear_sentence(records, name):
    record = records[name]
    assert not record["short"], f"{record['short']}\n{record['output'][-3000:]}"
