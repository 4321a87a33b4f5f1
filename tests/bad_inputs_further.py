"""Three further bad inputs for each of several kinds, which no report had named; see `bad_inputs`."""

import nibabel as nib
import numpy as np

from tests.bad_inputs import Case
from tests.bad_inputs_atlases import LABELS, atlas_case, label_gifti, label_volume
from tests.bad_inputs_data import (
    CONFOUNDS,
    GRID,
    STORY,
    VOLUMES,
    event_table,
    region_table,
    word_table,
    write,
    write_image,
)
from tests.bad_inputs_files import accepted, of_one
from tests.bad_inputs_models import config_with, model_case, tensors_with


def _words(rows):
    return lambda bench: write(bench.align, word_table(rows)) and None


def _events(rows):
    return lambda bench: write(bench.events(), event_table(rows)) and None


def _image(affine=None, change=None):
    def spoil(bench):
        data = 100 + np.random.default_rng(2).standard_normal((*GRID, VOLUMES)).astype(np.float32)
        write_image(bench.bold(), data if change is None else change(data), affine=affine)
        if affine is not None:
            write_image(bench.mask(), np.ones(GRID, np.uint8), affine=affine)

    return spoil


def _confounds(change):
    table = np.random.default_rng(3).standard_normal((VOLUMES, len(CONFOUNDS)))
    change(table)
    return lambda bench: write(bench.confounds(), region_table(table, CONFOUNDS)) and None


def _huge(table):
    table[5, 0] = 1e300


def _alike(table):
    table[:] = table[:, :1]


def _huge_voxels(data):
    data[2, 2, 2] *= 1e30
    return data


def _drop_tensor(weights):
    del weights[next(name for name in weights if "h.1." in name and name.endswith("c_fc.weight"))]


def _infinite(weights):
    weights[next(name for name in weights if "h.0." in name and name.endswith("c_fc.weight"))][0, 0] = float("inf")


def _singular():
    return np.diag([0.0, 4, 4, 1])


def _nan_affine():
    return np.array([[np.nan, 0, 0, 0], [0, 4, 0, 0], [0, 0, 4, 0], [0, 0, 0, 1.0]])


def _out_link(bench):
    (bench.root / "o").symlink_to(bench.data)
    return "OUT", str(bench.root / "o")


def _mixed(bench):
    path = label_gifti(bench)
    image = nib.load(path)
    image.darrays[0].meta["AnatomicalStructurePrimary"] = "CortexRight"
    nib.save(image, path)
    return path


def _two_at_once(bench):
    write(bench.align.with_name("tale2_words.tsv"), bench.align.read_text().replace("the", "that"))
    write(bench.events(), event_table([(*STORY, "story", "tale.wav"), (STORY[0] + 10, 50, "story", "tale2.wav")]))


SOMETIMES = [(0.5 + 0.4 * n, 0.3, f"word{'s' * (n % 3)}") for n in range(300)]

CASES_OF_FURTHER = (
    # words
    Case(
        "further words: one word 300 times",
        "all 299 others hold the same word",
        _words([(0.5 + 0.4 * n, 0.3, "the") for n in range(300)]),
    ),
    accepted("further words: durations of 0", "", _words([(onset, 0, word) for onset, _, word in SOMETIMES])),
    Case(
        "further words: in hours",
        "word|time|inside|span|too few",
        _words([(onset / 3600, 0.0001, word) for onset, _, word in SOMETIMES]),
    ),
    # events
    of_one(
        "further events: two stories at once",
        "two stories at the same time, tale.wav from 6 to 146 s and tale2.wav from 16 s",
        _two_at_once,
    ),
    accepted("further events: a row twice", "", _events([(*STORY, "story", "tale.wav")] * 2)),
    of_one("further events: duration 0", "duration", _events([(6, 0, "story", "tale.wav")])),
    # images
    of_one("further image: singular affine", "affine|position|header", _image(_singular()), kind="volumes"),
    of_one("further image: affine of NaN", "affine|position|header", _image(_nan_affine()), kind="volumes"),
    accepted(
        "further image: a voxel of 1e32",
        "left out|too large|not finite",
        _image(change=_huge_voxels),
        kind="volumes",
    ),
    # confounds
    of_one("further confounds: 1e300", "too large|1e|finite", _confounds(_huge), kind="volumes"),
    accepted("further confounds: all columns alike", "", _confounds(_alike), kind="volumes"),
    of_one(
        "further confounds: 90 columns",
        "confounds|volumes|freedom",
        lambda b: (
            write(
                b.confounds(),
                region_table(
                    np.random.default_rng(1).standard_normal((VOLUMES, 90)), [f"trans_{n}" for n in range(90)]
                ),
            ),
            ("--confounds", "trans_*"),
        )[1],
        kind="volumes",
    ),
    # models
    model_case("further: a tensor missing", "c_fc|lacks|missing|tensor", tensors_with(_drop_tensor)),
    model_case("further: fewer layers than weights", "layer", config_with(n_layer=1)),
    model_case("further: an infinite weight", "finite", tensors_with(_infinite)),
    # atlases
    atlas_case("further: singular affine", "affine|position|header", lambda b: label_volume(b, affine=_singular())),
    atlas_case("further: negative labels", "label", lambda b: label_volume(b, -LABELS)),
    atlas_case("further: hemispheres exchanged", "states that it is CortexRight", _mixed, kind="surfaces"),
    atlas_case(
        "further: one name for all",
        "",
        lambda b: label_volume(b, table="index\tname\n1\tVis\n2\tVis\n3\tVis\n"),
        status=0,
    ),
    # folders and options
    Case("further out: a link to BIDS_DIR", "BIDS_DIR", _out_link),
    Case("further options: -d twice", "", lambda b: ("-d", b.deriv, b.deriv), status=0),
    Case("further options: model ''", "model", options=("--model", ""), status=2),
    Case("further options: label twice", "", options=("--participant-label", "01", "01"), status=0),
)
