"""Read GIFTI files within the sizes that they state. Imports only `text_files` from the package."""

import base64
import binascii
import math
import sys
import zlib
from pathlib import Path
from typing import Any
from xml.parsers import expat

import nibabel
import numpy as np
from nibabel.gifti.parse_gifti_fast import GiftiImageParser, gifti_encoding_codes, read_data_block

from bids_app.text_files import FileError, check_content

_WIDEST = 8  # bytes of a value
# Raised by the parsers for files that are not GIFTI.
_BROKEN = (
    FileError,
    OSError,
    ArithmeticError,
    ValueError,
    LookupError,
    MemoryError,
    AttributeError,
    TypeError,
    AssertionError,
    expat.ExpatError,
    zlib.error,
)
_MOST_DIMENSIONS = 6  # of GIFTI


class _Parser(GiftiImageParser):  # type: ignore[misc]
    """nibabel's parser, which stops at an array whose length differs from its stated dimensions."""

    _char_blocks: list[str] | None

    def StartElementHandler(self, name: str, attrs: dict[str, str]) -> None:  # noqa: N802 (nibabel's name)
        """Handle the start of an element: called by nibabel, which would accept any number of dimensions."""
        if name == "DataArray":
            number = self.img.numDA + 1
            n_dimensions = int(attrs.get("Dimensionality", "0"))
            if not 0 <= n_dimensions <= _MOST_DIMENSIONS:
                raise FileError(f"array {number} has {n_dimensions} dimensions")
            sizes = [f"Dim{axis}" for axis in range(n_dimensions)]
            missing = [size for size in sizes if size not in attrs]
            if missing:
                raise FileError(f"array {number} has no {missing[0]}")
        super().StartElementHandler(name, attrs)

    def flush_chardata(self) -> None:
        """Handle the text of a finished element: called by nibabel."""
        if self.write_to == "Data":
            blocks, self._char_blocks = self._char_blocks, None
            self.da.data = self._decoded("".join(blocks or []))
        else:
            super().flush_chardata()

    def _decoded(self, text: str) -> Any:
        number = self.img.numDA
        encoding = gifti_encoding_codes.label[self.da.encoding]
        if encoding == "External" or self.da.ext_fname:
            raise FileError(f"array {number} lies in another file: save it with its data inside")
        if encoding == "ASCII":
            return read_data_block(self.da, None, text, mmap=False)
        kind = nibabel.nifti1.data_type_codes.dtype[self.da.datatype]
        kind = kind.newbyteorder(nibabel.gifti.gifti.gifti_endian_codes.byteorder[self.da.endian])
        n_bytes = kind.itemsize * math.prod(self.da.dims)
        if not 0 < n_bytes < sys.maxsize:
            raise FileError(f"array {number} has impossible dimensions")
        content = base64.b64decode(text)
        if encoding == "B64GZ":
            content = zlib.decompressobj().decompress(content, n_bytes + 1)  # no more than expected
        if len(content) != n_bytes or kind.itemsize > _WIDEST or kind.hasobject:
            raise FileError(f"array {number} does not hold the {n_bytes} bytes that its dimensions ask for")
        order = nibabel.gifti.gifti.array_index_order_codes.npcode[self.da.ind_ord]
        return np.frombuffer(content, dtype=kind).reshape(tuple(self.da.dims), order=order)


def read_gifti(path: Path) -> nibabel.GiftiImage:
    """Read a GIFTI file, whose arrays are read-only.

    Raises FileError if it is truncated, is no GIFTI file, or holds arrays of another size than it states. Compressed
    data are expanded only up to that size, so a small file cannot fill the memory.
    """
    if check_content(path) == 0:
        raise FileError(_broken(path, "it is empty"))
    parser = _Parser()
    try:
        with path.open("rb") as file:
            parser.parse(fptr=file)
    except _BROKEN as error:
        reason = "its text is damaged" if isinstance(error, binascii.Error | zlib.error) else str(error)
        raise FileError(_broken(path, reason)) from error
    if parser.img is None or not parser.img.darrays:
        raise FileError(_broken(path, "it holds no data arrays"))
    return parser.img


def _broken(path: Path, reason: str) -> str:
    return f"{path} could not be read: it is not a complete GIFTI file ({reason}). Get or make it again."
