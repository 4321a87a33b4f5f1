"""Whether the content of a file is here."""

from pathlib import Path

from bids_app.bids.errors import DatasetError


def require_content(path: Path) -> None:
    """Raise DatasetError when a file to be read is a link without its content, missing, or no file.

    A DataLad data set that was only cloned holds such links, and some clients of git-annex leave a small text file that
    names the content instead.
    """
    if path.is_symlink() and not path.exists():
        raise DatasetError(f"{path} is a link to content that is not here: get it first (datalad get {path}).")
    if path.is_dir():
        raise DatasetError(f"{path} is a folder, not a file: remove it or give the file.")
    if not path.exists():
        raise DatasetError(f"{path} does not exist (any more): check the path, or make it again.")
    if not path.is_file():
        raise DatasetError(f"{path} is no regular file (a pipe or a device): give a file.")
    if _is_pointer(path):
        raise DatasetError(f"{path} only names content that is not here: get it first (datalad get {path}).")


def _is_pointer(path: Path) -> bool:
    """Whether a file is a pointer of git-annex (unlocked files) or of Git LFS."""
    try:
        if path.stat().st_size > 32768:
            return False
        with path.open("rb") as stream:
            start = stream.read(64)
    except OSError:
        return False  # who reads the file says why it cannot be read
    return start.startswith((b"/annex/objects/", b"version https://git-lfs.github.com/spec/"))
