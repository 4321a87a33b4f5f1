"""Image files: checks that they are complete and fit into memory."""

import gzip
import math
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

import numpy as np
from nibabel.cifti2.cifti2 import Cifti2HeaderError
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from bids_app.bids.errors import DatasetError

# Raised by nibabel, zlib and expat for truncated files and files that are not images.
BROKEN = (
    EOFError,
    OSError,
    ImageFileError,
    HeaderDataError,
    Cifti2HeaderError,
    ValueError,
    LookupError,
    OverflowError,
    AttributeError,
    AssertionError,
    TypeError,
    MemoryError,
    zlib.error,
    ExpatError,
)
_MOST_COMPRESSION = 1032  # largest compression ratio of deflate


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn any error that a damaged file raises in its reader into a DatasetError that names the file."""
    try:
        yield
    except DatasetError:
        raise
    except BROKEN as error:
        raise DatasetError(
            f"{path} could not be read ({type(error).__name__}: {error}): "
            "it is truncated or not an image. Get or make it again."
        ) from error


@contextmanager
def to_the_end(path: Path, image: Any) -> Iterator[Any]:
    """The image in a stream that is read to its end, where the checksum of gzip reveals damage."""
    if not path.name.endswith(".gz") or not hasattr(image, "from_stream"):
        yield image
        return
    with gzip.open(path, "rb") as stream:
        yield type(image).from_stream(stream)
        while stream.read(2**20):
            pass


def check_size(path: Path, image: Any, memory: int | None = None) -> None:
    """Raise DatasetError if the header asks for more than fits into the file or the memory (bytes)."""
    stored = image.get_data_dtype() if hasattr(image, "get_data_dtype") else image.nifti_header.get_data_dtype()
    n_values = int(np.prod([int(size) for size in image.shape], dtype=object))
    asked = n_values * stored.itemsize
    on_disk = path.stat().st_size
    most = on_disk * _MOST_COMPRESSION if path.name.endswith(".gz") else on_disk
    shape = " × ".join(map(str, image.shape))
    if asked > most:
        raise DatasetError(
            f"{path} could not be read: its header says {shape} values ({_gb(asked)}), more than a file of "
            f"{_gb(on_disk)} can hold. It is truncated or its header is wrong: get or make it again."
        )
    available = _available_memory() if memory is None else memory
    needed = asked + 4 * n_values  # as stored, and as float32
    if needed > available:
        raise DatasetError(
            f"{path} needs {_gb(needed)} of memory ({shape} values) and {_gb(available)} are free: check its header, "
            "take a machine with more memory, or raise --mem-mb."
        )


def check_arrays(path: Path, memory: int | None = None) -> None:
    """Raise DatasetError if the data arrays of a GIFTI file need more than the memory (bytes).

    It reads only the opening tags and decodes nothing.
    """
    tags = re.findall(rb"<DataArray\b[^>]*>", path.read_bytes())
    n_values = sum(math.prod(int(size) for size in re.findall(rb'\bDim\d\s*=\s*"(\d{1,18})"', tag)) for tag in tags)
    available = _available_memory() if memory is None else memory
    if 8 * n_values > available:  # as stored, and as float32
        raise DatasetError(
            f"{path} needs {_gb(8 * n_values)} of memory ({n_values:,} values) and {_gb(available)} are free: check "
            "it, take a machine with more memory, or raise --mem-mb."
        )


def check_numbers(path: Path, image: Any) -> None:
    """Raise DatasetError for colours and complex numbers, which are not BOLD."""
    stored = image.get_data_dtype()
    if stored.kind not in "biuf":
        name = "colours (RGB)" if stored.names else "complex numbers" if stored.kind == "c" else str(stored)
        raise DatasetError(f"{path} holds {name}, where real numbers are needed: convert it, or choose another file.")


def _available_memory() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _gb(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:,.1f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:,.1f} MB"
