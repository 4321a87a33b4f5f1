"""Words about errors of others. Imports nothing of the package."""

import textwrap


def in_one_line(error: BaseException) -> str:
    """Kind and text of an error, shortened to a line: what the libraries of archives say runs over pages.

    >>> in_one_line(OSError("no route\\n  to host"))
    'OSError: no route to host'
    """
    return textwrap.shorten(f"{type(error).__name__}: {error}", 300, placeholder=" …")
