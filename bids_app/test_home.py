import os
import subprocess
import sys
from pathlib import Path

import pytest

from bids_app.home import keep_caches_in

XDG = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Neither is set, and what a test sets is forgotten."""
    for name in XDG:
        monkeypatch.setenv(name, "")  # remembered, to be restored
        monkeypatch.delenv(name)
    return monkeypatch


def test_a_home_that_can_be_written_is_used(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("HOME", str(tmp_path))
    keep_caches_in(tmp_path / "work")
    assert not set(XDG) & set(os.environ)


@pytest.mark.parametrize("home", ["/dev/null/home", "/proc/1/none"])
def test_without_a_home_caches_go_where_the_run_may_write(
    environment: pytest.MonkeyPatch, tmp_path: Path, home: str
) -> None:
    environment.setenv("HOME", home)
    keep_caches_in(tmp_path)
    assert [os.environ[name] for name in XDG] == [str(tmp_path)] * 2


def test_what_the_user_has_set_stays(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("HOME", "/dev/null/home")
    environment.setenv("XDG_CACHE_HOME", "/elsewhere")
    keep_caches_in(tmp_path)
    assert os.environ["XDG_CACHE_HOME"] == "/elsewhere"
    assert os.environ["XDG_CONFIG_HOME"] == str(tmp_path)


def test_a_user_whom_the_system_does_not_know(tmp_path: Path) -> None:
    code = (
        "import os, sys; os.environ.pop('HOME'); import pwd\n"
        "def unknown(uid): raise KeyError(uid)\n"
        "pwd.getpwuid = unknown\n"
        "from pathlib import Path; from bids_app.home import keep_caches_in\n"
        f"keep_caches_in(Path({str(tmp_path)!r}))\n"
        "import matplotlib, templateflow.conf; print(matplotlib.get_cachedir(), templateflow.conf.TF_HOME)"
    )
    clean = {name: value for name, value in os.environ.items() if name != "TEMPLATEFLOW_HOME"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean, check=True)
    assert done.stdout.split() == [str(tmp_path / "matplotlib"), str(tmp_path / "templateflow")]
