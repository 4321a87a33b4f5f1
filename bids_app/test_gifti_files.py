from pathlib import Path

import numpy as np
import pytest

from bids_app.conftest_images import gifti
from bids_app.gifti_files import read_gifti
from bids_app.text_files import FileError

_DATA = np.random.default_rng(0).normal(size=(6, 40)).astype(np.float32)
_FILES = [gifti(list(_DATA), f"GIFTI_ENCODING_{encoding}") for encoding in ("ASCII", "B64BIN", "B64GZ")]


@pytest.mark.parametrize("content", _FILES)
def test_dimensions_are_not_believed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.func.gii"
    path.write_bytes(content)
    read_gifti(path)
    for old, new, reason in (
        (b'Dimensionality="1"', b'Dimensionality="999999999"', "array 1 has 999999999 dimensions"),
        (b'Dimensionality="1"', b'Dimensionality="-1"', "array 1 has -1 dimensions"),
        (b'Dimensionality="1"', b'Dimensionality="2"', "array 1 has no Dim1"),
    ):
        path.write_bytes(content.replace(old, new))
        with pytest.raises(FileError, match=reason):
            read_gifti(path)


@pytest.mark.parametrize("content", _FILES[1:])
@pytest.mark.parametrize("size", ["0", "-40", "9" * 30, "39"])
def test_sizes_are_those_of_the_data(tmp_path: Path, content: bytes, size: str) -> None:
    path = tmp_path / "a.func.gii"
    path.write_bytes(content.replace(b'Dim0="40"', f'Dim0="{size}"'.encode()))
    with pytest.raises(FileError, match=r"impossible dimensions|does not hold the 156 bytes"):
        read_gifti(path)
