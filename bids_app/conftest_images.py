"""Small GIFTI and CIFTI files, and CIFTI files with another description of their axes."""

import struct
from collections.abc import Callable

import nibabel
import numpy as np
import numpy.typing as npt

_OFFSET_AT = 168  # of the data, in the header of NIfTI-2
SERIES_AXIS = nibabel.cifti2.SeriesAxis(0, 2, 5)


def gifti(data: list[npt.NDArray[np.generic]], encoding: str, is_label: bool = False) -> bytes:
    """GIFTI with one array for each of the data."""
    table = nibabel.gifti.GiftiLabelTable()
    for key, name in enumerate(("none", "Vis", "Som")):
        label = nibabel.gifti.GiftiLabel(key, 0.5, 0.0, 1.0, 1.0)
        label.label = name
        table.labels.append(label)
    intent = "NIFTI_INTENT_LABEL" if is_label else "NIFTI_INTENT_TIME_SERIES"
    arrays = [nibabel.gifti.GiftiDataArray(row, intent=intent, encoding=encoding) for row in data]
    return bytes(nibabel.gifti.GiftiImage(darrays=arrays, labeltable=table if is_label else None).to_bytes())


def brain_models() -> nibabel.cifti2.BrainModelAxis:
    """Twenty vertices of each hemisphere."""
    mask = np.zeros(642, dtype=bool)
    mask[:20] = True
    left, right = (nibabel.cifti2.BrainModelAxis.from_mask(mask, f"Cortex{side}") for side in ("Left", "Right"))
    return left + right


def cifti(rows: nibabel.cifti2.Axis, with_voxels: bool = False) -> bytes:
    """A dense file with one row for each element of the axis."""
    columns = brain_models()
    if with_voxels:
        voxels = np.array([[0, 0, 0], [1, 0, 0]])
        affine = np.diag([2.0, 2, 2, 1])
        columns += nibabel.cifti2.BrainModelAxis("THALAMUS_LEFT", voxel=voxels, affine=affine, volume_shape=(2, 2, 2))
    data = np.random.default_rng(0).integers(0, 3, (len(rows), len(columns))).astype(np.float32)
    return bytes(nibabel.Cifti2Image(data, (rows, columns)).to_bytes())


def cifti_xml(content: bytes) -> bytes:
    """The description of the axes in a CIFTI file."""
    return content[content.index(b"<CIFTI") : content.index(b"</CIFTI>") + len(b"</CIFTI>")]


def with_xml(content: bytes) -> Callable[[bytes], bytes]:
    """Puts another description into a CIFTI file, whatever its length."""
    (start,) = struct.unpack_from("<q", content, _OFFSET_AT)

    def pack(xml: bytes) -> bytes:
        size = -(-(len(xml) + 8) // 16) * 16
        header = content[:_OFFSET_AT] + struct.pack("<q", 544 + size) + content[_OFFSET_AT + 8 : 544]
        return header + struct.pack("<ii", size, 32) + xml.ljust(size - 8, b"\0") + content[start:]

    return pack
