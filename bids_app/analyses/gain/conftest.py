"""A story in which a word decides the kind of the word 8 ahead, heard by regions that follow one or the other.

Words are of 6 kinds, which the states of the base model tell apart; the kind of the word ahead depends on the single
word, so that it is no linear function of these states. A model that is trained to forecast them learns it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from transformers import GPT2LMHeadModel

from bids_app.demo.models import make_gpt2, save_model
from bids_app.encoding.design.haemodynamics import convolve, word_sums
from bids_app.finetune.recipe import Goal
from bids_app.finetune.run import Request, finetune
from bids_app.forecast.windows import shift_words
from bids_app.language.activations import read_activations
from bids_app.language.models import load_model
from bids_app.settings import Settings
from bids_app.stats.standardise import zscore

Floats = npt.NDArray[np.floating]

SYLLABLES = [f"{a}{b}" for a in "bdfgklmnprstvz" for b in "aeiou"]
N_KINDS = 6
WORDS = [f"{first}{second}" for first in SYLLABLES for second in SYLLABLES][: 25 * N_KINDS]
AHEAD, N_COMPONENTS, REPETITION_TIME, START = 8, 5, 2.0, 6.0
REGIONS = ("present", "ahead", "nothing")
NUMBERS: dict[str, Any] = {
    "steps": 300,
    "context": 48,
    "batch": 8,
    "queue": 1000,
    "negatives": 500,
    "learning_rate": 3e-3,
    "checkpoints": 1,
}


@dataclass
class World:
    """A data set of regions, and the folder of a fine-tuning."""

    root: Path
    seed: int = 0
    n_words: int = 500
    noise: float = 1.0
    n_parcels: int = 6
    n_participants: int = 1

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def tuned(self) -> Path:
        return self.root / "tuned"

    @property
    def base(self) -> Path:
        return self.root / "base"

    @property
    def participants(self) -> list[str]:
        return [f"{number:02d}" for number in range(1, self.n_participants + 1)]

    @property
    def parcels(self) -> list[str]:
        return [f"{region}{number}" for region in REGIONS for number in range(1, self.n_parcels + 1)]

    def settings(self, level: str = "participant", **changes: Any) -> Settings:
        usual: dict[str, Any] = {"analysis": ("gain",), "model": (str(self.tuned),), "regions": "none", "device": "cpu"}
        return Settings(self.data, changes.pop("out_dir", self.root / "out"), level, **{**usual, **changes})

    def make(self) -> "World":
        """Write text, model and data set."""
        rng = np.random.default_rng(self.seed)
        ahead = rng.permutation(np.arange(len(WORDS)) % N_KINDS)  # kind of the word 8 ahead
        documents = [_document(ahead, 100, rng) for _ in range(200)]
        for number, document in enumerate(documents):
            write(self.root / "text" / f"{number:03d}.txt", " ".join(document))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            body, tokenizer = make_gpt2([" " + " ".join(document) for document in documents], n_layers=3)
            model = GPT2LMHeadModel(body.config)
            _plant_kinds(model, tokenizer, rng)
        save_model(self.base, model, tokenizer)
        self._write_data(_document(ahead, self.n_words, rng), rng)
        return self

    def train(self, alphas: Sequence[float] = (0, 0.5), controls: Sequence[str] = (), **numbers: Any) -> None:
        """Fine-tune the model."""
        goals = [Goal(alpha) for alpha in alphas] + [Goal(0.5, control) for control in controls]
        finetune(
            Request(
                text=self.root / "text",
                model=str(self.base),
                target=self.tuned,
                goals=tuple(goals),
                numbers={**NUMBERS, "seed": self.seed, **numbers},
                device="cpu",
            )
        )

    def _write_data(self, story: list[str], rng: np.random.Generator) -> None:
        for folder, kind in ((self.data, "raw"), (self.data / "derivatives" / "deriv", "derivative")):
            content = {"Name": "t", "BIDSVersion": "1.10.0", "DatasetType": kind}
            write(folder / "dataset_description.json", json.dumps(content))
        rows = "".join(f"{0.25 + index:.2f}\t0.8\t{word}\n" for index, word in enumerate(story))
        write(self.data / "stimuli" / "tale_words.tsv", f"onset\tduration\tword\n{rows}")
        n_volumes = int((START + len(story)) / REPETITION_TIME) + 2
        courses = self._courses(story, n_volumes)
        for label in self.participants:
            events = f"onset\tduration\ttrial_type\tstim_file\n{START:g}\t{len(story)}\tstory\ttale.wav\n"
            write(self.data / f"sub-{label}" / "func" / f"sub-{label}_task-tale_events.tsv", events)
            signal = np.concatenate(
                [self._responses(courses.get(region), n_volumes, rng) for region in REGIONS], axis=1
            )
            series = signal + self.noise * rng.standard_normal(signal.shape)
            path = (
                self.data
                / "derivatives"
                / "deriv"
                / f"sub-{label}"
                / "func"
                / f"sub-{label}_task-tale_seg-T_timeseries.tsv"
            )
            write(path.with_suffix(".json"), json.dumps({"RepetitionTime": REPETITION_TIME}))
            lines = ["\t".join(f"{value:.4f}" for value in row) for row in series]
            write(path, "\n".join(["\t".join(self.parcels), *lines]) + "\n")

    def _courses(self, story: list[str], n_volumes: int) -> dict[str, Floats]:
        """Responses (n_volumes, n_components) to states of the base model's second layer, present and ahead."""
        model = load_model(self.base, device="cpu")
        states = read_activations(model, story, "residual", "auto", self.root / "states", subtoken="last").layer(1)
        standard = zscore(np.asarray(states)).astype(np.float64)
        vectors = np.linalg.eigh(standard.T @ standard)[1][:, ::-1][:, :N_COMPONENTS]
        values = (standard @ vectors).astype(np.float32)
        onset = START + 0.25 + np.arange(len(story))
        return {
            name: convolve(
                word_sums(
                    shift_words(values, ahead, [slice(0, len(story))]), onset, REPETITION_TIME, np.arange(n_volumes)
                ),
                REPETITION_TIME,
            )
            for name, ahead in (("present", 0), ("ahead", AHEAD))
        }

    def _responses(self, courses: Floats | None, n_volumes: int, rng: np.random.Generator) -> Floats:
        if courses is None:
            return np.zeros((n_volumes, self.n_parcels))
        signal = courses @ rng.standard_normal((N_COMPONENTS, self.n_parcels))
        return np.asarray(signal / signal.std(axis=0))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _document(ahead: npt.NDArray[np.int64], n_words: int, rng: np.random.Generator) -> list[str]:
    """Words, of which each decides the kind of the word 8 later, nine times out of ten."""
    words = list(rng.integers(len(WORDS), size=AHEAD))
    while len(words) < n_words:
        kind = ahead[words[-AHEAD]] if rng.random() < 0.9 else rng.integers(N_KINDS)
        words.append(kind + N_KINDS * rng.integers(len(WORDS) // N_KINDS))
    return [WORDS[word] for word in words]


@torch.no_grad()
def _plant_kinds(model: Any, tokenizer: Any, rng: np.random.Generator) -> None:
    """Embeddings of words: a direction of their kind, and a part of their own of half the length."""
    embedding = model.transformer.wte.weight
    width = embedding.shape[1]
    directions = np.linalg.qr(rng.standard_normal((width, N_KINDS)))[0].T
    for index, word in enumerate(WORDS):
        (token,) = tokenizer.encode(f" {word}", add_special_tokens=False)
        own = 0.5 * rng.standard_normal(width) / np.sqrt(width)
        embedding[token] = torch.from_numpy(directions[index % N_KINDS] + own).float()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("world"), n_participants=2).make()
    made.train(checkpoints=2)
    return made
