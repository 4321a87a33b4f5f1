"""Make the demo: a BIDS data set of story listening in which known atoms of a language model drive known networks."""

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from bids_app.bids.words import Words, read_words
from bids_app.demo.atoms import Atoms, find_atoms, responses
from bids_app.demo.cortex import N_VERTICES, NETWORK_NAMES, load_cortex, make_grid, partition
from bids_app.demo.derivative import SPACES, SURFACE_SPACE, write_atlas
from bids_app.demo.grammar import tell_story
from bids_app.demo.layout import (
    copy_annotations,
    participant_labels,
    write_description,
    write_raw,
    write_settings,
    write_story,
)
from bids_app.demo.models import PLANTED_MODEL, write_models
from bids_app.demo.planting import plan_links
from bids_app.demo.recordings import Head, Planted, write_run
from bids_app.demo.scans import REPETITION_TIME, Scan, given_scan, made_scan, stream
from bids_app.demo.truth import LINK_COLUMNS, Truth, atom_column, write_truth
from bids_app.language.activations import extract
from bids_app.language.models import load_model, model_label
from bids_app.networks.atlas import load_atlas

DEFAULT_SNR = 0.15
STORY_NAMES = ("lighthouse", "orchard", "caravan", "clockmaker", "marsh", "ferry", "beekeeper", "quarry")

_N_ATOMS, _N_DEACTIVE = 14, 14
_DICTIONARY_SEED = 7919  # far from the default seed of the analysis
_THREADS = 2


def generate(
    target: Path,
    *,
    participants: int = 3,
    stories: int = 2,
    snr: float = DEFAULT_SNR,
    model: Path | None = None,
    annotations: Path | None = None,
    atlas: Path | None = None,
    spaces: Sequence[str] = SPACES,
    seed: int = 0,
    n_volumes: int = 300,
) -> Truth:
    """Write the data set into the folder `target`, which must be empty or missing, and return what was planted.

    Parameters
    ----------
    participants, stories : how many of each
    snr : standard deviation of the response over that of the noise, averaged over the vertices of a network; at 0
        nothing is planted
    model : folder or name of the model whose atoms are planted, instead of the tiny GPT-2-type one
    annotations : word timings (align.csv or .json of gentle, TextGrid, table) of the one story that is then told;
        `stories` and `n_volumes` follow from it
    atlas : partition of fsaverage5 into networks (one of two .annot or .gii files), instead of a generated one
    spaces : any of fsaverage5 and MNI152NLin6Asym
    seed : everything random follows from it
    n_volumes : volumes of a scan, 1.5 s each

    Raises ValueError for options that are impossible, FileExistsError when `target` holds files.
    """
    _check(target, participants, stories, snr, spaces)
    annotated = None if annotations is None else given_scan(annotations)
    scans = [annotated] if annotated else [made_scan(_story_name(index), n_volumes) for index in range(stories)]
    words = _tell(target, scans, annotations, seed)
    labels = participant_labels(participants)
    write_raw(target, labels, scans)
    head, atlas_file = _write_head(target, atlas, seed)
    model_name, subgroups = _prepare_model(target, model, words, seed)
    atoms, links = _plant(model_name, scans, words, head, seed) if snr > 0 else _nothing(scans)
    write_description(target / "derivatives" / "fmriprep", "Preprocessed synthetic stories", derivative=True)
    planted = Planted(links, atoms, snr)
    with ThreadPoolExecutor(_THREADS) as threads:  # compression, most of the work, lets other threads run
        runs = [
            threads.submit(write_run, target, label, scan, head, planted, spaces, seed)
            for label in labels
            for scan in scans
        ]
        for run in runs:
            run.result()
    write_settings(target, {"model": [model_name], "atlas": str(atlas_file)})
    options = {
        "participants": participants,
        "stories": [scan.task for scan in scans],
        "snr": snr,
        "model": model_name,
        "model_label": model_label(model_name),
        "atlas": str(atlas) if atlas else None,
        "annotations": str(annotations) if annotations else None,
        "spaces": list(spaces),
        "seed": seed,
        "repetition_time": REPETITION_TIME,
        "audio_onset": scans[0].audio_onset,
    }
    truth = Truth(links, _course_table(scans, atoms), subgroups, options)
    write_truth(target, truth)
    return truth


def _check(target: Path, participants: int, stories: int, snr: float, spaces: Sequence[str]) -> None:
    if target.exists() and any(target.iterdir()):
        raise FileExistsError(f"{target} is not empty; give a new folder for the demo data set.")
    if participants < 1 or stories < 1:
        raise ValueError(f"participants={participants}, stories={stories}; both must be at least 1.")
    if not (np.isfinite(snr) and snr >= 0):
        raise ValueError(f"snr={snr}; it must be a number from 0 (nothing is planted) upwards.")
    if not spaces or not set(spaces) <= set(SPACES):
        raise ValueError(f"spaces={', '.join(spaces) or 'none'}; the demo is made in {' and '.join(SPACES)}.")


def _story_name(index: int) -> str:
    return STORY_NAMES[index] if index < len(STORY_NAMES) else f"story{index + 1}"


def _tell(target: Path, scans: Sequence[Scan], annotations: Path | None, seed: int) -> list[Words]:
    """Write the word timings of each scan and read them back, as the analysis will."""
    if annotations is not None:
        return [read_words(copy_annotations(target, annotations, scan)) for scan in scans]
    stories = [tell_story(scan.task, scan.start, scan.end, stream(seed, "story", scan.task)) for scan in scans]
    return [read_words(write_story(target, story)) for story in stories]


def _write_head(target: Path, atlas: Path | None, seed: int) -> tuple[Head, Path]:
    """Make or read the partition of the cortex, write it as an atlas, and return its file."""
    cortex = load_cortex()
    networks: tuple[str, ...] = NETWORK_NAMES
    if atlas is None:
        name, labels = "Demo", partition(cortex, stream(seed, "partition"))
    else:
        given = load_atlas(str(atlas), "surface", SURFACE_SPACE, n_vertices=(N_VERTICES, N_VERTICES))
        name = "".join(filter(str.isalnum, given.name.removeprefix("lh.").removeprefix("rh.")))
        labels, networks = np.asarray(given.labels, dtype=np.int64), given.network_names
    head = Head(cortex, make_grid(cortex), labels, networks)
    folder = target / "derivatives" / "atlas"
    write_description(folder, "Functional networks", derivative=True)
    return head, write_atlas(folder, name, labels, networks, head.grid).resolve()


def _prepare_model(target: Path, model: Path | None, words: Sequence[Words], seed: int) -> tuple[str, pd.DataFrame]:
    """Return the model to read the stories with, and the sub-groups that were planted in it (none in a given one)."""
    if model is not None:
        name = str(model.resolve()) if model.exists() else str(model)
        return name, pd.DataFrame(columns=["category", "layer", "unit"])
    folder = target / "sourcedata" / "models"
    subgroups = write_models(folder, [" ".join(story.text) for story in words], seed)
    return str((folder / PLANTED_MODEL).resolve()), subgroups


def _plant(
    model_name: str, scans: Sequence[Scan], words: Sequence[Words], head: Head, seed: int
) -> tuple[Atoms, pd.DataFrame]:
    """Choose the atoms of the model and the networks that they drive."""
    language_model = load_model(model_name, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        neurons = []
        for scan, story in zip(scans, words, strict=True):
            activations = extract(language_model, story.text, "ffn-out", "auto", Path(folder))
            neurons.append(responses(activations, story, scan))
    atoms = find_atoms(scans, neurons, _N_ATOMS, _DICTIONARY_SEED + seed)
    return atoms, plan_links(atoms.numbers.tolist(), head.networks, _N_DEACTIVE, seed)


def _nothing(scans: Sequence[Scan]) -> tuple[Atoms, pd.DataFrame]:
    courses = {scan.task: np.zeros((scan.n_volumes, 0), dtype=np.float32) for scan in scans}
    return Atoms(np.zeros(0, dtype=np.int64), courses), pd.DataFrame(columns=LINK_COLUMNS)


def _course_table(scans: Sequence[Scan], atoms: Atoms) -> pd.DataFrame:
    tables = []
    for scan in scans:
        volumes = np.arange(scan.n_volumes)
        place = pd.DataFrame({"story": scan.task, "volume": volumes, "kept": np.isin(volumes, scan.kept)})
        names = [atom_column(int(number)) for number in atoms.numbers]
        tables.append(pd.concat([place, pd.DataFrame(atoms.courses[scan.task], columns=names)], axis=1))
    return pd.concat(tables, ignore_index=True)
