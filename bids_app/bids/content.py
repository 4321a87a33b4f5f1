"""Check that the content of a file is available."""

import logging
from functools import cache
from pathlib import Path

from bids_app.bids.text import as_dataset_error
from bids_app.text_files import check_content

_log = logging.getLogger("neurons2networks")


def require_content(path: Path) -> None:
    """Raise DatasetError if a file to be read is a link without its content, missing, or not a file.

    A clone of a DataLad data set holds such links before `datalad get`, and some clients of git-annex leave a small
    text file that names the content instead.
    """
    with as_dataset_error():
        check_content(path)


@cache  # logged once per folder, although every run looks there
def pass_over(folder: Path) -> None:
    """Log that a folder has the name of an expected file."""
    _log.warning("%s is a folder, but a file is expected: it is ignored", folder)
