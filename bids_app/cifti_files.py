"""Load images after checking their description of grayordinates, before nibabel builds anything from it.

nibabel trusts the XML of a CIFTI file: it raises ten to any power and allocates any number of grayordinates.
Imports nothing from the package.
"""

import gzip
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any
from xml.parsers import expat

import nibabel

_HEADER = 540  # bytes of the header of NIfTI-2, the format of every CIFTI file
_OFFSET_AT = 168  # position of the field that holds the offset of the data
_CODE = 32  # code of the extension that holds the XML
_LARGEST = 2**28  # bytes; the XML of both cortices at 164,000 vertices has less than 5 MB
_MOST_DIMENSIONS = 7
_LARGEST_EXPONENT = 30


def load_image(path: Path) -> Any:
    """An image as nibabel reads it.

    Raises ValueError if the XML of a CIFTI file asks for more than the file can hold, and whatever nibabel raises.
    """
    for xml in _descriptions(path):
        _check(xml)
    with warnings.catch_warnings(action="ignore"):  # different sizes are refused with a message elsewhere
        return nibabel.load(path)


def _descriptions(path: Path) -> list[bytes]:
    """The XML of a CIFTI file; empty for other files, and for files that nibabel will refuse."""
    try:
        with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as file:
            header = file.read(_HEADER + 4)
            order = next((mark for mark in "<>" if header[:4] == struct.pack(f"{mark}i", _HEADER)), None)
            if order is None or len(header) < _HEADER + 4:
                return []
            (offset,) = struct.unpack_from(f"{order}q", header, _OFFSET_AT)
            content = file.read(min(max(offset - len(header), 0), _LARGEST))
    except (OSError, EOFError, zlib.error):
        return []
    descriptions, at = [], 0
    while at + 8 <= len(content):
        size, code = struct.unpack_from(f"{order}ii", content, at)
        if size < 8:
            break
        if code == _CODE:
            descriptions.append(content[at + 8 : at + size].rstrip(b"\0"))
        at += size
    return descriptions


def _check(xml: bytes) -> None:
    """Raise ValueError for impossible numbers in the description of the axes."""
    limits = {
        "SeriesExponent": _LARGEST_EXPONENT,
        "MeterExponent": _LARGEST_EXPONENT,
        "AppliesToMatrixDimension": _MOST_DIMENSIONS - 1,
        "IndexCount": len(xml),  # each index takes at least a digit and a blank
        "IndexOffset": len(xml),
    }

    def start(_: str, attributes: dict[str, str]) -> None:
        for key in limits.keys() & attributes.keys():
            for number in attributes[key].split(","):
                if abs(int(number)) > limits[key]:
                    raise ValueError(f"{key} = {attributes[key]:.40} in the description of its axes is impossible")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    try:
        parser.Parse(xml, True)
    except expat.ExpatError:
        return  # nibabel stops at the same point with its own message
