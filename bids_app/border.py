"""The border between a program and its user: signals, text in any locale, and unexpected errors."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence

from bids_app.crash_reports import details_of, keep_report
from bids_app.interruption import Interrupted, ended_by_signals
from bids_app.wording import in_one_line

EXIT_FAILED = 1


def at_the_border(program: str, main: Callable[[], int], words: Sequence[str], is_program: bool) -> int:
    """Run `main` and return its exit status; signals and unexpected errors end in one line.

    `words` are those of the command line; `is_program`: they are those of this process, which may be started again.
    """
    if is_program:
        _restart_in_utf8()
    try:
        with ended_by_signals(program):
            return main()
    except Interrupted as error:
        print(f"{program}: {error}", file=sys.stderr, flush=True)
        if is_program:
            os._exit(error.status)  # skips the clean-up of libraries, which takes seconds
        return error.status
    except Exception as error:
        if "-vv" in words or list(words).count("-v") > 1:
            traceback.print_exc()
        report = keep_report("start", in_one_line(error), details_of(error), " ".join(words), None)
        print(f"{program}: {in_one_line(error)} (details in {report})", file=sys.stderr)
        return EXIT_FAILED


def _restart_in_utf8() -> None:
    """Restart this process in Python's UTF-8 mode if the locale has another encoding, as LC_ALL=C may.

    File names and texts in BIDS are UTF-8 whatever the locale; in another encoding, other names would be read.
    """
    if sys.getfilesystemencoding().lower() in ("utf-8", "utf8") or os.environ.get("PYTHONUTF8") == "1":
        return
    environment = {**os.environ, "PYTHONUTF8": "1"}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
