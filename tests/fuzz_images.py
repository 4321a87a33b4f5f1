"""Readers of images that users give, and the good files that fuzzing damages for them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bids_app import conftest_images as images
from tests import fuzz_calls as calls
from tests import fuzz_seeds as seeds


@dataclass(frozen=True)
class Reader:
    """A reader: the name of its file, good files, and the call.

    `beside` are further files, by name; `pack` is what is done to the content once it is damaged.
    """

    file: str
    seeds: tuple[bytes, ...]
    read: Callable[[Path], None]
    beside: dict[str, bytes] = field(default_factory=dict)
    pack: Callable[[bytes], bytes] = bytes


_REPETITION = {"b_bold.json": b'{"RepetitionTime": 2}'}

_NAMES = {"a_dseg.tsv": b"index\tname\n1\tV\n2\tS\n"}
IMAGES = {
    "annot": Reader("lh.T.annot", (seeds.annotation(),), calls.labels),
    "label.gii": Reader(
        "lh.T.label.gii",
        seeds.LABEL_FILES,
        calls.labels,
    ),
    "atlas volume": Reader(
        "a_dseg.nii",
        (seeds.ATLAS,),
        calls.labels,
        _NAMES,
    ),
    "atlas volume, compressed": Reader("a_dseg.nii.gz", (seeds.compress(seeds.ATLAS),), calls.labels, _NAMES),
    "gifti": Reader(
        "L.func.gii",
        tuple(
            images.gifti(list(seeds.DATA), encoding) for encoding in ("GIFTI_ENCODING_ASCII", "GIFTI_ENCODING_B64GZ")
        ),
        calls.recording("surface", "L.func.gii", "R.func.gii"),
        {"R.func.gii": images.gifti(list(seeds.DATA), "GIFTI_ENCODING_B64GZ")},
    ),
    "nifti": Reader("b_bold.nii", (seeds.BOLD,), calls.recording("volume", "b_bold.nii")),
    "nifti, compressed": Reader(
        "b_bold.nii.gz", (seeds.compress(seeds.BOLD),), calls.recording("volume", "b_bold.nii.gz")
    ),
    "cifti": Reader(
        "b.dtseries.nii",
        (images.cifti(images.SERIES_AXIS), seeds.SERIES_FILE),
        calls.recording("cifti", "b.dtseries.nii"),
    ),
    "atlas volume, compressed when damaged": Reader(
        "a_dseg.nii.gz", (seeds.ATLAS,), calls.labels, _NAMES, pack=seeds.compress
    ),
    "nifti, compressed when damaged": Reader(
        "b_bold.nii.gz", (seeds.BOLD,), calls.recording("volume", "b_bold.nii.gz"), pack=seeds.compress
    ),
    "cifti, described wrongly": Reader(
        "b.dtseries.nii",
        (images.cifti_xml(seeds.SERIES_FILE),),
        calls.recording("cifti", "b.dtseries.nii"),
        pack=images.with_xml(seeds.SERIES_FILE),
    ),
    "atlas grayordinates, described wrongly": Reader(
        "a.dlabel.nii",
        (images.cifti_xml(seeds.LABEL_FILE),),
        calls.grayordinate_labels,
        pack=images.with_xml(seeds.LABEL_FILE),
    ),
    "header of grayordinates, described wrongly": Reader(
        "b.dtseries.nii",
        (images.cifti_xml(seeds.SERIES_FILE),),
        calls.headers("cifti", "b.dtseries.nii"),
        pack=images.with_xml(seeds.SERIES_FILE),
    ),
    "atlas grayordinates": Reader("a.dlabel.nii", (images.cifti(seeds.LABEL_AXIS),), calls.grayordinate_labels),
    "mask volume": Reader("mask.nii", (seeds.ATLAS,), calls.mask_of("volume")),
    "mask surface": Reader(
        "L.mask.func.gii", (seeds.PAIRED,), calls.mask_of("surface"), {"R.mask.func.gii": seeds.PAIRED}
    ),
    "mask grayordinates": Reader("mask.dscalar.nii", (images.cifti(seeds.SCALAR_AXIS),), calls.mask_of("cifti")),
    "header of a volume": Reader("b_bold.nii", (seeds.BOLD,), calls.headers("volume", "b_bold.nii"), _REPETITION),
    "header of a compressed volume": Reader(
        "b_bold.nii.gz",
        (seeds.BOLD,),
        calls.headers("volume", "b_bold.nii.gz"),
        _REPETITION,
        pack=seeds.compress,
    ),
    "header of a surface": Reader(
        "L.func.gii",
        (images.gifti(list(seeds.DATA), "GIFTI_ENCODING_B64GZ"),),
        calls.headers("surface", "L.func.gii"),
        {"L.json": b'{"RepetitionTime": 2}'},
    ),
    "header of grayordinates": Reader(
        "b.dtseries.nii", (images.cifti(images.SERIES_AXIS),), calls.headers("cifti", "b.dtseries.nii")
    ),
    "raw image": Reader("raw_bold.nii.gz", (seeds.BOLD,), calls.raw_image, pack=seeds.compress),
}
