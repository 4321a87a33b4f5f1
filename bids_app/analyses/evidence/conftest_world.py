"""A story, a model and parcels with known drivers: word rate, the model, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from bids_app.bids.events import Stimulus
from bids_app.bids.geometry import ParcelGeometry
from bids_app.bids.words import Words
from bids_app.encoding.design.haemodynamics import convolve, word_sums
from bids_app.inputs.band import word_rate
from bids_app.inputs.designs import Designs
from bids_app.inputs.models import ModelRun
from bids_app.inputs.responses import Responses
from bids_app.inputs.timing import StimulusTiming, Story, timing_of
from bids_app.settings import Settings
from bids_app.stats.standardise import zscore

Floats = npt.NDArray[np.float32]

TR, N_UNITS, EACH = 1.5, 12, 20
NETWORKS = ("WordRate", "Model", "Nothing")
GEOMETRY = ParcelGeometry(
    "mine",
    tuple(f"{network}{number:02d}" for network in NETWORKS for number in range(EACH)),
    tuple(network for network in NETWORKS for _ in range(EACH)),
)
_VOCABULARY = (
    *("the", "a", "of", "and", "to", "in", "it", "was", "he", "that"),
    *("whale", "ship", "sea", "harpoon", "captain", "storm", "night", "sailor", "deck", "oar"),
)


@dataclass(frozen=True)
class World:
    """A story heard in one run, a model with two layers, and responses of 20 parcels for each of `NETWORKS`."""

    settings: Settings
    story: Story
    timing: StimulusTiming
    model: ModelRun
    responses: Responses

    @property
    def stories(self) -> dict[str, Story]:
        """The only story, by its stem."""
        return {self.story.stem: self.story}

    @property
    def designs(self) -> Designs:
        """Designs of the model."""
        return Designs(self.model, (self.timing,), self.stories, self.settings)


class _Model:
    """Given values per word; their common part is 1, so that the model knows the word rate as well."""

    label = "tiny"

    untrained = True  # so that it predicts no words

    def __init__(self, values: Floats, settings: Settings) -> None:
        self.values, self.files, self.settings = values, {"model": "tiny"}, settings

    def identity(self) -> dict[str, str]:
        return {"files": str(self.values.sum())}

    def activations(self, *_: object) -> SimpleNamespace:
        return SimpleNamespace(
            n_layers=1, units=(N_UNITS,), layer=lambda _: self.values, columns=lambda _, units: self.values[:, units]
        )


def make_world(
    folder: Path, seed: int, *, snr: float = 1.0, n_volumes: int = 300, shift: int = 0, **changes: Any
) -> World:
    """A world; the responses come `shift` volumes late."""
    random = np.random.default_rng(seed)
    onset = _onsets(random, n_volumes * TR)
    text = tuple(random.choice(_VOCABULARY, len(onset)))
    words = Words(onset, np.full(len(onset), 0.2), text)
    timing = timing_of([Stimulus("tale", "tale.wav", 0.0, ((0.0, n_volumes * TR),))], TR, n_volumes)
    story = Story("tale", words, timing)
    values = (1 + random.standard_normal((len(onset), N_UNITS))).astype(np.float32)
    meaning = values[:, :4] - values[:, :4].mean(axis=0)
    content = convolve(word_sums(meaning, onset, TR, timing.volumes), TR) @ random.standard_normal((4, EACH))
    rate = word_rate(timing, {"tale": story})[:, None] * np.ones(EACH)
    signal = np.concatenate([zscore(rate), zscore(content), np.zeros((n_volumes, EACH))], axis=1)
    noise = lfilter([1], [1, -0.5], random.standard_normal((n_volumes + 50, 3 * EACH)), axis=0)[50:]
    data = zscore(np.roll(snr * signal, shift, axis=0) + zscore(noise))
    stimuli = folder / "data" / "stimuli"
    stimuli.mkdir(parents=True)
    (stimuli / "tale_words.tsv").write_text("onset\tduration\tword\n0\t1\tonce\n")  # only its place is needed
    given = {"device": "cpu", "pca": 8, "n_permutations": 400, "analysis": ("evidence",), **changes}
    settings = Settings(folder / "data", folder / "out", "participant", **given)
    responses = Responses(data, np.ones(len(data.T), dtype=bool), GEOMETRY, (timing,), (None,))
    return World(settings, story, timing, cast("ModelRun", _Model(values, settings)), responses)


def _onsets(random: np.random.Generator, seconds: float) -> npt.NDArray[np.float64]:
    """Onsets of words whose rate drifts as in speech, from 1 to 4 per second, with pauses."""
    times = [1.0]
    rate = 2.5
    while times[-1] < seconds - 1:
        rate = float(np.clip(rate + 0.3 * random.standard_normal(), 1, 4))
        pause = random.exponential(1.5) if random.random() < 0.06 else 0.0
        times.append(times[-1] + 1 / rate + pause)
    return np.array(times[:-1])
