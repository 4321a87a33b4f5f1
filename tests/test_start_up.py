"""What a run imports before it reads the first BOLD file: each of these packages takes a second or more."""

import subprocess
import sys

import pytest

HEAVY = ["himalaya", "matplotlib", "nilearn", "scipy.stats", "sklearn", "templateflow", "transformers"]


def loaded(code, *arguments):
    """Heavy packages that a fresh process has imported after some code."""
    code += f"\nimport sys; print(*[name for name in {[*HEAVY, 'torch']} if name in sys.modules])"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()


def test_a_plan_of_all_participants_needs_nothing_heavy(demo_data, tmp_path):
    code = "import sys; from bids_app.cli import main; assert main(sys.argv[1:]) == 0"
    config = ("--config-file", demo_data / "code" / "demo.toml")
    assert loaded(code, demo_data, tmp_path / "out", "participant", "--dry-run", *config) == []


@pytest.mark.parametrize(("level", "heavy"), [("stimulus", []), ("participant", ["torch"])])
def test_the_first_bold_file_is_read_with_torch_alone(level, heavy):
    assert loaded(f"import bids_app.run.{level}") == heavy
