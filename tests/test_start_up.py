"""What a run imports before it reads the first BOLD file: each of these packages takes a second or more."""

import subprocess
import sys

from tests.conftest import FAST

HEAVY = ["himalaya", "matplotlib", "nilearn", "numba", "scipy.optimize", "scipy.stats", "sklearn", "templateflow"]
HEAVY += ["transformers"]
# The process ends with its answer when it opens the first BOLD file.
UNTIL_BOLD = """
import os, sys
def ask(event, given):
    if event == "open" and str(given[0]).endswith(("_bold.func.gii", "_bold.nii.gz")):
        print(*[name for name in %s if name in sys.modules], flush=True)
        os._exit(0)
sys.addaudithook(ask)
from bids_app.cli import main
main(sys.argv[1:])
sys.exit("no BOLD file was opened")
"""


def loaded(code, *arguments):
    """Heavy packages that a fresh process has imported after some code."""
    return answer(
        code + f"\nimport sys; print(*[name for name in {[*HEAVY, 'torch', 'pandas']} if name in sys.modules])",
        *arguments,
    )


def answer(code, *arguments):
    """The words of the last line that some code prints in a fresh process."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()


def test_a_plan_of_all_participants_needs_nothing_heavy(demo_data, tmp_path):
    code = "import sys; from bids_app.cli import main; assert main(sys.argv[1:]) == 0"
    config = ("--config-file", demo_data / "code" / "demo.toml")
    assert loaded(code, demo_data, tmp_path / "out", "participant", "--dry-run", *config) == []


def test_the_stimulus_level_imports_what_it_computes_with_when_it_computes():
    assert loaded("import bids_app.run.stimulus") == []


def test_the_first_bold_file_is_read_with_torch_alone(demo, tmp_path):
    """Of a run whose stimulus level is done; pandas writes its tables."""
    options = ("--config-file", demo.config, *FAST, "--analysis", "networks", "brainscore", "--regions", "none")
    run = (demo.data, tmp_path / "out", "participant", "--work-dir", demo.out / ".work", *options)
    assert answer(UNTIL_BOLD % [*HEAVY, "torch"], *run) == ["torch"]
