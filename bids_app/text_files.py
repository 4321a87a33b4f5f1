"""Text, tables and JSON from untrusted files: existence, size, encoding.

Imports nothing from the package. Every reader of text in the package uses these functions, which raise only
FileError.
"""

import csv
import json
import logging
import os
import stat
from pathlib import Path

MEGABYTE = 2**20
# Larger than any usual table or sidecar; readers of larger files pass their own limit.
LIMIT = 64 * MEGABYTE

_POINTERS = {b"/annex/objects/": "datalad get", b"version https://git-lfs": "git lfs pull --include"}
_LARGEST_POINTER = 32768  # bytes
_MARK = 40  # bytes that show whether a file is a pointer
_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)

_log = logging.getLogger(__name__)


class FileError(ValueError):
    """A file cannot be read; the message names it and says what to do."""


def check_content(path: Path) -> int:
    """Size in bytes of a readable file. Raises FileError for anything else.

    It refuses links without their content, the pointers of git-annex and Git LFS, folders, pipes and devices.
    """
    try:
        size = _size(path)
        if size <= _LARGEST_POINTER:
            with path.open("rb") as file:
                _refuse_pointer(path, file.read(_MARK))
    except (OSError, ValueError) as error:
        raise _cannot_open(path, error) from error
    return size


def _size(path: Path) -> int:
    """Size of a file in bytes, without opening it: a pipe would wait for a writer."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
        raise FileError(f"{path} is {kind}, not a file: remove it or give a file.")
    return status.st_size


def _refuse_pointer(path: Path, start: bytes) -> None:
    command = next((command for mark, command in _POINTERS.items() if start.startswith(mark)), None)
    if command is not None:
        raise FileError(f"{path} only names content that is not here: get it first ({command} {path}).")


def is_there(path: Path) -> bool:
    """Whether something of this name exists, even a link without its content, a pipe or a folder.

    Such a thing is not missing: the attempt to read it gives the right message.
    """
    return os.path.lexists(path)


def read_bytes(path: Path, limit: int = LIMIT) -> bytes:
    """Content of a file of at most `limit` bytes. Raises FileError, before reading, for a larger one."""
    try:
        size = _size(path)
        if size <= max(limit, _LARGEST_POINTER):
            with path.open("rb") as file:  # once, because a run reads a thousand small files
                content = file.read(max(limit, _MARK) + 1)  # files of /proc, and growing ones, exceed their size
            if size <= _LARGEST_POINTER:
                _refuse_pointer(path, content)
            size = max(size, len(content))
    except (OSError, MemoryError, ValueError) as error:
        raise _cannot_open(path, error) from error
    if size > limit:
        raise FileError(
            f"{path} holds {size / MEGABYTE:.1f} MB or more, where at most {limit / MEGABYTE:g} MB are expected: "
            "is it the right file?"
        )
    return content


def read_text(path: Path, limit: int = LIMIT) -> str:
    """Text of a file in UTF-8, UTF-16 or UTF-32, or else in the Western Windows code page, which is logged.

    Raises FileError if it cannot be read, is larger than `limit` bytes, or is not text.
    """
    content = read_bytes(path, limit)
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), None)
    encoding = encoding or _encoding_without_mark(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise FileError(
            f"{path} is not text in {encoding.upper()} (byte {error.start + 1}): save it as UTF-8, or get it again."
        ) from error
    if "\0" in text:
        raise FileError(f"{path} holds NUL characters: it is damaged or not text. Save it as UTF-8, or get it again.")
    if encoding == "cp1252":
        _log.warning("%s is not in UTF-8: read as the Western Windows code page (cp1252).", path)
    return text.removeprefix("\ufeff")


def read_rows(path: Path, delimiter: str = "\t", limit: int = LIMIT) -> list[list[str]]:
    """Rows of cells of a table; an empty line is an empty row, so that row n is line n of a table with tabs.

    Line ends may be those of Unix, Windows or the old Macintosh. Quotation marks enclose cells unless the delimiter is
    a tab, as in BIDS. Raises FileError.
    """
    return rows_of(read_text(path, limit), delimiter, path)


def rows_of(text: str, delimiter: str, path: Path) -> list[list[str]]:
    """Rows of cells in the text of a table; `path` is for messages. See `read_rows`."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    if delimiter == "\t":
        return [line.split("\t") if line else [] for line in lines]
    rows: list[list[str]] = []
    try:
        rows.extend(csv.reader((f"{line}\n" for line in lines), delimiter=delimiter))
    except csv.Error as error:
        raise FileError(
            f"{path}, row {len(rows) + 1}: {error}; is a quotation mark not closed? Save the table again."
        ) from error
    return rows


def read_json_content(path: Path, limit: int = LIMIT) -> object:
    """Read any JSON. Raises FileError if the file is invalid, nested too deeply or holds invalid text."""
    text = read_text(path, limit)
    try:
        content: object = json.loads(text)
        if "\\u" in text:
            json.dumps(content, ensure_ascii=False).encode()  # lone surrogates cannot be written
    except RecursionError:
        raise FileError(f"{path} could not be read as JSON: it is nested too deeply.") from None
    except (ValueError, MemoryError) as error:
        raise FileError(f"{path} could not be read as JSON: {error}. Correct the file or make it again.") from error
    return content


def read_json(path: Path, limit: int = LIMIT) -> dict[str, object]:
    """Read a JSON object. Raises FileError if the file is invalid or holds something else."""
    content = read_json_content(path, limit)
    if not isinstance(content, dict):
        raise FileError(f"{path} must hold a JSON object, not a {type(content).__name__}.")
    return content


def _cannot_open(path: Path, error: Exception) -> FileError:
    if isinstance(error, FileError):
        return error
    if isinstance(error, FileNotFoundError):
        if path.is_symlink():
            return FileError(f"{path} is a link to content that is not here: get it first (datalad get {path}).")
        return FileError(f"{path} does not exist (any more): check the path, or make it again.")
    if isinstance(error, PermissionError):
        return FileError(f"{path} may not be read: ask the owner of the file for permission to read it and its folder.")
    if isinstance(error, OSError) and error.errno is not None:
        return FileError(f"{path} cannot be read: {os.strerror(error.errno)}.")
    return FileError(f"{path!s:.300} cannot be read: {error or type(error).__name__}.")


def _encoding_without_mark(content: bytes) -> str:
    """UTF-8 if valid; UTF-16 if every other byte is zero; else the Western Windows code page."""
    start = content[:2000]
    n_zeros = (start[0::2].count(0), start[1::2].count(0))
    if max(n_zeros) > 0.8 * len(start) / 2 and min(n_zeros) == 0:
        return "utf-16-be" if n_zeros[0] else "utf-16-le"
    try:
        content.decode()
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
