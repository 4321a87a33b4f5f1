"""Bad inputs that no report had named; see `bad_inputs`."""

import gzip
import os

import numpy as np

from tests.bad_inputs import Case
from tests.bad_inputs_data import GRID, STORY, event_table, region_table, word_table, write, write_image
from tests.bad_inputs_files import GOOD_SERIES, accepted, of_one, replaced

ROW = event_table([(*STORY, "story", "tale.wav")])
WORDS = word_table([(0.5 + 0.4 * n, 0.3, f"word{'s' * (n % 3)}") for n in range(300)])


def _table(text):
    return lambda bench: write(bench.bold(), text) and None


def _events(text):
    return lambda bench: write(bench.events(), text) and None


def _words(text):
    return lambda bench: write(bench.align, text) and None


def _flipped(bench):
    """One bit of the compressed image is flipped, as on a failing disk."""
    content = bytearray(bench.bold().read_bytes())
    content[len(content) // 2] ^= 16
    write(bench.bold(), bytes(content))


def _every_run_excluded(bench):
    names = [f"sub-{label}_task-tale" for label in ("01", "02")]
    return "--exclude-scans", bench.write("x.json", names)


def _series_as_mask(bench):
    return "--mask", write_image(bench.root / "m.nii.gz", np.ones((*GRID, 3), np.float32))


def _a_file(bench):
    bench.data.rename(bench.root / "was")
    write(bench.data, "x")


def _two_problems(bench):
    write(bench.events(), "onset\n")
    write(bench.bold("02"), "")


COMMAS = region_table(GOOD_SERIES).replace(".", ",")

CASES_OF_MORE = (
    of_one("more: decimal commas in the series", "line 2.*column|number", _table(COMMAS)),
    of_one("more: series separated by commas", "tab", _table(region_table(GOOD_SERIES).replace("\t", ","))),
    accepted(
        "more: series with CRLF and a BOM", "", _table("\ufeff" + region_table(GOOD_SERIES).replace("\n", "\r\n"))
    ),
    of_one("more: events separated by commas", "tab|column", _events(ROW.replace("\t", ","))),
    of_one(
        "more: events with two onset columns",
        "onset",
        _events("onset\tonset\tduration\tstim_file\n6\t7\t140\ttale.wav\n"),
    ),
    of_one(
        "more: stim_file on another machine", "stim_file|home", _events(ROW.replace("tale.wav", "/home/me/tale.wav"))
    ),
    Case(
        "more: words that end before they start", "end|duration|row", _words(WORDS.replace("\t0.3\t", "\t-0.3\t", 20))
    ),
    accepted("more: words of decimal commas", "", _words(WORDS.replace(".", ","))),
    Case(
        "more: sentences as words",
        "several words",
        _words(word_table([(n, 0.9, "once upon a time there was") for n in range(90)])),
    ),
    of_one("more: a flipped bit in the image", "damaged|could not be read|CRC|cut", _flipped, kind="volumes"),
    of_one(
        "more: compressed twice",
        "could not be read|damaged|not an image|cannot",
        lambda b: write(b.bold(), gzip.compress(b.bold().read_bytes())) and None,
        kind="volumes",
    ),
    Case("more: a series as --mask", "mask", _series_as_mask, kind="volumes"),
    Case("more: every run on the list of scans to leave out", "list of scans to leave out", _every_run_excluded),
    Case("more: BIDS_DIR is a file", "is not a folder", _a_file),
    Case(
        "more: description a list",
        r"dataset_description\.json",
        lambda b: write(b.data / "dataset_description.json", "[1]") and None,
    ),
    Case("more: -d without a path", "-d|derivative", lambda _: ("-d", "deriv="), status=1),
    Case(
        "more: home of an unknown user",
        "home folder of that user is not known",
        options=("--mask", "~nosuchuser/m.nii"),
        status=2,
    ),
    Case(
        "more: OUT_DIR with a line break",
        "control character or line break",
        lambda b: ("OUT", str(b.root / "a\nb")),
        status=2,
    ),
    of_one("more: fewer volumes than delays", "volume", _table(region_table(GOOD_SERIES[:8]))),
    of_one(
        "more: 200,000 columns of one volume",
        "volume",
        _table("\t".join(f"c{n}" for n in range(200_000)) + "\n" + "\t".join(["1"] * 200_000) + "\n"),
    ),
    Case(
        "check: pipe as series",
        "a pipe or a device",
        replaced(lambda b: b.bold(), os.mkfifo),
        level="check",
        seconds=20,
    ),
    Case("check: several problems", "sub-01.*sub-02", _two_problems, level="check"),
)
