"""Bad settings, folders and rights; see `bad_inputs`."""

import os
import shutil
import socket

from tests.bad_inputs import Case
from tests.bad_inputs_data import write

NETWORKS = ("--analysis", "networks", "--atoms", "4", "-w", "{bases}/work")
FORECAST = ("--analysis", "forecast")
OURS = {"Name": "x", "BIDSVersion": "1.10.0", "GeneratedBy": [{"Name": "neurons2networks"}]}
DEEP = "[" * 100_000


def _setting(*options, message, status=1, name="", **more):
    return Case(name or f"settings: {' '.join(options)}"[:60], message, options=options, status=status, **more)


def _bad(*options, message, **more):
    """A setting that is refused before any data are read."""
    return _setting(*options, message=message, status=2, **more)


def _toml(name, content, message, status=2, **more):
    def spoil(bench):
        return "--config-file", bench.write("s.toml", content)

    return Case(f"toml: {name}", message, spoil, status=status, **more)


def _filter(name, content, message):
    def spoil(bench):
        return "--bids-filter-file", bench.write("f.json", content)

    return Case(f"filter: {name}", message, spoil, status=2)


def _exclude(name, content, message, status=2):
    def spoil(bench):
        return "--exclude-scans", bench.write("x.json", content)

    return Case(f"exclude: {name}", message, spoil, status=status)


def _out(name, folder, message, spoil=None, status=1):
    """OUT_DIR inside the data; `folder` is relative to the root."""

    def also(bench):
        if spoil:
            spoil(bench)
        return "OUT", str(bench.root / folder)

    return Case(f"out: {name}", message, also, status=status)


def _description(content):
    def spoil(bench):
        path = bench.data / "dataset_description.json"
        path.unlink() if content is None else write(path, content)

    return spoil


def _second_derivative(bench):
    shutil.copytree(bench.deriv, bench.deriv.with_name("other"))


def _no_derivative(bench):
    shutil.rmtree(bench.deriv)


def _at(name, make):
    """An option with a path at which `make` has put something other than a file."""

    def spoil(bench):
        path = bench.root / "thing"
        make(path)
        return name, path

    return spoil


def _socket(path):
    socket.socket(socket.AF_UNIX).bind(str(path))


def _zero(path):
    path.symlink_to("/dev/zero")


def _closed(which, more=()):
    """Remove all other users' permissions on a path of the bench."""

    def spoil(bench):
        path = which(bench)
        path.chmod(0)
        return [part.format(path=path) for part in more]

    return spoil


def _closed_to_us(name, which, message, more=(), **rest):
    return Case(f"rights: {name}", message, _closed(which, more), without_rights=True, **rest)


def _folder(folder):
    def which(bench):
        path = bench.root / folder
        path.mkdir(parents=True)
        write(bench.out / "dataset_description.json", OURS)
        return path

    return which


LABELS = (
    _setting("--participant-label", "99", message=r"99.*sub-01|99.*01"),
    _setting("--participant-label", "01", "99", message=r"99"),
    _setting("--participant-label", ".*", message=r"\.\*"),
    _setting("--participant-label", "..", message=r"\.\."),
    _setting("--session-label", "9", message="--session-label 9: no selected participant has it"),
    _setting("--task-id", "nosuch", message="nosuch.*tale"),
    _setting("--run-id", "7", message="--run-id 7: no selected participant has it"),
    _setting("--space", "fsaverage5", message="--space fsaverage5: no selected participant has it; there is T"),
    _bad("--space", "a b", message="takes one space"),
    _setting("--atlas", "nosuch", *NETWORKS, kind="volumes", message="nosuch.*(schaefer|yeo)", name="settings: atlas"),
    _setting("--regions", "nosuch", *FORECAST, kind="surfaces", message="nosuch", name="settings: regions"),
    _bad("--preset", "sun2042", message=r"preset = 'sun2042': is not one of .*sun2024"),
    _setting("--model", "no-such-model-xyz", message="no-such-model-xyz", name="settings: model"),
    _bad("--exclude-participant-label", "01", "--participant-label", "01", message="is both selected and excluded"),
    _setting("--exclude-participant-label", "01", "02", message=r"(?i)no participant"),
)

NUMBERS = (
    _setting("--delays", "1000", message=r"--delays 1000: the longest run hears \d+ volumes"),
    _setting("--delays", "70", message=r"--delays 70: the longest run hears \d+ volumes"),
    _setting("--folds", "60", message=r"--folds 60: too many"),
    _setting("--high-pass", "10", message=r"--high-pass 10.* give at most 0\.125"),
    _setting("--high-pass", "0.33", message=r"--high-pass 0\.33.* give at most 0\.125"),
    _bad("--high-pass", "nan", message="high_pass = nan: must be a finite number"),
    _bad("--threshold", "1e9", message="threshold = 1000000000.*must be at least 0 and at most 100"),
    _bad("--window", "100000", message="window = 100000: must be .* at most 10000"),
    _setting("--window", "400", *FORECAST, message=r"window.*400.*30\d|400.*window"),
    _setting("--tested-distance", "5000", *FORECAST, message="5000"),
    _setting(
        "--tested-distance", "3", "--distances", "0", "8", *FORECAST, status=0, message="distances -3 3 are computed"
    ),
    _setting(
        *NETWORKS, "--atoms", "75", message=r"--atoms 75: a dictionary is learned on \d+ volumes", name="atoms: 75"
    ),
    _setting(*NETWORKS, "--atoms", "300", message=r"--atoms 300: .*volumes", name="atoms: 300"),
    _setting(*NETWORKS, "--atoms", "100000", message=r"--atoms 100000: .*volumes", name="atoms: 100000"),
    _bad("--atoms", "1000000", message="atoms = 1000000: must be"),
    _bad("--atoms", "-3", message="atoms = -3: must be"),
    _bad("--atoms", "4.5", message="atoms = '4.5': must be a whole number"),
    _bad("--random-seed", "-1", message="random_seed = -1: must be at least 0"),
    _bad("--layer", "²", message="layer = '²': must be a number from 1"),
    _bad("--context", "²", message="context = '²': must be"),
    _bad("--layer", "0", message="layer = '0': must be a number from 1"),
    _setting("--layer", "99", message="--layer 99: the model .* has 2 layers"),
    _bad("--penalty", "1", message="penalty = 1.*must be above 0 and below 1"),
    _bad("--alphas", "0", message="alphas = 0.*must be above 0"),
    _bad("--smoothing-fwhm", "-1", message="smoothing_fwhm = -1.*must be at least 0"),
    _bad("--n-permutations", "0", message="n_permutations = 0: must be at least 1"),
    _bad("--nprocs", "0", message="nprocs = 0: must be at least 1"),
    _setting("--mem-mb", "20", message="(?i)memory.*MB|MB.*memory"),
    _bad("--device", "gpu", message="device = 'gpu': must be auto, cpu, cuda"),
    _setting("--device", "cuda:7", message="cuda"),
    _bad("--atoms", "1", "--folds", "1", "--layer", "x", message="layer.*folds.*atoms", name="settings: several bad"),
    _bad("--pool-tasks", "--dictionary-scope", "story", message="cannot go with pool_tasks"),
    _bad("--analysis", "evidence", "--word-frequencies", "English", message="must be 'stories' or a language code"),
    _bad("--analysis", "variance", "--tested-distance", "0", message="tested_distance = 0 cannot go with"),
    _bad("--futures", "continuation", "--wrap", message="futures = 'continuation' cannot go with wrap"),
    _bad("--swap-corpus", "no.txt", message="swap_corpus = .*no.txt: there is no such file"),
    _setting("--analysis", "futures", "--parser", "no_such", message="--parser no_such: there is no package or folder"),
    _bad("--engine", "dask", message="needs either --dask-scheduler"),
    _bad("--confounds", "none", "trans_x", message="must be used alone"),
    _bad("--confounds", "narrative", message="did you mean narratives"),
    _bad("--no-such-option", "1", message="unrecognized arguments: --no-such-option"),
    _bad("--participant-label", "", message="is empty"),
    _bad("--task-id", "a\tb", message="holds a control character"),
)

FILES = (
    _toml("unknown key", "atom = [3]", r"unknown setting 'atom' \(did you mean atoms\?\)"),
    _toml("wrong type", "penalty = 'much'\nnprocs = true", "penalty = 'much'.*nprocs = True"),
    _toml("atoms empty", "atoms = []", r"atoms = \[\]: must name at least one"),
    _toml("model empty", "model = []", r"model = \[\]: must name at least one", plain=True),
    _toml("analysis empty", "analysis = []", r"analysis = \[\]: must name at least one", plain=True),
    _toml("config_file in it", "config_file = 'a.toml'", "config_file cannot be given in a settings file"),
    _toml("keys twice", "n-spins = 3\nn_spins = 4", "n_spins is given twice, as n-spins and n_spins"),
    _toml("deep", "atoms = " + DEEP, "nested too deeply"),
    _toml("latin-1", b"# caf\xe9", "is not UTF-8 text"),
    _toml("work_dir a number", "work_dir = 3", "work_dir = 3: must be a path"),
    _toml("space a list", "space = ['a', 'b']", "takes one value; choose one"),
    _toml("broken", "atoms = ", "is not valid TOML"),
    _toml("a huge number", "nprocs = " + "9" * 5000, "is not valid TOML|must be"),
    _toml("infinite", "penalty = inf", "penalty = inf: must be a finite number"),
    _toml("a date", "nprocs = 2020-01-01", "nprocs = .*must be a whole number"),
    _toml("a table", "[atoms]\na = 1", "must be a list, not a table"),
    Case("toml: a folder", "is a folder, must be a file", _at("--config-file", os.mkdir), status=2),
    Case("toml: a pipe", "is not a regular file", _at("--config-file", os.mkfifo), status=2, seconds=20),
    Case("toml: a socket", "is not a regular file", _at("--config-file", _socket), status=2, seconds=20),
    Case("toml: /dev/zero", "is not a regular file", _at("--config-file", _zero), status=2, seconds=20),
    _bad("--config-file", "/nope/s.toml", message="there is no such file"),
    _filter("a list", [1], "must be an object with entities"),
    _filter("a number", "5", "must be an object with entities"),
    _filter("null", "null", "must be an object with entities"),
    _filter("bold a list", {"bold": ["desc"]}, "must be an object with entities"),
    _filter("deep", DEEP, "nested too deeply"),
    _filter("broken", "{", "must be JSON such as"),
    _filter("a table inside", {"bold": {"desc": {"a": 1}}}, "must be a text, or a list of texts"),
    _bad("--bids-filter-file", "/nope.json", message="there is no such file"),
    Case("filter: a pipe", "is not a regular file", _at("--bids-filter-file", os.mkfifo), status=2, seconds=20),
    _exclude("deep", DEEP, "nested too deeply", status=1),
    _exclude("a number", "5", r"x\.json", status=1),
    _exclude("broken", "{", r"x\.json", status=1),
    Case("exclude: /dev/zero", "is not a regular file", _at("--exclude-scans", _zero), status=2, seconds=20),
    _bad("--annotations", "/nope", message="there is no such folder"),
    Case("annotations a file", "is not a folder", lambda b: ("--annotations", b.align), status=2),
    _bad("--mask", "/nope.nii.gz", message="there is no such file"),
    _bad("--bids-database-dir", "/etc/passwd", message="is not a folder"),
    _setting("--bids-database-dir", "/proc/x", message="/proc/x"),
)


def _read_only(name):
    def spoil(bench):
        (bench.root / name).symlink_to("/proc/nowhere")

    return spoil


FOLDERS = (
    _out("in sub-01", "data/sub-01/out", "lies in the raw data"),
    _out("is BIDS_DIR", "data", "is BIDS_DIR, where nothing is written"),
    _out("is derivatives", "data/derivatives", "folder of all derivatives"),
    _out("in sourcedata", "data/sourcedata/x", "lies in the raw data"),
    _out("around BIDS_DIR", ".", "contains BIDS_DIR"),
    _out("in the derivative that is read", "data/derivatives/deriv/x", "lies in .*which is read"),
    _out("a file", "a-file", r"a-file", lambda b: b.write("a-file", "x")),
    _out("of 300 letters", "x" * 300, "is too long for this disk"),
    _out("with files of others", "full", "full", lambda b: b.write("full/thesis.doc", "x")),
    _out("a link to nowhere", "gone", "cannot be (written|made)", _read_only("gone")),
    Case("data: no description", "--skip-bids-validation", _description(None)),
    Case("data: description broken", "dataset_description.json", _description("{")),
    Case("data: description deep", "dataset_description.json", _description(DEEP)),
    Case("data: description empty", "dataset_description.json", _description("")),
    Case("data: no derivative", "(?i)no preprocessed BOLD", _no_derivative),
    Case("data: several derivatives", r"deriv.*other.*-d|-d.*deriv.*other", _second_derivative),
    Case("data: no folder", "data", lambda b: shutil.rmtree(b.data)),
    _setting("-d", "nowhere", message="nowhere"),
    Case("reports-only on nothing", "holds no results", options=("--reports-only",)),
    Case("group on nothing", "run the participant level first", level="group"),
    Case("disk full", r"a file became larger than this user or disk allows", file_limit=4096),
)

RIGHTS = (
    _closed_to_us(
        "config file", lambda b: b.write("s.toml", ""), "cannot be read", ("--config-file", "{path}"), status=2
    ),
    _closed_to_us("time series of sub-01", lambda b: b.bold(), "may not be read|cannot be read", others=True),
    _closed_to_us("derivative of sub-01", lambda b: b.deriv / "sub-01", "may not be read|cannot be read", others=True),
    _closed_to_us("events of sub-01", lambda b: b.events(), "may not be read|cannot be read", others=True),
    _closed_to_us("words", lambda b: b.align, "may not be read|cannot be read"),
    _closed_to_us("BIDS_DIR", lambda b: b.data, "may not be read|cannot be read"),
    _closed_to_us("description", lambda b: b.data / "dataset_description.json", "may not be read|cannot be read"),
    _closed_to_us("OUT_DIR", _folder("out"), "OUT_DIR .* cannot be written by user"),
    _closed_to_us("OUT_DIR/logs", _folder("out/logs"), "cannot be written by user.*(remove it|permissions)"),
    _closed_to_us("OUT_DIR/sub-01", _folder("out/sub-01"), "cannot be written by user", others=True),
    _closed_to_us("OUT_DIR/.work", _folder("out/.work"), "cannot be written by user"),
    _closed_to_us("model", lambda b: b.model, "may not be read|cannot be read", ("--model", "{path}")),
    _closed_to_us("filter", lambda b: b.write("f.json", "{}"), "be read", ("--bids-filter-file", "{path}"), status=2),
)

CASES_OF_SETTINGS = (*LABELS, *NUMBERS, *FILES, *FOLDERS, *RIGHTS)
