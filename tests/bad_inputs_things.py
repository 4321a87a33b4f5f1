"""A folder, a pipe, a socket, a device or a dangling link instead of every file that is read; see `bad_inputs`.

Those of atlases stand in `bad_inputs_atlases`, those of files that OUT_DIR keeps in `bad_inputs_kept`.
"""

from tests.bad_inputs import Case
from tests.bad_inputs_files import THINGS
from tests.bad_inputs_models import WEIGHTS

NO_FILE = {name: thing for name, thing in THINGS.items() if name != "empty"}
ONSETS = "task\tstim_file\tonset\tduration\ntale\ttale.wav\t6\t140\n"
JSON_WORDS = {
    "words": [
        {"word": f"word{'s' * (n % 3)}", "start": 0.5 + 0.4 * n, "end": 0.8 + 0.4 * n, "case": "success"}
        for n in range(300)
    ]
}


def _case(name, which, thing, prepare=None, message=None, others=True, **more):
    """Something other than a file instead of `which(bench)`, after `prepare(bench)`, which may give options."""
    make, usual = NO_FILE[thing]

    def spoil(bench):
        options = prepare(bench) if prepare else None
        path = which(bench)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        make(path)
        return options if isinstance(options, tuple) else None

    message = message.get(thing, usual) if isinstance(message, dict) else message or usual
    return Case(f"{name}: {thing}", message, spoil, others=others, seconds=20, **more)


def _each(name, which, prepare=None, leave_out=(), **more):
    return tuple(_case(name, which, thing, prepare, **more) for thing in NO_FILE if thing not in leave_out)


def _shared(name, which, prepare=None, **more):
    """For a file that all participants share: no participant has results."""
    return _each(name, which, prepare, **({"others": None} | more))


def _words_as(name):
    """The words at another path and in another format; returns the path and the function that writes them."""

    def path(bench):
        return bench.data / "stimuli" / name

    return path, lambda bench: bench.align.unlink() and None


def _option(option, name="thing"):
    """A file given with an option."""
    return lambda bench: (option, bench.root / name)


def _at(name):
    return lambda bench: bench.root / name


def _raw(name):
    return lambda bench: bench.data / "sub-01" / "func" / f"sub-01_task-tale_{name}"


def _without_own_time(bench):
    bench.sidecar().unlink()


RECORDINGS = (
    *_each(
        "BOLD gifti", lambda b: b.bold(hemi="R"), kind="surfaces", message={"a folder": "is missing, only the other"}
    ),
    *_each("BOLD cifti", lambda b: b.bold(), kind="cifti", leave_out=("a folder", "a link to nowhere")),
    *_each("BOLD json", lambda b: b.sidecar()),
    *_each("raw BOLD json", _raw("bold.json"), leave_out=("a folder",)),
    _case("raw BOLD json", _raw("bold.json"), "a folder", message="is a folder, but a file is expected", status=0),
    *_shared("raw BOLD json, inherited", lambda b: b.data / "task-tale_bold.json", leave_out=("a folder",)),
    *_each(
        "confounds", lambda b: b.confounds(), kind="volumes", message={"a folder": "There is no table of confounds"}
    ),
    *_each(
        "confounds json",
        lambda b: b.confounds().with_suffix(".json"),
        lambda _: ("--confounds", "compcor"),
        kind="volumes",
        others=None,
    ),
    *_each("mask of a run", lambda b: b.mask(), kind="volumes", leave_out=("a folder",)),
    _case("mask of a run", lambda b: b.mask(), "a folder", message="it is ignored", kind="volumes", status=0),
    *_each(
        "table of regions",
        lambda b: b.deriv / "atlas-T_dseg.tsv",
        others=None,
        message={"a folder": "must be a file|is a folder"},
    ),
)

STORIES = (
    *_each("events json", _raw("events.json")),
    *_shared("words tsv, its json", lambda b: b.align.with_suffix(".json")),
    *(
        case
        for name in ("tale/align.csv", "tale/align.json", "gentle/tale/align.csv", "tale.TextGrid", "tale_words.json")
        for path, prepare in (_words_as(name),)
        for case in _shared(f"words {name}", path, prepare, leave_out=("a folder",))
    ),
    *_shared(
        "onsets.tsv",
        lambda b: b.root / "notes" / "onsets.tsv",
        lambda b: ("--annotations", b.root / "notes"),
    ),
    *_shared("scan_exclude.json", lambda b: b.data / "code" / "scan_exclude.json"),
    *_shared("dataset_description.json", lambda b: b.data / "dataset_description.json"),
    *_shared("description of the derivative", lambda b: b.deriv / "dataset_description.json"),
)

REFUSED = {
    "a folder": "is a folder",
    "a pipe": "not a regular file|a pipe or a device",
    "a socket": "not a regular file|a pipe or a device",
    "/dev/zero": "not a regular file|a pipe or a device",
    "a link to nowhere": "datalad get",
}
# A link to a folder that is not there yet is followed: it is made.
NO_FOLDER = dict.fromkeys(NO_FILE, "is not a folder|there is no such folder")

OPTIONS = (
    *_shared("--config-file", _at("thing"), _option("--config-file"), message=REFUSED, status=2),
    *_shared("--bids-filter-file", _at("thing"), _option("--bids-filter-file"), message=REFUSED, status=2),
    *_shared("--exclude-scans", _at("thing"), _option("--exclude-scans"), message=REFUSED, status=2),
    *_shared(
        "--mask", _at("thing.nii.gz"), _option("--mask", "thing.nii.gz"), message=REFUSED, status=2, kind="volumes"
    ),
    *_shared(
        "--annotations", _at("thing"), _option("--annotations"), message=NO_FOLDER, status=2, leave_out=("a folder",)
    ),
    *_shared("--resources", _at("thing"), _option("--resources"), message=NO_FOLDER, status=2, leave_out=("a folder",)),
    *_shared("-d", _at("thing"), _option("-d"), message=NO_FOLDER, leave_out=("a folder",)),
    *_shared(
        "-d, second",
        _at("thing"),
        lambda b: ("-d", b.deriv, b.root / "thing"),
        message=NO_FOLDER,
        leave_out=("a folder",),
    ),
    *_shared("--model", _at("thing"), _option("--model"), message="thing", leave_out=("a folder",)),
    *_shared(
        "--bids-database-dir",
        _at("thing"),
        _option("--bids-database-dir"),
        message="is not a folder|thing",
        leave_out=("a folder", "a link to nowhere"),
        status=2,
    ),
    *_shared(
        "-w",
        _at("thing"),
        _option("-w"),
        message="thing|/dev/zero is not a folder",
        leave_out=("a folder", "a link to nowhere"),
    ),
    *_shared(
        "OUT_DIR",
        _at("thing"),
        lambda b: ("OUT", str(b.root / "thing")),
        message="thing|/dev/zero is not a folder",
        leave_out=("a folder", "a link to nowhere"),
    ),
    *_shared(
        "manifest of --resources",
        lambda b: b.root / "res" / "manifest.json",
        lambda b: ("--resources", b.root / "res"),
    ),
)

MODEL = tuple(
    case
    for name in (
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "generation_config.json",
        WEIGHTS,
        f"{WEIGHTS}.index.json",
    )
    for case in _shared(
        f"model's {name}",
        lambda b, name=name: b.model / name,
        lambda b: ("--model", b.model),
        message=name.partition(".")[0],
    )
)

CASES_OF_THINGS = (*RECORDINGS, *STORIES, *OPTIONS, *MODEL)
