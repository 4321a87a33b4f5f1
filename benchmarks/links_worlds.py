"""Worlds with known truth for `benchmarks.links`: the demo's cortex, and the parcels of `tests.parcel_worlds`."""

import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.bids.words import read_words
from bids_app.demo import cortex as demo_cortex
from bids_app.demo.atoms import Atoms, find_atoms, responses
from bids_app.demo.background import make_background
from bids_app.demo.dataset import STORY_NAMES
from bids_app.demo.grammar import tell_story
from bids_app.demo.layout import write_story
from bids_app.demo.models import write_models
from bids_app.demo.planting import Planted, plan_links, respond
from bids_app.demo.recordings import Head
from bids_app.demo.scans import REPETITION_TIME, Scan, given_scan, made_scan, stream
from bids_app.encoding.cleaning import clean
from bids_app.encoding.dictionary import DictionaryLearning, time_courses
from bids_app.language.activations import read_activations
from bids_app.language.models import load_model
from bids_app.networks.atlas import load_atlas
from bids_app.networks.conditional import MOST_PIECES, STRIDE, consecutive_pieces
from bids_app.networks.partition import partition
from bids_app.networks.spins import Spins
from bids_app.stats.standardise import zscore
from tests import parcel_source, parcel_worlds

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
_ALICE = SHARED / "alice" / "alice.TextGrid"
_YEO = SHARED / "atlases" / "yeo2011" / "fsaverage5" / "lh.Yeo2011_7Networks_N1000.annot"
_N_PLANTED, _PLANTING_SEED = 14, 7919  # as in bids_app.demo.generate
_RINGS = 12  # smoothness of what differs inside a network


@dataclass(frozen=True)
class Listener:
    """One participant: noise and response at snr 1, cleaned, (n_volumes, n_targets); confounds of each run."""

    noise: Floats
    response: Floats
    confounds: tuple[Doubles, ...]
    run_lengths: tuple[int, ...]

    def series(self, snr: float) -> Floats:
        """Responses at a signal-to-noise ratio, z-scored in each run."""
        both = self.noise + np.float32(snr) * self.response
        runs = np.split(both, np.cumsum(self.run_lengths)[:-1])
        return np.concatenate([zscore(run) for run in runs])


class World(Protocol):
    """What links are looked for in.

    neurons: (n_volumes, n_neurons), z-scored; labels, pieces: (n_targets,), networks from 1, 0 for none, and the pieces
    that they are cut into; links: family, network, part, reproducible; courses: (n_volumes, n_planted); signed: whether
    links have a sign.
    """

    neurons: Floats
    labels: npt.NDArray[np.int64]
    pieces: npt.NDArray[np.int64]
    networks: tuple[str, ...]
    links: pd.DataFrame
    courses: Doubles
    signed: bool
    spins: Spins | None

    def listener(self, number: int) -> Listener:
        """A participant, from 1."""


class ParcelWorld:
    """A world of `tests.parcel_worlds`."""

    spins: Spins | None = None

    def __init__(self, seed: int, cache_dir: Path, **options: bool):
        """Read or make its source."""
        source = parcel_source.load_source(cache_dir)
        chosen: dict[str, Any] = dict(options)
        self._silent, self._loud = (
            parcel_worlds.World(source, parcel_worlds.Options(snr=snr, seed=seed, **chosen)) for snr in (0.0, 1.0)
        )
        self.neurons = source.neurons.astype(np.float32)
        self.labels, self.networks = self._loud.labels + 1, tuple(parcel_worlds.NETWORKS)
        self.pieces = consecutive_pieces(self.labels)
        self.links, self.courses = self._loud.links, self._loud.courses
        self.signed = not options.get("bipolar", False)

    def listener(self, number: int) -> Listener:
        """A participant."""
        silent, loud = (world.participant(number) for world in (self._silent, self._loud))
        noise, response = (
            clean(values, parcel_source.REPETITION_TIME, silent.confounds, None)
            for values in (silent.series, loud.series - silent.series)
        )
        return Listener(noise, response, (silent.confounds,), (len(noise),))


@dataclass
class CortexWorld:
    """A world of the demo's own generator on fsaverage5, without files.

    model: "gpt2", "bert" or "llama" (the demo's tiny models, its stories, its networks), or "minilm" (Alice, Yeo 7).
    bipolar: half of the vertices of each network answer with the opposite sign. irreproducible: atoms of one dictionary
    are planted, whether or not others hold them. everywhere: one planted atom is in no link and moves the whole cortex.
    """

    model: str
    seed: int
    cache_dir: Path
    bipolar: bool = False
    irreproducible: bool = False
    everywhere: bool = False
    n_stories: int = 2
    spins: Spins | None = field(init=False)

    def __post_init__(self) -> None:
        """Read the stories, choose what is planted."""
        self.spins = Spins.cached(1000, 0, self.cache_dir)
        self.signed = not self.bipolar
        if self.model == "minilm":
            atlas = load_atlas(str(_YEO), "surface", "fsaverage5", n_vertices=(demo_cortex.N_VERTICES,) * 2)
            labels, self.networks = np.asarray(atlas.labels, dtype=np.int64), atlas.network_names
        else:
            labels = demo_cortex.partition(_cortex(), stream(self.seed, "partition"))
            self.networks = demo_cortex.NETWORK_NAMES
        self._head = Head(_cortex(), _grid(), labels, self.networks)
        self.labels = np.where(_cortex().is_cortex, labels, 0)
        self.pieces = _surface_pieces(self.labels)
        self._scans, series = self._stories()
        atoms = self._atoms(series)
        kept = [series_[scan.kept] for scan, series_ in zip(self._scans, series, strict=True)]
        self.neurons = np.concatenate([zscore(values) for values in kept])
        courses = [atoms.courses[scan.task][scan.kept] for scan in self._scans]
        self.courses = np.concatenate(courses).astype(np.float64)
        table = plan_links(atoms.numbers.tolist(), self.networks, _N_PLANTED, self.seed)
        self._moving = int(atoms.numbers[self.seed % len(atoms.numbers)]) if self.everywhere else None
        table = table[table["atom"] != self._moving].reset_index(drop=True)
        self._planted = Planted(table, atoms, 1.0)
        column = {int(number): place for place, number in enumerate(atoms.numbers)}
        self.links = table.assign(family=table["atom"].map(column), reproducible=not self.irreproducible)

    def _stories(self) -> tuple[list[Scan], list[Floats]]:
        """Scans, and the responses of the neurons on all their volumes."""
        file = (
            self.cache_dir / f"neurons-{self.model}-{0 if self.model == 'minilm' else self.seed}-{self.n_stories}.npz"
        )
        if self.model == "minilm":
            scans = [given_scan(_ALICE)]
        else:
            scans = [made_scan(STORY_NAMES[number], 300) for number in range(self.n_stories)]
        if not file.exists():
            with tempfile.TemporaryDirectory() as folder:
                series = self._read(scans, Path(folder))
            np.savez(file, *series)
        stored = np.load(file)
        return scans, [stored[name] for name in stored.files]

    def _read(self, scans: Sequence[Scan], folder: Path) -> list[Floats]:
        if self.model == "minilm":
            package = importlib.util.find_spec(parcel_source.MINILM)
            if package is None or package.origin is None:
                raise RuntimeError(f"The package {parcel_source.MINILM} is not installed.")
            words, model = [read_words(_ALICE)], Path(package.origin).parent / "model"
        else:
            told = [tell_story(s.task, s.start, s.end, stream(self.seed, "story", s.task)) for s in scans]
            words = [read_words(write_story(folder, story)) for story in told]
            write_models(folder / "models", [" ".join(story.text) for story in words], self.seed)
            model = folder / "models" / self.model
        language_model = load_model(str(model), device="cpu")
        return [
            responses(read_activations(language_model, story.text, "ffn-out", "auto", folder), story, scan)
            for scan, story in zip(scans, words, strict=True)
        ]

    def _atoms(self, series: Sequence[Floats]) -> Atoms:
        kind = "one" if self.irreproducible else "families"
        seed = _PLANTING_SEED + self.seed
        file = self.cache_dir / f"planted-{kind}-{self.model}-{self.seed}-{self.n_stories}.npz"
        if not file.exists():
            find = _atoms_of_one_dictionary if self.irreproducible else find_atoms
            atoms = find(self._scans, series, _N_PLANTED, seed)
            courses = np.concatenate([atoms.courses[scan.task] for scan in self._scans])
            np.savez(file, numbers=atoms.numbers, rho=atoms.reproducibility, courses=courses)
        stored = np.load(file)
        borders = np.cumsum([scan.n_volumes for scan in self._scans])[:-1]
        blocks = np.split(stored["courses"], borders)
        by_task = {scan.task: block for scan, block in zip(self._scans, blocks, strict=True)}
        return Atoms(stored["numbers"], stored["rho"], by_task, 0)

    def listener(self, number: int) -> Listener:
        """A participant."""
        who = f"{number:02d}"
        runs = [self._run(who, scan) for scan in self._scans]
        noise, response = (np.concatenate([run[part] for run in runs]) for part in (0, 1))
        return Listener(noise, response, tuple(run[2] for run in runs), tuple(len(run[0]) for run in runs))

    def _run(self, who: str, scan: Scan) -> tuple[Floats, Floats, Doubles]:
        background = make_background(
            scan.n_volumes, _grid().brain.shape, demo_cortex.VOXEL_SIZE, stream(self.seed, "run", who, scan.task)
        )
        table = background.confounds.drop(columns="framewise_displacement")
        confounds = table.to_numpy()[scan.kept]
        parts = (background.noise, background.nuisance)
        noise, nuisance = ((_sampling() @ part.reshape(scan.n_volumes, -1).T).T for part in parts)
        noise /= noise.std(axis=0)
        response = respond(who, scan, self._head, self._planted, self.seed)
        if self.bipolar:
            response = response * self._polarity()
        if self._moving is not None:
            response = response + self._everywhere(who, scan)
        ours = _cortex().is_cortex
        cleaned = []
        for values in (noise + nuisance, response):
            series = np.full((len(scan.kept), len(ours)), np.nan, dtype=np.float32)
            series[:, ours] = clean(values[scan.kept][:, ours], REPETITION_TIME, confounds, None)
            cleaned.append(series)
        return cleaned[0], cleaned[1], confounds

    def _polarity(self) -> Floats:
        """1 in one half of each network, -1 in the other, in patches; (n_vertices,)."""
        fields = demo_cortex.smooth_fields(_cortex(), 1, _RINGS, stream(self.seed, "polarity"))[0]
        sign = np.ones(len(fields), dtype=np.float32)
        for label in np.unique(self.labels):
            inside = self.labels == label
            sign[inside] = np.where(fields[inside] > np.median(fields[inside]), 1, -1)
        return sign

    def _everywhere(self, who: str, scan: Scan) -> Floats:
        """The response of the whole cortex to the atom that is in no link, of standard deviation about 1."""
        atoms = self._planted.atoms
        course = atoms.courses[scan.task][:, list(atoms.numbers).index(self._moving)]
        fields = demo_cortex.smooth_fields(_cortex(), 1, _RINGS, stream(self.seed, "everywhere", who))[0]
        gains = np.exp(0.5 * fields)
        return np.outer(course, gains / gains.mean()).astype(np.float32)


def _atoms_of_one_dictionary(scans: Sequence[Scan], neurons: Sequence[Floats], n_atoms: int, seed: int) -> Atoms:
    """Atoms of the stronger half of a dictionary, those first that two others hold best and that are unlike others."""
    story = np.concatenate([series[scan.kept] for scan, series in zip(scans, neurons, strict=True)])
    fits = [DictionaryLearning(random_state=seed + restart).fit(story) for restart in range(3)]
    first = fits[0].atoms_
    n = first.shape[1]
    alike = np.abs(np.corrcoef(first.T)) - np.eye(n)
    held = [np.abs(np.corrcoef(first.T, fit.atoms_.T)[:n, n:]).max(axis=1) for fit in fits[1:]]
    clarity = (np.min(held, axis=0) - alike.max(axis=1))[: n // 2]
    chosen: list[int] = []
    for candidate in np.argsort(-clarity, kind="stable"):
        if len(chosen) < n_atoms and np.all(alike[candidate, chosen] < 0.4):
            chosen.append(int(candidate))
    places = np.sort(chosen)
    courses = [time_courses(series, fits[0].loadings_)[:, places] for series in neurons]
    kept = np.concatenate([course[scan.kept] for scan, course in zip(scans, courses, strict=True)])
    scaled = {
        scan.task: (course - kept.mean(axis=0)) / kept.std(axis=0) for scan, course in zip(scans, courses, strict=True)
    }
    return Atoms(places + 1, np.mean(held, axis=0)[places], scaled, 0)


def _surface_pieces(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Pieces of the networks as the analysis cuts them, (n_vertices,); -1 outside."""
    pieces = np.full(len(labels), -1)
    for network in np.unique(labels[labels > 0]):
        members = np.flatnonzero(labels == network)
        size = max(1, -(-len(members) // MOST_PIECES))
        sides = (demo_cortex.N_VERTICES, demo_cortex.N_VERTICES)
        own = partition(members, "surface", "fsaverage5", n_vertices=sides, size=size)
        pieces[members] = (network - 1) * STRIDE + own
    return pieces


@cache
def _cortex() -> demo_cortex.Cortex:
    return demo_cortex.load_cortex()


@cache
def _grid() -> demo_cortex.Grid:
    return demo_cortex.make_grid(_cortex())


@cache
def _sampling() -> Any:
    return _grid().sampling(_cortex().middle).astype(np.float32)


WORLDS: dict[str, Callable[[int, Path], World]] = {
    **{f"demo {model}": partial(CortexWorld, model) for model in ("gpt2", "bert", "llama")},
    "minilm": partial(CortexWorld, "minilm"),
    "minilm bipolar": partial(CortexWorld, "minilm", bipolar=True),
    "minilm irreproducible": partial(CortexWorld, "minilm", irreproducible=True),
    "minilm everywhere": partial(CortexWorld, "minilm", everywhere=True),
    "parcels": ParcelWorld,
    "parcels bipolar": partial(ParcelWorld, bipolar=True),
    "parcels irreproducible": partial(ParcelWorld, irreproducible=True),
    "parcels everywhere": partial(ParcelWorld, everywhere=True),
}
