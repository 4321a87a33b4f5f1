"""Make the demo: a BIDS data set of story listening in which known atoms of a language model drive known networks."""

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from bids_app.demo.atoms import N_RESTARTS, REPRODUCIBLE, Atoms, find_atoms, responses
from bids_app.demo.dataset import NetworkSpace, Options, name_of_model, prepare, told_options, write_runs
from bids_app.demo.layout import write_settings
from bids_app.demo.models import PLANTED_MODEL, write_models
from bids_app.demo.planting import Planted, driven, plan_links, respond
from bids_app.demo.scans import Scan
from bids_app.demo.truth import LINK_COLUMNS, Truth, atom_column, write_truth
from bids_app.language.activations import read_activations
from bids_app.language.models import load_model

DEFAULTS = Options(stories=2, snr=0.8, n_volumes=300, n_driven=4)

_PER_NETWORK = 2  # atoms that activate each driven network; as many deactivate it
_DICTIONARY_SEED = 7919  # far from the default seed of the analysis


def generate(target: Path, options: Options = DEFAULTS) -> Truth:
    """Write the data set into the folder `target`, which must be empty or missing, and return what was planted.

    Raises ValueError for options that are impossible, FileExistsError when `target` holds files.
    """
    ground = prepare(target, options)
    model, subgroups = _prepare_model(target, options, ground)
    atoms, links = _plant(model, ground, options) if options.snr > 0 else _nothing(ground.scans)
    planted = Planted(links, atoms, options.snr)
    write_runs(target, ground, partial(respond, head=ground.head, planted=planted, seed=options.seed), options)
    settings: dict[str, object] = {"model": [model], "atlas": str(ground.atlas)}
    # Links need many volumes: the stories of a participant are fitted together.
    write_settings(target, settings | ({"pool_tasks": True} if len(ground.scans) > 1 else {}))
    told = told_options(options, ground, model) | _told_families(atoms)
    truth = Truth(links, _course_table(ground.scans, atoms), subgroups, told)
    write_truth(target, truth)
    return truth


def describe(truth: Truth) -> str:
    """What was planted, in a line.

    >>> links = pd.DataFrame({"atom": [3, 3], "network": ["A", "B"]})
    >>> told = {"reproducible_families": 20, "planted_families": 1, "restarts": 10, "least_reproducibility": 0.85}
    >>> describe(Truth(links, links, links, told))
    '1 family of neurons is planted in 2 networks, out of 20 that 10 restarts of the dictionary hold with rho >= 0.85'
    """
    told, n_networks = truth.options, truth.links["network"].nunique()
    if truth.links.empty:
        return "nothing is planted"
    n_planted = told["planted_families"]
    planted = f"{n_planted} {'family' if n_planted == 1 else 'families'} of neurons {'is' if n_planted == 1 else 'are'}"
    return (
        f"{planted} planted in {n_networks} networks, out of {told['reproducible_families']} that {told['restarts']} "
        f"restarts of the dictionary hold with rho >= {told['least_reproducibility']}"
    )


def _prepare_model(target: Path, options: Options, ground: NetworkSpace) -> tuple[str, pd.DataFrame]:
    """Return the model to read the stories with, and the sub-groups that were planted in it (none in a given one)."""
    if options.model is not None:
        return name_of_model(options.model), pd.DataFrame(columns=["category", "layer", "unit"])
    folder = target / "sourcedata" / "models"
    subgroups = write_models(folder, ground.texts, options.seed)
    return str((folder / PLANTED_MODEL).resolve()), subgroups


def _plant(model: str, ground: NetworkSpace, options: Options) -> tuple[Atoms, pd.DataFrame]:
    """Choose the atoms of the model and the networks that they drive."""
    language_model = load_model(model, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        neurons = []
        for scan, story in zip(ground.scans, ground.words, strict=True):
            activations = read_activations(language_model, story.text, "ffn-out", "auto", Path(folder))
            neurons.append(responses(activations, story, scan))
    networks = driven(ground.head.networks, options.n_driven, options.seed)
    n_atoms = _PER_NETWORK * len(networks)
    atoms = find_atoms(ground.scans, neurons, n_atoms, _DICTIONARY_SEED + options.seed)
    links = plan_links(atoms.numbers.tolist(), networks, n_atoms, options.seed)
    rho = dict(zip(atoms.numbers.tolist(), atoms.reproducibility.round(3).tolist(), strict=True))
    return atoms, links.assign(rho=links["atom"].map(rho))


def _nothing(scans: Sequence[Scan]) -> tuple[Atoms, pd.DataFrame]:
    courses = {scan.task: np.zeros((scan.n_volumes, 0), dtype=np.float32) for scan in scans}
    return Atoms(np.zeros(0, dtype=np.int64), np.zeros(0), courses, 0), pd.DataFrame(columns=LINK_COLUMNS)


def _told_families(atoms: Atoms) -> dict[str, object]:
    """How many families of atoms are reproducible, by which measure, and how many of them are planted."""
    return {
        "restarts": N_RESTARTS,
        "least_reproducibility": REPRODUCIBLE,
        "reproducible_families": atoms.n_reproducible,
        "planted_families": len(atoms.numbers),
    }


def _course_table(scans: Sequence[Scan], atoms: Atoms) -> pd.DataFrame:
    tables = []
    for scan in scans:
        volumes = np.arange(scan.n_volumes)
        place = pd.DataFrame({"story": scan.task, "volume": volumes, "kept": np.isin(volumes, scan.kept)})
        names = [atom_column(int(number)) for number in atoms.numbers]
        tables.append(pd.concat([place, pd.DataFrame(atoms.courses[scan.task], columns=names)], axis=1))
    return pd.concat(tables, ignore_index=True)
