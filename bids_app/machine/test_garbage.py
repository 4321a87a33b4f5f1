import subprocess
import sys

# In a process of its own: what is frozen stays so.
CODE = """
import gc
from bids_app.machine.garbage import kept_to_the_end
before = {before}
with kept_to_the_end():
    assert not gc.isenabled()
    kept = [[]]
assert gc.isenabled() is before
assert not any(each is kept for each in gc.get_objects())  # a collection does not look at it
later = [[]]
assert any(each is later for each in gc.get_objects())
"""


def _run(before: str = "gc.isenabled()") -> None:
    done = subprocess.run([sys.executable, "-c", CODE.format(before=before)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_what_a_block_made_is_not_searched_and_later_objects_are() -> None:
    _run()


def test_a_process_that_never_collects_stays_so() -> None:
    _run(before="gc.disable() or gc.isenabled()")
