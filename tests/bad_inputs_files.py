"""Bad images, tables, events and words; see `bad_inputs`."""

import gzip
import os
import socket
from pathlib import Path

import nibabel as nib
import numpy as np

from tests.bad_inputs import Case
from tests.bad_inputs_data import (
    CONFOUNDS,
    GRID,
    N_REGIONS,
    N_VERTICES,
    REPETITION_TIME,
    VOLUMES,
    region_table,
    write,
    write_gifti,
    write_image,
)

DEEP = "[" * 100_000
GOOD_SERIES = 100 + np.random.default_rng(9).standard_normal((VOLUMES, N_REGIONS))


def of_one(name, message, spoil, **more):
    """A problem of sub-01 that does not affect sub-02."""
    return Case(name, message, spoil, others=True, **more)


def accepted(name, message, spoil, **more):
    """An input that is analysed with a warning."""
    return Case(name, message, spoil, status=0, others=True, **more)


def _content(which, content):
    return lambda bench: write(which(bench), content(bench) if callable(content) else content) and None


def replaced(which, make):
    """A folder, pipe or the like instead of a file."""

    def spoil(bench):
        path = which(bench)
        path.unlink()
        make(path)

    return spoil


def _socket(path):
    folder = Path.cwd()
    os.chdir(path.parent)
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(folder)


def _zero(path):
    path.symlink_to("/dev/zero")


def _nowhere(path):
    path.symlink_to("../.git/annex/objects/MD5E-s1.nii")


THINGS = {
    "a folder": (os.mkdir, r"is a folder"),
    "a pipe": (os.mkfifo, r"(is a|a pipe|neither|not a regular)"),
    "a socket": (_socket, r"(is a|a pipe|neither|not a regular)"),
    "/dev/zero": (_zero, r"(a device|neither|not a regular)"),
    "a link to nowhere": (_nowhere, r"datalad get"),
    "empty": (
        lambda path: path.touch(),
        r"(?i)empty|no row|nothing|holds no|0 bytes|not valid JSON|not be read as JSON",
    ),
}

ABSENT = ("a folder", "a link to nowhere")  # one line reports all participants whose BOLD is absent


# ---- recordings ------------------------------------------------------------------------------------------------------


def _bold(bench):
    return bench.bold()


def _series(change, names=None):
    """The table of sub-01 with changed numbers."""

    def spoil(bench):
        series = GOOD_SERIES.copy()
        changed = change(series)
        write(bench.bold(), region_table(series if changed is None else changed, names))

    return spoil


def _set(rows, columns, value):
    def change(series):
        series[rows, columns] = value

    return change


def _sidecar(content, more=None):
    def spoil(bench):
        path = bench.sidecar()
        path.unlink() if content is None else write(path, content)
        if more:
            more(bench)

    return spoil


def _both_sidecars(content):
    def spoil(bench):
        for label in ("01", "02"):
            write(bench.sidecar(label), content)

    return spoil


def _raw_sidecar(bench):
    write(bench.data / "sub-01/func/sub-01_task-tale_bold.json", {"RepetitionTime": 1.5})


def _text(text):
    return _content(_bold, text)


RECORDINGS = (
    accepted("series: NaN in some volumes of a region", "not finite|NaN|left out", _series(_set([3, 4, 5], 1, np.nan))),
    accepted("series: infinite in one region", "not finite|left out|infinite", _series(_set(7, 2, np.inf))),
    of_one("series: 1e38 in one region", "too large|left out|not finite|1e", _series(_set(7, 2, 1e38))),
    of_one("series: 1e300 in one region", "too large|left out|not finite", _series(_set(7, 2, 1e300))),
    accepted("series: a constant region", "constant|left out", _series(_set(slice(None), 0, 5.0))),
    of_one("series: all zero", "no usable|constant|zero", _series(lambda series: 0 * series)),
    of_one("series: all NaN", "no usable|NaN|not finite|n/a", _series(lambda series: np.nan * series)),
    of_one(
        "series: names twice", "several columns called P0", _series(lambda s: s, ["P0", *[f"P{n}" for n in range(5)]])
    ),
    accepted(
        "series: other regions than the others",
        "(?i)other (regions|parcels|targets)|4 .*6|6 .*4|differ",
        _series(lambda series: series[:, :4]),
        options=("--noise-ceiling", "all"),
    ),
    accepted("series: 40 of 80 volumes", r"ends|shorter|volumes|words", _series(lambda series: series[:40])),
    of_one("series: 1 volume", "volume", _series(lambda series: series[:1])),
    of_one("series: text in a cell", r"row|line", _text(region_table(GOOD_SERIES).replace("\t", "\tx", 8))),
    of_one("series: a row too short", r"row|line|cells|columns", _text(region_table(GOOD_SERIES) + "1\t2\n")),
    of_one("series: header only", "no row|no volume|volumes|empty", _text("P0\tP1\n")),
    of_one("series: garbage", r"NUL|not text|damaged|row", _text(bytes(range(256)) * 40)),
    of_one("series: a gzip file", r"timeseries\.tsv", _text(gzip.compress(b"P0\tP1\n1\t2\n"))),
    of_one("series: gone", "missing|no BOLD|no preprocessed", lambda b: b.bold().unlink(), status=0),
    of_one(
        "TR: of raw and derivative differ", "is 2 s in .* and 1.5 s in", _sidecar({"RepetitionTime": 2.0}, _raw_sidecar)
    ),
    of_one("TR: missing", "(?i)repetition ?time", _sidecar(None)),
    of_one("TR: zero", "RepetitionTime.* 0", _sidecar({"RepetitionTime": 0})),
    of_one("TR: negative", "RepetitionTime.* -2", _sidecar({"RepetitionTime": -2})),
    of_one("TR: in milliseconds", "RepetitionTime.*2000.*(millisecond|second)", _sidecar({"RepetitionTime": 2000})),
    of_one("TR: true", "RepetitionTime.*(true|True)", _sidecar({"RepetitionTime": True})),
    of_one("TR: a text", "RepetitionTime.*2,0", _sidecar({"RepetitionTime": "2,0"})),
    of_one("TR: NaN", "RepetitionTime.*(?i:nan)", _sidecar('{"RepetitionTime": NaN}')),
    of_one("TR: deep sidecar", "nested too deeply", _sidecar(DEEP)),
    of_one("TR: broken sidecar", "JSON", _sidecar("{")),
    of_one("TR: a list", "JSON object", _sidecar("[2]")),
    Case("TR: missing in all", "(?i)repetition ?time", _both_sidecars({"x": 1})),
    *(
        of_one(f"series: {name}", message, replaced(_bold, make), seconds=20)
        for name, (make, message) in THINGS.items()
        if name not in ABSENT
    ),
    of_one("series: a folder", "No BOLD of sub-01", replaced(_bold, os.mkdir)),
    accepted("series: a link to nowhere", "1 participant has no BOLD.*datalad get", replaced(_bold, _nowhere)),
    Case("sidecar: /dev/zero", THINGS["/dev/zero"][1], replaced(lambda b: b.sidecar(), _zero), others=True, seconds=20),
    Case("sidecar: a pipe", THINGS["a pipe"][1], replaced(lambda b: b.sidecar(), os.mkfifo), others=True, seconds=20),
)


# ---- volumes and surfaces --------------------------------------------------------------------------------------------


def _image(data, **more):
    return lambda bench: write_image(bench.bold(), data() if callable(data) else data, **more) and None


def _noise(*shape):
    return 100 + np.random.default_rng(5).standard_normal(shape).astype(np.float32)


def _half_constant():
    data = _noise(*GRID, VOLUMES)
    data[:2] = 3
    return data


def _cut(which, share=0.5):
    def spoil(bench):
        path = which(bench)
        write(path, path.read_bytes()[: int(path.stat().st_size * share)])

    return spoil


def _lie(bench):
    header = nib.Nifti1Header()
    header.set_data_dtype(np.float32)
    header.set_data_shape((100, 100, 100, 30000))
    header.set_xyzt_units("mm", "sec")
    header["vox_offset"], header["magic"], header["pixdim"][4] = 352, b"n+1", REPETITION_TIME
    write(bench.bold(), gzip.compress(header.binaryblock + b"\0" * 4 + b"\0" * 10_000))
    bench.mask().unlink()


def _header_only(bench):
    content = gzip.decompress(bench.bold().read_bytes())
    write(bench.bold(), gzip.compress(content[:352]))


def _rgb(bench):
    data = np.zeros((*GRID, VOLUMES), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    bench.bold().unlink()
    nib.save(nib.Nifti1Image(data, np.eye(4)), bench.bold())


def _mask(data, **more):
    return lambda bench: write_image(bench.mask(), data, **more) and None


def _header_time(value, has_sidecar=True):
    def spoil(bench):
        data = _noise(*GRID, VOLUMES)
        write_image(bench.bold(), data, repetition_time=value)
        if not has_sidecar:
            bench.sidecar().unlink()

    return spoil


def _volumes(case, name, message, spoil, **more):
    return case(f"volumes: {name}", message, spoil, kind="volumes", **more)


def _confounds(table):
    return lambda bench: write(bench.confounds(), table) and None


def _rows(n, change=None, names=CONFOUNDS):
    table = np.random.default_rng(3).standard_normal((n, len(names)))
    if change:
        change(table)
    return region_table(table, names)


def _first_nan(table):
    return region_table(table).replace("X", "n/a")


NAN_FIRST = _rows(VOLUMES).split("\n", 2)
NAN_FIRST = "\n".join((NAN_FIRST[0], "\t".join(["n/a"] * 6), NAN_FIRST[2]))
NAN_LATER = _rows(VOLUMES, _set(30, 1, np.nan))

VOLUME_CASES = (
    _volumes(of_one, "truncated", "truncated|damaged|incomplete|shorter|cut", _cut(_bold)),
    _volumes(of_one, "header only", "truncated|damaged|incomplete|shorter|cut|data", _header_only),
    _volumes(of_one, "a text", r"bold\.nii\.gz", _content(_bold, "hello")),
    _volumes(of_one, "html", r"bold\.nii\.gz", _content(_bold, "<html>not found</html>" * 50)),
    _volumes(of_one, "three dimensions", "dimension|volumes|4D|4-D", _image(_noise(*GRID))),
    _volumes(of_one, "five dimensions", "dimension|volumes|4D|4-D", _image(_noise(*GRID, 2, 40))),
    _volumes(of_one, "complex", "complex", _image(_noise(*GRID, VOLUMES).astype(np.complex64))),
    _volumes(of_one, "RGB", "(?i)RGB|colour", _rgb),
    _volumes(of_one, "sizes that lie", "(?i)memory|holds|bytes|GB|truncated|shorter", _lie),
    _volumes(of_one, "all zero", "no usable|constant|zero", _image(np.zeros((*GRID, VOLUMES), dtype=np.float32))),
    _volumes(accepted, "half constant", "50 .*constant|constant.*50|50 of 125", _image(_half_constant)),
    _volumes(of_one, "header of 1.5 s", "is 2 s in .* and 1.5 s in", _header_time(1.5)),
    _volumes(
        of_one,
        "header in milliseconds, no sidecar",
        "(?i)repetition ?time|2000",
        _header_time(2000, has_sidecar=False),
    ),
    _volumes(of_one, "mask empty", "mask.*(empty|no voxel|holds no|nothing)", _mask(np.zeros(GRID, np.uint8))),
    _volumes(of_one, "mask of another grid", "mask.*(grid|shape|size)", _mask(np.ones((4, 4, 4), np.uint8))),
    _volumes(
        of_one,
        "mask elsewhere",
        "mask.*(grid|affine|space|position)",
        _mask(np.ones(GRID, np.uint8), affine=np.diag([4, 4, 9, 1])),
    ),
    _volumes(of_one, "mask truncated", "mask", _cut(lambda b: b.mask())),
    _volumes(of_one, "mask of NaN", "mask", _mask(np.full(GRID, np.nan, np.float32))),
    _volumes(
        Case,
        "--mask of another grid",
        "mask",
        lambda b: ("--mask", write_image(b.root / "m.nii.gz", np.ones((3, 3, 3), np.uint8))),
    ),
    _volumes(of_one, "another grid than its mask", "is not on the grid of its BOLD", _image(_noise(4, 4, 4, VOLUMES))),
    _volumes(of_one, "confounds of more rows", "rows|volumes", _confounds(_rows(VOLUMES + 20))),
    _volumes(of_one, "confounds of fewer rows", "rows|volumes", _confounds(_rows(VOLUMES - 20))),
    _volumes(of_one, "confounds cut in a row", "line 81|cells|columns", _confounds(_rows(VOLUMES)[:-9] + "\n")),
    _volumes(
        of_one, "confounds constant", "are constant", _confounds(_rows(VOLUMES, _set(slice(None), slice(None), 2.0)))
    ),
    _volumes(
        of_one,
        "confounds twice",
        "several columns called trans_x",
        _confounds(_rows(VOLUMES, names=["trans_x", *CONFOUNDS[:5]])),
    ),
    _volumes(
        of_one, "confounds without those columns", r"trans_\*|rot_\*", _confounds(_rows(VOLUMES, names=list("abcdef")))
    ),
    _volumes(
        accepted,
        "confounds n/a in the first row",
        "missing in the first volumes, where the mean is taken",
        _confounds(NAN_FIRST),
    ),
    _volumes(of_one, "confounds n/a later", "n/a|missing|row|number", _confounds(NAN_LATER.replace("nan", "n/a"))),
    _volumes(of_one, "confounds empty", "(?i)empty|no row|holds no|header", _confounds("")),
    _volumes(of_one, "confounds infinite", "finite|inf", _confounds(_rows(VOLUMES, _set(3, 1, np.inf)))),
    _volumes(
        Case,
        "confounds of broken json",
        "json",
        lambda b: (write(b.confounds().with_suffix(".json"), "{"), ("--confounds", "compcor"))[1],
    ),
    _volumes(of_one, "confounds missing", "(?i)confounds", lambda b: b.confounds().unlink()),
    _volumes(of_one, "confounds a pipe", THINGS["a pipe"][1], replaced(lambda b: b.confounds(), os.mkfifo), seconds=20),
    *(
        _volumes(of_one, f"image {name}", message, replaced(_bold, make), seconds=20)
        for name, (make, message) in THINGS.items()
        if name not in ABSENT
    ),
)


def _gifti(series, hemi="L"):
    return lambda bench: write_gifti(bench.bold(hemi=hemi), series) and None


def _surfaces(case, name, message, spoil, **more):
    return case(f"surfaces: {name}", message, spoil, kind="surfaces", **more)


def _right_of(share):
    return _cut(lambda bench: bench.bold(hemi="R"), share)


SURFACE_CASES = (
    _surfaces(of_one, "hemispheres of other length", "volumes|length", _gifti(_noise(VOLUMES - 5, N_VERTICES))),
    _surfaces(
        of_one,
        "other number of vertices",
        r"noise ceiling of tale without 1 run.*120 targets.*114 targets",
        _gifti(_noise(VOLUMES, N_VERTICES - 6)),
        status=0,
        options=("--noise-ceiling", "all"),
    ),
    _surfaces(of_one, "truncated", "damaged|truncated|incomplete|could not be read", _right_of(0.6)),
    _surfaces(of_one, "empty", "empty|damaged|could not be read", _right_of(0)),
    _surfaces(of_one, "a text", "hemi-L", _content(_bold, "hello")),
    _surfaces(of_one, "one hemisphere", "is missing, only the other hemisphere", lambda b: b.bold(hemi="R").unlink()),
    _surfaces(of_one, "no arrays", "hemi-L", lambda b: nib.save(nib.GiftiImage(), b.bold())),
    _surfaces(
        of_one, "one hemisphere all zero", "constant|zero|left out", _gifti(0 * _noise(VOLUMES, N_VERTICES)), status=0
    ),
    _surfaces(
        of_one,
        "billion laughs",
        "hemi-L",
        _content(_bold, '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><GIFTI>&c;</GIFTI>'),
    ),
)


CASES_OF_FILES = (*RECORDINGS, *VOLUME_CASES, *SURFACE_CASES)
