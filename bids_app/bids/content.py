"""Whether the content of a file is here."""

import logging
from functools import cache
from pathlib import Path

from bids_app.bids.text import as_dataset_error
from bids_app.text_files import check_content

_log = logging.getLogger("neurons2networks")


def require_content(path: Path) -> None:
    """Raise DatasetError when a file to be read is a link without its content, missing, or no file.

    A DataLad data set that was only cloned holds such links, and some clients of git-annex leave a small text file that
    names the content instead.
    """
    with as_dataset_error():
        check_content(path)


@cache  # said once for each folder, though every run looks there
def pass_over(folder: Path) -> None:
    """Log that a folder lies where a file is looked for."""
    _log.warning("%s is a folder, where a file is looked for: it is passed over", folder)
