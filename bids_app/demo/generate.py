"""Make the demo: a BIDS data set of story listening in which known atoms of a language model drive known networks."""

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from bids_app.bids.words import Words
from bids_app.demo.atoms import Atoms, find_atoms, responses
from bids_app.demo.dataset import check_options, name_of_model, plan_scans, tell, write_head, write_runs
from bids_app.demo.derivative import SPACES
from bids_app.demo.layout import participant_labels, write_raw, write_settings
from bids_app.demo.models import PLANTED_MODEL, write_models
from bids_app.demo.planting import Planted, plan_links, respond
from bids_app.demo.recordings import Head
from bids_app.demo.scans import REPETITION_TIME, Scan
from bids_app.demo.truth import LINK_COLUMNS, Truth, atom_column, write_truth
from bids_app.language.activations import extract
from bids_app.language.labels import model_label
from bids_app.language.models import load_model

DEFAULT_SNR = 0.15

_N_ATOMS, _N_DEACTIVE = 14, 14
_DICTIONARY_SEED = 7919  # far from the default seed of the analysis


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
    check_options(target, participants, stories, snr, spaces)
    scans = plan_scans(stories, n_volumes, annotations)
    words = tell(target, scans, annotations, seed)
    labels = participant_labels(participants)
    write_raw(target, labels, scans)
    head, atlas_file = write_head(target, atlas, seed)
    model_name, subgroups = _prepare_model(target, model, words, seed)
    atoms, links = _plant(model_name, scans, words, head, seed) if snr > 0 else _nothing(scans)
    planted = Planted(links, atoms, snr)
    write_runs(
        target, labels, scans, head, partial(respond, head=head, planted=planted, seed=seed), spaces=spaces, seed=seed
    )
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


def _prepare_model(target: Path, model: Path | None, words: Sequence[Words], seed: int) -> tuple[str, pd.DataFrame]:
    """Return the model to read the stories with, and the sub-groups that were planted in it (none in a given one)."""
    if model is not None:
        return name_of_model(model), pd.DataFrame(columns=["category", "layer", "unit"])
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
