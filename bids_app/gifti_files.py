"""Whether a GIFTI file can be read within the size that it says. Imports nothing of the package but text files."""

import base64
import binascii
import math
import sys
import zlib
from pathlib import Path
from xml.parsers import expat

from bids_app.text_files import FileError, check_content

# GIFTI allows UINT8, INT32 and FLOAT32; the others are written all the same.
_ITEM_BYTES = {
    f"NIFTI_TYPE_{kind}{8 * size}": size
    for kind, sizes in (("UINT", (1, 2, 4, 8)), ("INT", (1, 2, 4, 8)), ("FLOAT", (4, 8)))
    for size in sizes
}
_MOST_DIMENSIONS = 6  # of GIFTI


class _Arrays:
    """Follows a GIFTI file and stops at the first array that is not as long as its dimensions say."""

    def __init__(self) -> None:
        self._attributes: dict[str, str] = {}
        self._shape: list[int] = []
        self._text: list[str] = []
        self._inside = False
        self.n_arrays = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "DataArray":
            self._attributes, self.n_arrays = attributes, self.n_arrays + 1
            self._shape = self._shape_of(attributes)
            if attributes.get("ExternalFileName"):
                raise FileError(f"array {self.n_arrays} lies in another file: save it with its data inside")
        self._inside, self._text = name == "Data", []

    def _shape_of(self, attributes: dict[str, str]) -> list[int]:
        """Sizes of an array's dimensions; nibabel would look for any number of them."""
        n_dimensions = int(attributes.get("Dimensionality", "0"))
        if not 0 <= n_dimensions <= _MOST_DIMENSIONS:
            raise FileError(f"array {self.n_arrays} has {n_dimensions} dimensions")
        missing = [name for axis in range(n_dimensions) if (name := f"Dim{axis}") not in attributes]
        if missing:
            raise FileError(f"array {self.n_arrays} has no {missing[0]}")
        return [int(attributes[f"Dim{axis}"]) for axis in range(n_dimensions)]

    def characters(self, text: str) -> None:
        if self._inside:
            self._text.append(text)

    def end(self, name: str) -> None:
        if name == "Data":
            self._check("".join(self._text))
        self._inside = False

    def _check(self, data: str) -> None:
        if self._attributes.get("Encoding") not in {"GZipBase64Binary", "Base64Binary"}:
            return
        n_bytes = math.prod(self._shape) * _ITEM_BYTES.get(self._attributes.get("DataType", ""), 0)
        if not 0 < n_bytes < sys.maxsize:
            raise FileError(f"array {self.n_arrays} has dimensions that cannot be")
        content = base64.b64decode(data)
        if self._attributes["Encoding"] == "GZipBase64Binary":
            content = zlib.decompressobj().decompress(content, n_bytes + 1)  # no more than is expected
        if len(content) != n_bytes:
            raise FileError(f"array {self.n_arrays} does not hold the {n_bytes} bytes that its dimensions ask for")


def check_gifti(path: Path) -> None:
    """Raise FileError for a GIFTI file that is cut off, is none, or holds arrays of another size than it says.

    Compressed data are expanded no further than that size, so that a small file cannot fill the memory.
    """
    check_content(path)
    arrays = _Arrays()
    parser = expat.ParserCreate()
    parser.StartElementHandler = arrays.start
    parser.EndElementHandler = arrays.end
    parser.CharacterDataHandler = arrays.characters
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
    except (FileError, OSError, ValueError, LookupError, MemoryError, expat.ExpatError, zlib.error) as error:
        reason = "its text is damaged" if isinstance(error, binascii.Error | zlib.error) else str(error)
        raise FileError(_broken(path, reason)) from error
    if arrays.n_arrays == 0:
        raise FileError(_broken(path, "it holds no data arrays"))


def _broken(path: Path, reason: str) -> str:
    return f"{path} could not be read: it is no whole GIFTI file ({reason}). Get or make it again."
