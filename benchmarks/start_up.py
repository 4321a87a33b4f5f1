"""From the command line to the first BOLD file, for one of 345 participants, in a fresh process."""

import os
import subprocess
import sys
import tarfile
import tempfile
from functools import partial
from pathlib import Path

from benchmarks import harness
from bids_app.run.run import run
from bids_app.settings_input import make_settings

METADATA = Path(__file__).parents[2] / "shared" / "data" / "narratives" / "ds002345-metadata.tar.gz"
N_FILES = 20_000
# What fMRIPrep writes of a run, and of a participant's anatomy.
_OF_RUN = (
    "desc-confounds_timeseries.tsv",
    "desc-confounds_timeseries.json",
    "hemi-L_space-fsaverage6_bold.func.gii",
    "hemi-R_space-fsaverage6_bold.func.gii",
    "hemi-L_space-fsaverage6_bold.json",
    "hemi-R_space-fsaverage6_bold.json",
    "hemi-L_space-fsaverage5_bold.func.gii",
    "hemi-R_space-fsaverage5_bold.func.gii",
    "space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz",
    "space-MNI152NLin2009cAsym_desc-preproc_bold.json",
    "space-MNI152NLin2009cAsym_desc-brain_mask.nii.gz",
    "space-MNI152NLin2009cAsym_boldref.nii.gz",
    "from-scanner_to-T1w_mode-image_xfm.txt",
    "desc-hmc_boldref.nii.gz",
    "desc-coreg_boldref.json",
    "desc-aseg_dseg.nii.gz",
)
_OF_ANATOMY = ("desc-preproc_T1w", "desc-brain_mask", "dseg", "label-GM_probseg", "label-WM_probseg", "desc-aseg_dseg")
# What is read of a file before its data: of BOLD, the number of volumes.
_CONTENT = {".json": '{"RepetitionTime": 1.5}', ".gii": '<GIFTI NumberOfDataArrays="300">'}
_RUN = "import sys; from bids_app.cli import main; sys.exit(main())"
# The process ends, as if all were well, when it opens the first BOLD file.
_UNTIL_BOLD = (
    "import os, sys; is_bold = lambda path: str(path).endswith(('_bold.func.gii', '_bold.nii.gz'));"
    "sys.addaudithook(lambda event, given: os._exit(0) if event == 'open' and is_bold(given[0]) else None);"
    "from bids_app.cli import main; main(); sys.exit('no BOLD file was opened')"
)
_LAYOUT = "from bids import BIDSLayout; BIDSLayout({!r}, derivatives={!r}, validate=False)"


def lay_out(root: Path) -> int:
    """Write the raw text files, word timings and the derivative; the number of files of the derivative."""
    with tarfile.open(METADATA) as archive:
        archive.extractall(root, filter="data")
    stories = {name for events in root.glob("sub-*/func/*_events.tsv") for name in _stories_of(events)}
    for story in stories:
        words = root / "stimuli" / "gentle" / Path(story).stem.removesuffix("_audio")
        words.mkdir(parents=True, exist_ok=True)
        lines = (f"word{place},word{place},{place / 2},{place / 2 + 0.4}\n" for place in range(1500))
        (words / "align.csv").write_text("".join(lines))
    derivative = root / "derivatives" / "fmriprep"
    derivative.mkdir(parents=True)
    about = '{"Name": "fMRIPrep", "BIDSVersion": "1.8.0", "DatasetType": "derivative"}'
    (derivative / "dataset_description.json").write_text(about)
    runs = sorted(root.glob("sub-*/func/*_bold.json"))
    names = [
        Path(run.parts[-3], "func", run.name.replace("bold.json", ending)) for run in runs for ending in _OF_RUN
    ] + [
        Path(folder.name, "anat", f"{folder.name}_{space}{what}.nii.gz")
        for folder in sorted(root.glob("sub-*"))
        for what in _OF_ANATOMY
        for space in ("", "space-MNI152NLin2009cAsym_", "space-MNI152NLin6Asym_")
    ]
    for name in names[:N_FILES]:
        path = derivative / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_CONTENT.get(path.suffix, "-"))
    return len(names[:N_FILES])


def _stories_of(events: Path) -> set[str]:
    header, *rows = [line.split("\t") for line in events.read_text().splitlines()]
    place = header.index("stim_file") if "stim_file" in header else None
    return set() if place is None else {row[place] for row in rows} - {"n/a"}


def save_model(folder: Path, root: Path) -> None:
    """A tiny model that reads the words of the stories."""
    import torch

    from bids_app.bids.words import read_words
    from bids_app.demo import models

    torch.manual_seed(0)
    words = read_words(next(root.glob("stimuli/gentle/*/align.csv")))
    models.save_model(folder, *models.make_gpt2([" ".join(words.text)]))


def participant_level(root: Path, out: Path, *options: str, code: str = _RUN) -> None:
    """The participant level for one participant, in a process of its own."""
    command = [sys.executable, "-c", code, str(root), str(out), "participant", "--participant-label", "001", *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=_compiled(root))
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)


def check(root: Path, *options: str) -> None:
    """`n2n check` of all participants, in a process of its own; the BOLD is made up, so that it finds problems."""
    code = "import sys; from bids_app.tools import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "check", str(root), *options]
    done = subprocess.run(command, check=False, capture_output=True, env=_compiled(root))
    if done.returncode not in (0, 1) or b"problem(s)" not in done.stdout:
        raise RuntimeError((done.stdout + done.stderr).decode())


def pybids(root: Path) -> None:
    """An index of everything."""
    derivative = root / "derivatives" / "fmriprep"
    command = [sys.executable, "-c", _LAYOUT.format(str(root), str(derivative))]
    subprocess.run(command, check=True, capture_output=True, env=_compiled(root))


def _compiled(root: Path) -> dict[str, str]:
    """The environment of ours and the peer: modules are compiled once, in the first turn, as `pip install` does."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(root.parent / "compiled")}


def main() -> None:
    """A row for --dry-run, and one for a run whose stimulus level is done, until it opens the first BOLD file."""
    options = harness.arguments(__doc__).parse_args()
    if not METADATA.is_file():
        sys.exit(f"start_up reads the raw data of Narratives from {METADATA}, which is not there; put that file there.")
    with tempfile.TemporaryDirectory() as folder:
        root, out, model = (Path(folder, name) for name in ("ds002345", "out", "gpt2"))
        root.mkdir()
        n_files = lay_out(root)
        save_model(model, root)
        given = ("--model", str(model), "--atlas", "none", "--confounds", "none")
        run(make_settings({"bids_dir": root, "out_dir": out, "level": "stimulus", "model": (str(model),)}))
        calls = {
            "--dry-run": partial(participant_level, root, out, *given, "--dry-run"),
            "a run, stimulus level done": partial(participant_level, root, out, *given, code=_UNTIL_BOLD),
            "n2n check": partial(check, root, *given),
            "pybids BIDSLayout": partial(pybids, root),
        }
        times = harness.take_turns(calls, 1 if options.quick else options.runs)
    peer = {"pybids BIDSLayout": times.pop("pybids BIDSLayout")}
    harness.print_header()
    for what, ours in times.items():
        who, target = ("all", "≤ 20 s") if what == "n2n check" else ("1", "≤ 3 s")
        harness.print_row(
            f"{what}: {who} of 345 participants, derivative of {n_files:,} files", ours, peer, target, "—"
        )


if __name__ == "__main__":
    main()
