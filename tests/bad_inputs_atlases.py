"""Bad atlases, and bad tables of their names; see `bad_inputs`."""

import gzip

import nibabel as nib
import numpy as np
from nibabel.cifti2 import LabelAxis

from tests.bad_inputs import Case
from tests.bad_inputs_data import GRID, N_VERTICES, write, write_cifti, write_image
from tests.bad_inputs_files import THINGS, replaced

NETWORKS = ("--analysis", "networks", "--atoms", "4", "-w", "{bases}/work")
LABELS = np.arange(np.prod(GRID)).reshape(GRID) % 3 + 1
NAMES = ("none", "Vis", "Default", "Cont")
TABLE = "index\tname\n1\tVis\n2\tDefault\n3\tCont\n"
VOLUME = "tpl-MNI152NLin6Asym_atlas-A_dseg.nii.gz"


def atlas_case(name, message, make, kind="volumes", option="--atlas", **more):
    def spoil(bench):
        return option, make(bench)

    return Case(f"atlas: {name}", message, spoil, kind=kind, **({"options": NETWORKS} | more))


def label_volume(bench, data=LABELS, table=TABLE, name=VOLUME, **more):
    path = write_image(bench.root / name, np.asarray(data, dtype=np.int16), **more)
    if table is not None:
        write(_table_of(path), table)
    return path


def _table_of(path):
    return path.with_name(path.name.partition(".")[0] + ".tsv")


def _truncated(bench):
    path = label_volume(bench)
    return write(path, path.read_bytes()[:60])


def _of_thing(make, which):
    """An atlas in which one of the files is a folder, pipe or the like."""

    def spoilt(bench):
        path = label_volume(bench)
        replaced(lambda _: which(path), make)(bench)
        return path

    return spoilt


def label_gifti(bench, n=N_VERTICES, labels=(1, 2, 3), names=NAMES):
    for hemi in "LR":
        values = np.resize(labels, n).astype(np.int32)
        array = nib.gifti.GiftiDataArray(values, "NIFTI_INTENT_LABEL", "NIFTI_TYPE_INT32")
        table = nib.gifti.GiftiLabelTable()
        for number, name in enumerate(names):
            label = nib.gifti.GiftiLabel(number, 1, 1, 1, 1)
            label.label = name
            table.labels.append(label)
        nib.save(nib.GiftiImage(darrays=[array], labeltable=table), bench.root / f"atlas_hemi-{hemi}.label.gii")
    return bench.root / "atlas_hemi-L.label.gii"


def _gifti_with(table, **more):
    return lambda bench: (label_gifti(bench, **more), write(bench.root / "atlas.tsv", table))[0]


def _annot(bench, content=None):
    """Annotations of both hemispheres; the left one holds `content`, or a colour that its table lacks."""
    colours = np.array([[10, 20, 30, 0, 0], [40, 50, 60, 0, 0], [70, 80, 90, 0, 0]])
    for hemi in "lr":
        path = bench.root / f"{hemi}h.a.annot"
        labels = np.arange(N_VERTICES) % 3
        nib.freesurfer.write_annot(path, labels, colours, ["Vis", "Default", "Cont"], fill_ctab=True)
    path = bench.root / "lh.a.annot"
    if content is None:
        content = bytearray(path.read_bytes())
        content[8:12] = (11).to_bytes(4, "big")  # the colour of the first vertex
        content = bytes(content)
    return write(path, content)


def _cifti(bench, labels=(1, 2, 3), names=NAMES, name="a.dlabel.nii"):
    table = {number: (label, (1, 1, 1, 1)) for number, label in enumerate(names)}
    rows = LabelAxis(["atlas"], table)
    return write_cifti(bench.root / name, np.resize(labels, (1, 2 * N_VERTICES)), rows)


def _cut(path, share=0.7):
    return write(path, path.read_bytes()[: int(path.stat().st_size * share)])


IMAGES = (
    atlas_case(
        "of a space that is not the data's",
        "space|MNI",
        lambda b: label_volume(b, name="tpl-MNI152NLin2009cAsym_atlas-A_dseg.nii.gz"),
    ),
    atlas_case("truncated", "damaged|truncated|could not be read|cannot be read", _truncated),
    atlas_case("all zero", "label|empty|no region|none", lambda b: label_volume(b, np.zeros(GRID))),
    atlas_case("fractions", "whole|integer|label", lambda b: write_image(b.root / VOLUME, LABELS + np.float32(0.4))),
    atlas_case(
        "of four dimensions", "dimension|3D|4", lambda b: write_image(b.root / VOLUME, np.ones((*GRID, 4), "i2"))
    ),
    atlas_case(
        "elsewhere",
        "do not overlap anywhere",
        lambda b: label_volume(b, affine=np.array([[4, 0, 0, 900], [0, 4, 0, 0], [0, 0, 4, 0], [0, 0, 0, 1]])),
    ),
    atlas_case("unknown format", "format|ending|\\.xyz", lambda b: write(b.root / "a.xyz", "x")),
    atlas_case(
        "a folder without files", "empty|holds no|no atlas", lambda b: ((b.root / "atl").mkdir(), b.root / "atl")[1]
    ),
    atlas_case(
        "of a volume, for surfaces", "is a volume, and the data lie on a surface", label_volume, kind="surfaces"
    ),
    atlas_case("of a volume, for regions", "--atlas .* is not used", label_volume, kind="regions", status=0),
    atlas_case("empty annot", "annot", lambda b: _annot(b, b""), kind="surfaces"),
    atlas_case("broken gifti", "gii", lambda b: write(label_gifti(b), "<GIFTI"), kind="surfaces"),
    atlas_case("of other vertices", "vertices", lambda b: label_gifti(b, N_VERTICES - 4), kind="surfaces"),
    atlas_case("cifti cut", r"a\.dlabel\.nii cannot be read", lambda b: _cut(_cifti(b)), kind="cifti"),
    atlas_case("cifti of scalars", "holds no labels", lambda b: b.bold().rename(b.root / "a.dlabel.nii"), kind="cifti"),
    *(
        atlas_case(f"image: {name}", message, _of_thing(make, lambda path: path), seconds=20)
        for name, (make, message) in THINGS.items()
    ),
    *(
        atlas_case(
            f"gifti: {name}",
            message,
            lambda b, make=make: (replaced(label_gifti, make)(b), b.root / "atlas_hemi-L.label.gii")[1],
            kind="surfaces",
            seconds=20,
        )
        for name, (make, message) in THINGS.items()
    ),
    *(
        atlas_case(
            f"annot: {name}",
            message,
            lambda b, make=make: (replaced(_annot, make)(b), b.root / "lh.a.annot")[1],
            kind="surfaces",
            seconds=20,
        )
        for name, (make, message) in THINGS.items()
    ),
    *(
        atlas_case(
            f"cifti: {name}",
            message,
            lambda b, make=make: (replaced(_cifti, make)(b), b.root / "a.dlabel.nii")[1],
            kind="cifti",
            seconds=20,
        )
        for name, (make, message) in THINGS.items()
    ),
)


def _with(name, message, table, **more):
    return atlas_case(f"table {name}", message, lambda b: label_volume(b, table=table), **more)


LACKS = r"has the label 3 at \d+ positions, which its (own table of names|table of names, .*,) does not name: add a row"

TABLES = (
    _with("that lacks a label", LACKS, TABLE[:-7]),
    _with("gone", r"has 3 labels \(1, 2, 3\) and no table of their names: put tpl-.*_dseg\.tsv beside it", None),
    _with("of other labels", r"has 3 labels \(1, 2, 3\).*dseg\.tsv, does not name", "index\tname\n11\tA\n12\tB\n"),
    _with("of more labels", "", TABLE + "9\tLimbic\n", status=0),
    _with("empty", r"dseg\.tsv is empty", ""),
    _with("header only", r"dseg\.tsv has no row with a label", "index\tname\n"),
    _with("without names", r"dseg\.tsv has no column with names, only index, color", "index\tcolor\n1\t#ff0000\n"),
    _with("without labels", r"dseg\.tsv has no column with labels", "name\tcolor\nVis\t#ff0000\n"),
    _with("of commas", r"dseg\.tsv has no column with labels", TABLE.replace("\t", ",")),
    _with("label twice", r"dseg\.tsv has the label 3 twice, as 'Cont' and as 'Limbic'", TABLE + "3\tLimbic\n"),
    _with("names twice", r"dseg\.tsv has several columns called name", TABLE.replace("\tname", "\tname\tname", 1)),
    _with("of fractions", r"dseg\.tsv, line 2: the label '1\.5' is not a whole number", TABLE.replace("1\t", "1.5\t")),
    _with("a name missing", LACKS, TABLE.replace("Cont", "")),
    _with("gzip", r"dseg\.tsv (holds NUL|is not text)", gzip.compress(TABLE.encode(), mtime=0)),
    _with("garbage", r"dseg\.tsv (holds NUL|is not text)", bytes(range(256)) * 20),
    _with("UTF-16 cut in a letter", r"dseg\.tsv is not text in UTF-16", TABLE.encode("utf-16")[:-1]),
    _with("UTF-16", "", TABLE.encode("utf-16"), status=0),
    _with(
        "latin-1",
        "is not in UTF-8: read as the Western Windows",
        (TABLE + "4\tcaf\u00e9\n").encode("latin-1"),
        status=0,
    ),
    *(
        atlas_case(f"table {name}", message, _of_thing(make, _table_of), seconds=20)
        for name, (make, message) in THINGS.items()
        if name != "empty"
    ),
    atlas_case(
        "annot lacks a colour", r"has 1 vertices with a colour \(11\) that its own table", _annot, kind="surfaces"
    ),
    atlas_case("gifti lacks a label", LACKS, lambda b: label_gifti(b, names=NAMES[:3]), kind="surfaces"),
    atlas_case(
        "gifti lacks a label, and its table",
        LACKS,
        _gifti_with(TABLE[:-7], names=NAMES[:3]),
        kind="surfaces",
    ),
    atlas_case(
        "gifti without names",
        r"has 3 labels .* no table of their names",
        lambda b: label_gifti(b, names=()),
        kind="surfaces",
    ),
    atlas_case("gifti with a broken table", r"atlas\.tsv is empty", _gifti_with("", names=()), kind="surfaces"),
    atlas_case("cifti lacks a label", LACKS, lambda b: _cifti(b, names=NAMES[:3]), kind="cifti"),
    atlas_case("cifti without names", "no table of their names", lambda b: _cifti(b, names=()), kind="cifti"),
    atlas_case("gifti lacks a label, for cifti", LACKS, lambda b: label_gifti(b, names=NAMES[:3]), kind="cifti"),
    atlas_case(
        "regions lack a label",
        r"--regions .*" + LACKS,
        lambda b: label_volume(b, table=TABLE[:-7]),
        option="--regions",
        options=("--analysis", "forecast", "--distances", "0", "2", "--tested-distance", "2"),
    ),
)

CASES_OF_ATLASES = (*IMAGES, *TABLES)
