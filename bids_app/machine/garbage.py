"""Python's search for garbage, which passes over what a process keeps to its end."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_to_the_end() -> Iterator[None]:
    """What exists after this block, such as the modules that it imports, is never searched for garbage again.

    torch makes a million objects while it is imported. Python looks through all of them again and again as their number
    grows: a tenth of the time until the first BOLD file.
    """
    was_enabled = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
