"""The container image, tested only with `N2N_TEST_CONTAINER=1`, because building it takes minutes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bids_app import __version__

ROOT = Path(__file__).resolve().parents[1]
NOT_ASKED = "N2N_TEST_CONTAINER is not set; tests/container.sh takes minutes"
SKIPPED = 77


@pytest.mark.skipif(not os.environ.get("N2N_TEST_CONTAINER"), reason=NOT_ASKED)
def test_the_container_does_what_the_app_does():
    environment = {"PYTHON": sys.executable, **os.environ}
    command = [str(ROOT / "tests" / "container.sh")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode == SKIPPED:
        pytest.skip(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


def test_without_an_engine_the_script_says_so():
    environment = {**os.environ, "ENGINE": "no-such-engine"}
    command = [str(ROOT / "tests" / "container.sh")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == SKIPPED
    assert done.stdout.splitlines()[-1].startswith("SKIPPED: no container engine")


def test_the_image_has_the_version_of_the_package():
    assert f"ARG VERSION={__version__}" in (ROOT / "Dockerfile").read_text().splitlines()
