"""A model whose groups of units carry one feature each, and networks that such a feature alone drives.

Features are random values of words, orthogonal to the embeddings: no linear function of what the group does not write
predicts them. The feed-forward network of the first block computes them and writes each into the units of its group;
half of the groups drive a network, the others, as active, drive nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from bids_app.analyses.dictionary import Dictionary
from bids_app.analyses.lesion.participant import Subgroups, lesion_networks
from bids_app.analyses.lesion.readings import neurons_of
from bids_app.analyses.writer import Writer
from bids_app.bids.derivatives import read_table
from bids_app.bids.events import Stimulus
from bids_app.bids.geometry import ParcelGeometry
from bids_app.bids.outputs import find_outputs
from bids_app.bids.words import Words
from bids_app.demo.models import make_gpt2, save_model
from bids_app.encoding.design.haemodynamics import convolve, word_sums
from bids_app.inputs.models import ModelRun
from bids_app.inputs.responses import Responses
from bids_app.inputs.timing import Story, timing_of
from bids_app.networks.lesion_sets import outliers
from bids_app.settings import Settings
from bids_app.stats.standardise import zscore

Doubles = npt.NDArray[np.float64]

NETWORKS = ("One", "Two", "Three")
SIZE, WIDTH, N_INNER, N_LAYERS = 6, 64, 320, 2  # units of a group, of the model, of its inner layer
N_GROUPS = 2 * len(NETWORKS)
FIRST = WIDTH - SIZE * N_GROUPS  # unit of the first group; those before hold the embeddings
DOSE = 100 * SIZE / (WIDTH * N_LAYERS)  # per cent of all neurons that are one group
EACH, TR, PACE = 8, 1.5, 0.5  # parcels of a network, s, s per word
SYLLABLES = [f"{a}{b}" for a in "bdgkmnprst" for b in "aeiou"]
WORDS = [f"{first}{second}" for first in SYLLABLES[:15] for second in SYLLABLES[:10]]
GEOMETRY = ParcelGeometry(
    "mine",
    tuple(f"{network}{number}" for network in NETWORKS for number in range(EACH)),
    tuple(network for network in NETWORKS for _ in range(EACH)),
)


@dataclass(frozen=True)
class World:
    """A story, the model that reads it, responses, and the groups as families 0 … 5, of which 3 drive networks."""

    settings: Settings
    story: Story
    model: ModelRun
    responses: Responses
    dictionary: Dictionary

    def run(self, families: tuple[int, ...], desc: str = "01") -> None:
        """Lesion these families as the sub-groups of the networks, in their order."""
        links = pd.DataFrame({"network": NETWORKS, "atom": families, "linked": True})
        neurons = neurons_of(self.model, self.dictionary, {"tale": self.story}, self.settings)
        groups = Subgroups(links, neurons, self.dictionary, *outliers(neurons.activity, neurons.layer_of))
        writer = Writer(
            self.settings.out_dir,
            {"sub": desc, "task": "tale", "seg": "mine", "model": "tiny"},
            [],
            {"random_seed": 0},
            lambda: GEOMETRY,
        )
        lesion_networks(self.responses, groups, "world", self.model, {"tale": self.story}, self.settings, writer)

    def table(self, desc: str, participant: str = "01") -> pd.DataFrame:
        """A table that was written."""
        (output,) = find_outputs(self.settings.out_dir, "networks", sub=participant, desc=desc)
        return read_table(output.paths[0])

    def matrix(self, measure: str, value: str = "drop", participant: str = "01") -> Doubles:
        """Lesioned × scored networks at the dose of a whole group."""
        table = self.table("lesion", participant)
        rows = table[(table["measure"] == measure) & (table["control"] == "activity") & (table["dose"] > DOSE - 0.1)]
        wide = rows.pivot(index="network", columns="scored", values=value)
        return wide.loc[list(NETWORKS), list(NETWORKS)].to_numpy(dtype=float)


def make_world(folder: Path, seed: int, n_volumes: int = 300, noise: float = 0.7, **changes: Any) -> World:
    """Write the model and make the responses; `changes` are settings."""
    rng = np.random.default_rng(seed)
    embedding = np.zeros((len(WORDS), WIDTH))
    embedding[:, : FIRST // 2] = rng.standard_normal((len(WORDS), FIRST // 2))
    features = _orthogonal(rng.standard_normal((len(WORDS), N_GROUPS)), embedding[:, : FIRST // 2])
    _write_model(folder / "model", embedding, features, rng)
    chosen = rng.integers(len(WORDS), size=int(n_volumes * TR / PACE))
    onset = PACE * np.arange(len(chosen), dtype=np.float64)
    words = Words(onset, np.full(len(chosen), PACE), tuple(WORDS[word] for word in chosen))
    timing = timing_of([Stimulus("tale", "tale.wav", 0.0, ((0.0, n_volumes * TR),))], TR, n_volumes)
    courses = convolve(word_sums(features[chosen], onset, TR, timing.volumes), TR)
    signal = np.repeat(zscore(courses)[:, : len(NETWORKS)], EACH, axis=1)
    data = zscore(signal + noise * rng.standard_normal(signal.shape))
    given: dict[str, Any] = {
        "analysis": ("networks", "lesion"),
        "model": (str(folder / "model"),),
        "device": "cpu",
        "layer": "2",
        "folds": 3,
        "lesion_doses": (DOSE / 2, DOSE),
        "lesion_draws": 19,
        "lesion_controls": ("activity",),
    }
    settings = Settings(folder / "data", folder / "out", "participant", **{**given, **changes})
    responses = Responses(data, np.ones(data.shape[1], dtype=bool), GEOMETRY, (timing,), (None,))
    model = ModelRun(str(folder / "model"), False, settings)
    return World(settings, Story("tale", words, timing), model, responses, _dictionary(courses))


def _orthogonal(values: Doubles, others: Doubles) -> Doubles:
    """Columns with mean 0 and variance 1 that are orthogonal to each other and to `others`."""
    basis = np.linalg.qr(np.column_stack([np.ones(len(values)), others, values]))[0]
    return np.asarray(basis[:, 1 + others.shape[1] :] * np.sqrt(len(values)))


@torch.no_grad()
def _write_model(folder: Path, embedding: Doubles, features: Doubles, rng: np.random.Generator) -> None:
    """Each word is a token; attention and the second block add nothing."""
    _, tokenizer = make_gpt2([" " + " ".join(WORDS) for _ in range(3)])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(1000)))
        sizes = {"n_layer": N_LAYERS, "n_embd": WIDTH, "n_head": 4, "n_inner": N_INNER, "n_positions": 512}
        model: Any = GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), bos_token_id=0, eos_token_id=0, **sizes))
    body = model.transformer
    body.wpe.weight.zero_()
    body.wte.weight[:, FIRST // 2 :] = 0
    for word, vector in zip(WORDS, embedding, strict=True):
        for text in (f" {word}", word):  # the first word of a text has no blank before it
            tokens = tokenizer.encode(text, add_special_tokens=False)
            if len(tokens) == 1:
                body.wte.weight[tokens[0]] = torch.from_numpy(vector).float()
    for block in body.h:
        block.attn.c_proj.weight.zero_()
        block.mlp.c_proj.weight.zero_()
    first = body.h[0].mlp
    first.c_fc.weight.copy_(torch.from_numpy(rng.standard_normal((WIDTH, N_INNER))).float() / 2)
    first.c_fc.bias.copy_(torch.from_numpy(rng.standard_normal(N_INNER)).float())
    states = torch.from_numpy(embedding).float()
    inner = first.act(first.c_fc(body.h[0].ln_2(states))).double().numpy()
    target = np.zeros((len(WORDS), WIDTH))
    target[:, FIRST // 2 : FIRST] = rng.standard_normal((len(WORDS), FIRST - FIRST // 2)) @ np.diag(
        rng.uniform(0.5, 1.5, FIRST - FIRST // 2)
    )
    target[:, FIRST // 2 : FIRST] -= features @ np.linalg.lstsq(features, target[:, FIRST // 2 : FIRST], rcond=None)[0]
    target[:, FIRST:] = np.repeat(features, SIZE, axis=1) * rng.uniform(0.5, 1.5, SIZE * N_GROUPS)
    first.c_proj.weight.copy_(torch.from_numpy(np.linalg.pinv(inner) @ target).float())
    save_model(folder, model, tokenizer)


def _dictionary(courses: npt.NDArray[np.float32]) -> Dictionary:
    """A family for each group: loadings of its units, and small ones of all others."""
    loadings = np.full((N_GROUPS, WIDTH * N_LAYERS), 0.01, dtype=np.float32)
    for group in range(N_GROUPS):
        loadings[group, FIRST + SIZE * group : FIRST + SIZE * (group + 1)] = np.linspace(0.8, 1, SIZE)
    neuron = np.arange(WIDTH * N_LAYERS)
    return Dictionary(("tale",), {"tale": courses}, loadings, neuron // WIDTH, neuron % WIDTH, {})
