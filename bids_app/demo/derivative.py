"""The preprocessed data set: BOLD on the surface and in a volume grid, confounds, and the atlas."""

import base64
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bids_app.atomic import write_text
from bids_app.bids.derivatives import write_json, write_table
from bids_app.demo.cortex import N_VERTICES, Grid

Data = NDArray[np.float32]

SURFACE_SPACE, VOLUME_SPACE = "fsaverage5", "MNI152NLin6Asym"
SPACES = (SURFACE_SPACE, VOLUME_SPACE)
_RESOLUTION = "4"  # label of the entity `res`
_STRUCTURES = {"L": "CortexLeft", "R": "CortexRight"}


def write_surface(stem: Path, data: Data, metadata: Mapping[str, object]) -> None:
    """Write data (n_volumes, n_vertices of both hemispheres) as two time series in GIFTI format."""
    for index, (side, structure) in enumerate(_STRUCTURES.items()):
        name = f"{stem.name}_hemi-{side}_space-{SURFACE_SPACE}_bold"
        rows = data[:, index * N_VERTICES : (index + 1) * N_VERTICES]
        write_text(stem.with_name(f"{name}.func.gii"), _time_series(rows, structure))
        write_json(stem.with_name(f"{name}.json"), metadata)


def _time_series(data: Data, structure: str) -> str:
    """Return the XML of a GIFTI file with one data array per volume.

    Our own, because nibabel cannot be told to compress less, and its level takes ten times as long to save a tenth.
    """
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<GIFTI Version="1.0" NumberOfDataArrays="{len(data)}">\n<MetaData><MD>'
        f"<Name>AnatomicalStructurePrimary</Name><Value>{structure}</Value></MD></MetaData>\n<LabelTable/>\n"
    )
    tag = (
        '<DataArray Intent="NIFTI_INTENT_TIME_SERIES" DataType="NIFTI_TYPE_FLOAT32" Dimensionality="1" '
        f'Dim0="{data.shape[1]}" ArrayIndexingOrder="RowMajorOrder" Encoding="GZipBase64Binary" '
        'Endian="LittleEndian" ExternalFileName="" ExternalFileOffset=""><MetaData/><Data>'
    )
    packed = (base64.b64encode(zlib.compress(row.astype("<f4").tobytes(), 1)).decode() for row in data)
    return head + "".join(f"{tag}{text}</Data></DataArray>\n" for text in packed) + "</GIFTI>\n"


def write_volume(stem: Path, data: Data, grid: Grid, repetition_time: float, metadata: Mapping[str, object]) -> None:
    """Write data (n_volumes, n_brain) as a NIfTI image with its brain mask."""
    name = f"{stem.name}_space-{VOLUME_SPACE}_res-{_RESOLUTION}"
    bold = stem.with_name(f"{name}_desc-preproc_bold.nii.gz")
    _save(_nifti(grid.fill(data.T.astype(np.int16)), grid, repetition_time), bold)
    write_json(stem.with_name(f"{name}_desc-preproc_bold.json"), {**metadata, "SkullStripped": True})
    _save(_nifti(grid.brain.astype(np.uint8), grid), stem.with_name(f"{name}_desc-brain_mask.nii.gz"))
    write_json(stem.with_name(f"{name}_desc-brain_mask.json"), {"Type": "Brain"})


def write_confounds(stem: Path, table: pd.DataFrame, metadata: Mapping[str, Any]) -> None:
    """Write the confounds of one run."""
    write_table(stem.with_name(f"{stem.name}_desc-confounds_timeseries.tsv"), table)
    write_json(stem.with_name(f"{stem.name}_desc-confounds_timeseries.json"), metadata)


def write_atlas(
    folder: Path, name: str, labels: NDArray[np.int64], networks: Sequence[str], grid: Grid, space: str = SURFACE_SPACE
) -> Path:
    """Write the partition (n_vertices,) on the surface and in the grid.

    Returns the file for data in `space`: of the surface, that of the left hemisphere.
    """
    colours = _colours(len(networks))
    for index, (side, structure) in enumerate(_STRUCTURES.items()):
        values = labels[index * N_VERTICES : (index + 1) * N_VERTICES].astype(np.int32)
        array = nibabel.gifti.GiftiDataArray(values, intent="NIFTI_INTENT_LABEL", datatype="NIFTI_TYPE_INT32")
        image = nibabel.gifti.GiftiImage(
            darrays=[array], meta=_structure(structure), labeltable=_label_table(networks, colours)
        )
        _save(image, folder / f"tpl-{SURFACE_SPACE}_hemi-{side}_atlas-{name}_dseg.label.gii")
    volume = folder / f"tpl-{VOLUME_SPACE}_res-{_RESOLUTION}_atlas-{name}_dseg.nii.gz"
    inside = np.where(grid.in_ribbon, labels[grid.nearest], 0).astype(np.int16)
    _save(_nifti(grid.fill(inside), grid), volume)
    table = {"index": range(1, len(networks) + 1), "name": networks, "color": [_hexadecimal(c) for c in colours]}
    write_table(volume.with_name(volume.name.replace(".nii.gz", ".tsv")), pd.DataFrame(table))
    return volume if space == VOLUME_SPACE else folder / f"tpl-{SURFACE_SPACE}_hemi-L_atlas-{name}_dseg.label.gii"


def _save(image: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image, path)


def _nifti(volume: NDArray[Any], grid: Grid, repetition_time: float | None = None) -> nibabel.Nifti1Image:
    image = nibabel.Nifti1Image(volume, grid.affine)
    image.set_qform(grid.affine, code=4)  # 4: coordinates of the MNI space
    image.set_sform(grid.affine, code=4)
    image.header.set_xyzt_units("mm", "sec")
    if repetition_time is not None:
        image.header.set_zooms((*image.header.get_zooms()[:3], repetition_time))
    return image


def _structure(name: str) -> nibabel.gifti.GiftiMetaData:
    return nibabel.gifti.GiftiMetaData(AnatomicalStructurePrimary=name)


def _colours(n_networks: int) -> NDArray[np.float64]:
    """Return (n_networks, 3): colours round the hue circle, each second one darker."""
    hue = np.arange(n_networks) / n_networks
    circle = 0.5 + 0.5 * np.cos(2 * np.pi * (hue[:, None] - np.array([0, 1 / 3, 2 / 3])))
    return np.asarray(circle * np.where(np.arange(n_networks) % 2, 0.7, 0.95)[:, None])


def _hexadecimal(colour: NDArray[np.float64]) -> str:
    return "#" + "".join(f"{round(255 * part):02X}" for part in colour)


def _label_table(networks: Sequence[str], colours: NDArray[np.float64]) -> nibabel.gifti.GiftiLabelTable:
    table = nibabel.gifti.GiftiLabelTable()
    entries = [("none", (0.0, 0.0, 0.0), 0.0)]
    entries += [(name, tuple(colour), 1.0) for name, colour in zip(networks, colours.tolist(), strict=True)]
    for key, (name, (red, green, blue), alpha) in enumerate(entries):
        label = nibabel.gifti.GiftiLabel(key=key, red=red, green=green, blue=blue, alpha=alpha)
        label.label = name
        table.labels.append(label)
    return table
