"""The next run notices and recomputes damaged files of a finished run; `tests.damage_test` tries more."""

import pytest

from tests.conftest import FAST, run
from tests.damage_test import WAYS, batches, trial


@pytest.mark.parametrize("folder", [r"^(?!\.work)", r"^\.work/"])
def test_what_is_damaged_is_made_again_with_the_same_bytes(demo, tmp_path, folder):
    options = ("--config-file", demo.config, *FAST)

    def again(level):
        done = run("bids_app", demo.data, tmp_path / "out", level, *(options if level == "participant" else ()))
        return done.returncode, done.stderr

    # A README may have been edited, and a few files stop a run with a message: not here.
    batch = [path for path in batches(demo.out, folder)[0] if path.name != "README.md"]
    assert len(batch) > 5
    problems, notices, has_failed = trial(demo.out, tmp_path / "out", batch, WAYS, again)
    assert not problems
    assert not has_failed, notices
    assert notices
