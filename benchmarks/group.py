"""The group level of many simulated participants: time and peak memory, beside a script that loads all maps.

Participants have maps of 64 families (beta, r) on fsaverage5 or fsaverage6, or scores at 41 distances, or all that the
demo's participants leave for links of families with networks. The coefficients of a few participants are linked under
the names of the others, because the time of reading does not depend on the values; scores, whose test needs values
without ties, differ in all.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
from scipy.stats import ttest_1samp, wilcoxon

from benchmarks import harness
from bids_app.analyses.writer import Writer
from bids_app.bids.derivatives import output_path, write_json
from bids_app.bids.geometry import SurfaceGeometry
from bids_app.bids.outputs import find_maps
from bids_app.checksums import describe_file, sealed
from bids_app.machine.completion import FOLDER
from bids_app.run.group import run_group
from bids_app.settings import Settings

VERTICES = {"fsaverage5": 10_242, "fsaverage6": 40_962}
N_FAMILIES, DISTANCES, N_DIFFERENT = 64, list(range(-10, 31)), 10
ROWS = (
    ("families", "fsaverage5", 20),
    ("families", "fsaverage5", 100),
    ("families", "fsaverage5", 345),
    ("families", "fsaverage6", 100),
    ("families", "fsaverage6", 345),
    ("forecast", "fsaverage5", 20),
    ("forecast", "fsaverage5", 100),
    ("forecast", "fsaverage5", 345),
    ("families", "fsaverage5", 1000),
    ("forecast", "fsaverage6", 100),
    ("forecast", "fsaverage6", 345),
    ("links", "fsaverage5", 20),
    ("links", "fsaverage5", 100),
    ("links", "fsaverage5", 345),
    ("links", "fsaverage5", 1000),
)
MOST_FOR_SCRIPT = 600  # MB of maps that the script which loads all may have: it takes five times as much


def write_participants(out_dir: Path, what: str, space: str, n: int) -> None:
    """Write the maps that the participant level would leave."""
    if what == "links":
        write_linked(out_dir, n)
        return
    geometry = SurfaceGeometry(space, VERTICES[space], VERTICES[space])
    rng = np.random.default_rng(0)
    for number in range(n):
        label = f"{number:04d}"
        entities = {"sub": label, "task": "tale", "space": space, "model": "gpt2"}
        writer = Writer(out_dir, entities, [], {"random_seed": 0}, lambda: geometry)
        scores = 0.05 * rng.standard_normal((1, geometry.n_targets), dtype=np.float32) + np.float32(0.02)
        if what == "forecast":
            curves = 0.05 * rng.standard_normal((len(DISTANCES), geometry.n_targets), dtype=np.float32)
            names = [f"distance{distance:+d}" for distance in DISTANCES]
            facts = {"Distances": DISTANCES, "TestedDistance": 8, "Window": 7, "Layer": 8, "Fraction": 0.67}
            writer.maps("forecastbase", "r", scores, ["present"])
            writer.maps("forecast", "r", curves, names, **facts)
            continue
        writer.maps("families", "r", scores, ["r"])
        names = [f"family-{family:03d}" for family in range(N_FAMILIES)]
        if number < N_DIFFERENT:
            writer.maps("families", "beta", rng.standard_normal((N_FAMILIES, geometry.n_targets), np.float32), names)
        else:
            _link(out_dir, f"{number % N_DIFFERENT:04d}", label)


def write_linked(out_dir: Path, n: int) -> None:
    """Write what the participant level leaves of the demo, and link it under the names of `n` participants."""
    # The group level, which is measured in a process of its own, does without them.
    from bids_app.demo.generate import DEFAULTS, generate
    from bids_app.run.run import run
    from bids_app.settings_input import make_settings

    with tempfile.TemporaryDirectory(dir=out_dir.parent) as folder:
        data = Path(folder, "data")
        generate(data, replace(DEFAULTS, spaces=("fsaverage5",)))
        given = {
            "bids_dir": data,
            "out_dir": out_dir,
            "level": "participant",
            "config_file": data / "code" / "demo.toml",
        }
        if run(make_settings(given | {"analysis": ["networks"], "work_dir": Path(folder, "work")})):
            raise RuntimeError("The run failed; what went wrong is said above.")
    (out_dir / "dataset_description.json").unlink()  # its data set is gone
    sources = sorted(folder.name.removeprefix("sub-") for folder in out_dir.glob("sub-*/"))
    scores = {output.participant: output for output in find_maps(out_dir, "families", "r")}
    rng = np.random.default_rng(0)
    for number in range(len(sources), n):
        source, label = sources[number % len(sources)], f"{number:04d}"
        _link(out_dir, source, label, "*")
        maps, geometry = scores[source].load()
        noisy = maps + 0.05 * rng.standard_normal(maps.shape, dtype=np.float32)
        entities = {**scores[source].entities, "sub": label}
        geometry.save(noisy, output_path(out_dir, entities))
        _mark(out_dir, source, label)


def _link(out_dir: Path, source: str, label: str, pattern: str = "*_stat-beta_*") -> None:
    for path in (out_dir / f"sub-{source}" / "func").glob(pattern):
        target = out_dir / f"sub-{label}" / "func" / path.name.replace(f"sub-{source}", f"sub-{label}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.hardlink_to(path)


def _mark(out_dir: Path, source: str, label: str) -> None:
    """Write the markers of a participant whose outputs are links to those of another."""
    for path in (out_dir / FOLDER).glob(f"sub-{source}_*_complete.json"):
        text = path.read_text().replace(f"sub-{source}/", f"sub-{label}/").replace(f"sub-{source}_", f"sub-{label}_")
        marker = json.loads(text)
        marker["Outputs"] = {name: describe_file(out_dir / name) for name in marker["Outputs"]}
        del marker["Checksum"]  # `sealed` makes it anew
        write_json(path.with_name(path.name.replace(f"sub-{source}_", f"sub-{label}_")), sealed(marker))


def ours(out_dir: Path) -> None:
    """The group level."""
    run_group(Settings(out_dir, out_dir, "group"), "group")


def script(out_dir: Path, what: str) -> None:
    """What a user would write with nibabel, numpy and scipy: load all, then test."""
    pattern = "*_stat-beta_*" if what == "families" else "*_stat-r_desc-forecast_*"
    halves = []
    for hemisphere in "LR":
        files = sorted(out_dir.glob(f"sub-*/func/*hemi-{hemisphere}{pattern}.gii"))
        halves.append([[array.data for array in nibabel.load(file).darrays] for file in files])
    maps = np.concatenate([np.asarray(half) for half in halves], axis=2)
    if what == "families":
        ttest_1samp(maps, 0, axis=0)
    else:
        wilcoxon(maps, axis=0)


def measured(function: str, out_dir: Path, what: str) -> tuple[float, float, float]:
    """Seconds of wall and of processor time, and peak memory in MB, of a process of its own."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.group", "--only", function, str(out_dir), what]
    child = os.posix_spawn(sys.executable, command, dict(os.environ))
    _, status, usage = os.wait4(child, 0)
    if status:
        raise RuntimeError(f"The run failed; what went wrong is said above: {' '.join(command)}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def main() -> None:
    """One row per size."""
    if sys.argv[1:2] == ["--only"]:
        function, folder, what = sys.argv[2:]
        ours(Path(folder)) if function == "ours" else script(Path(folder), what)
        return
    parser = harness.arguments(__doc__, runs=1)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()), help="Where the maps go.")
    parser.add_argument("--rows", nargs="+", type=int, help="Only these rows, from 0.")
    options = parser.parse_args()
    print(f"\n{harness.machine(('numpy', 'scipy', 'nibabel'))}\n")
    columns = ("maps", "space", "participants", "size of the maps", "time", "processor time", "peak memory")
    harness.print_cells([*columns, "script that loads all: time", "processor time", "peak memory"])
    harness.print_cells(["---"] * 10)
    chosen = [0] if options.quick else options.rows or range(len(ROWS))
    for what, space, n in [ROWS[number] for number in chosen]:
        row(what, space, 5 if options.quick else n, options.scratch)


def row(what: str, space: str, n: int, scratch: Path) -> None:
    """Make the participants, measure, and remove them."""
    n_maps = len(DISTANCES) if what == "forecast" else N_FAMILIES
    size = n * n_maps * 2 * VERTICES[space] * 4 / 1e6
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        out_dir = Path(folder)
        write_participants(out_dir, what, space, n)
        mine = _cells(measured("ours", out_dir, what))
        shutil.rmtree(out_dir / "group")
        other = ["–", "–", "too large for this machine"]
        if what == "links":
            other = ["–", "–", "–"]
        elif size < MOST_FOR_SCRIPT:
            other = _cells(measured("script", out_dir, what))
    title = {"families": "64 families", "forecast": "41 distances", "links": "64 families with links"}[what]
    harness.print_cells([title, space, f"{n:,}", f"{size:,.0f} MB", *mine, *other])


def _cells(numbers: tuple[float, float, float]) -> list[str]:
    """Wall and processor time, and memory, as cells."""
    return [f"{number:,.0f} {unit}" for number, unit in zip(numbers, ("s", "s", "MB"), strict=True)]


if __name__ == "__main__":
    main()
