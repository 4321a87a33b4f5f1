"""Futures of a story: time to make them, what their mean holds, how many are enough, and planted regions.

`python -m benchmarks.futures --words STORY.TextGrid --model FOLDER`: the word timings of a story, and a model.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bids_app.bids.words import Words, read_words
from bids_app.encoding.design.haemodynamics import convolve, word_sums
from bids_app.encoding.design.pipeline import FeaturePipeline
from bids_app.encoding.ridge.held_out import HeldOutDesign, design_held_out
from bids_app.forecast.scores import forecast_scores
from bids_app.forecast.windows import offsets_of, shift_words
from bids_app.inputs.futures import Futures, parsed
from bids_app.inputs.timing import StimulusTiming, Story
from bids_app.language.activations import read_activations
from bids_app.language.futures import Sentence, StoryFutures, load_parser, tree_distances
from bids_app.language.models import LanguageModel, load_model
from bids_app.settings import Settings

Floats = npt.NDArray[np.float32]
TR, PACE, WINDOW, N_DELAYS = 1.5, 1.4, 7, 6
SYNTAX_AHEAD, MEANING_AHEAD = 5, 8
DISTANCES = [*range(-4, 17)]
_MANY = 20
N_SEEDS, N_TARGETS, N_COMPONENTS, SNR = 5, 600, 5, 1.0


@dataclass(frozen=True)
class Ground:
    """A story, two sets of its futures, and a model."""

    words: Words
    model: LanguageModel
    futures: StoryFutures
    sentences: list[Sentence]
    layer: int

    def _read(self, text: Sequence[str]) -> Floats:
        with tempfile.TemporaryDirectory() as folder:
            made = read_activations(self.model, text, "residual", "auto", Path(folder), subtoken="last")
            return np.array(made.layer(self.layer - 1))

    @cached_property
    def whole(self) -> Floats:
        """X, (n_words, n_units)."""
        return self._read(self.words.text)

    @cached_property
    def each(self) -> Floats:
        """Activations of each future, (n_futures, n_words, n_units)."""
        return np.stack([self._read(future) for future in self.futures.futures])

    @property
    def syntax(self) -> Floats:
        """X_syn of the first ten."""
        return np.asarray(self.each[:10].mean(axis=0))


def make(words: Words, settings: Settings) -> tuple[StoryFutures, list[Sentence], float]:
    """Futures and parsed sentences of a story, and the seconds that the futures took, lists included."""
    timing = StimulusTiming(TR, np.arange(1), ())
    story = Story("story", words, timing)
    start = time.perf_counter()
    futures = Futures({"story": story}, settings).of(story)
    seconds = time.perf_counter() - start
    return futures, parsed(load_parser(settings.parser), story), seconds


def of_tokens(sentences: list[Sentence]) -> dict[str, list[Any]]:
    """Of the last token of each aligned word that has one: part of speech, depth in the tree, key."""
    rows: dict[str, list[Any]] = {"part": [], "depth": [], "key": []}
    for sentence in sentences:
        root = int(np.flatnonzero(sentence.heads == np.arange(len(sentence)))[0])
        depths = tree_distances(sentence.heads)[root]
        last = {word: token for token, word in enumerate(sentence.word_of)}
        for word in range(len(sentence.words)):
            token = last[word]
            rows["part"].append(sentence.parts[token])
            rows["depth"].append(float(depths[token]))
            rows["key"].append(f"{sentence.tags[token]}|{sentence.relations[token]}")
    return rows


def probes(ground: Ground) -> list[str]:
    """Held-out accuracy of the part of speech, and r of tree depth and of word frequency."""
    rows = of_tokens(ground.sentences)
    text = [word.lower() for word in ground.words.text]
    counts = {word: text.count(word) for word in set(text)}
    frequency = np.log([counts[word] for word in text])
    part = np.array(rows["part"])
    keys = np.array(rows["key"])
    within = frequency.copy()
    for key in set(rows["key"]):
        within[keys == key] -= within[keys == key].mean()
    majority = max(np.mean(part == name) for name in set(part))
    lines = ["| decoded, held out | X | X_syn | X_sem | chance |", "|---|---:|---:|---:|---:|"]
    spaces = (ground.whole, ground.syntax, ground.whole - ground.syntax)
    lines.append(_row("part of speech, accuracy", [_accuracy(space, part) for space in spaces], majority))
    for name, values in (
        ("depth in the tree, r", np.array(rows["depth"])),
        ("log frequency, r", frequency),
        ("log frequency among words of the same tag and relation, r", within),
    ):
        lines.append(_row(name, [_r(space, values) for space in spaces], 0))
    # Of a short list, the futures tell the word, because they are all others.
    open_class = np.array([len({text[i] for i in np.flatnonzero(keys == key)}) >= _MANY for key in keys])
    of_many = [_r(space[open_class], within[open_class]) for space in spaces]
    lines.append(_row(f"the same, lists of at least {_MANY} words, r", of_many, 0))
    return lines


def _row(name: str, values: list[float], chance: float) -> str:
    return f"| {name} | " + " | ".join(f"{value:.2f}" for value in [*values, chance]) + " |"


def _accuracy(space: Floats, labels: npt.NDArray[Any]) -> float:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300))
    return float(np.mean(cross_val_predict(model, space, labels, cv=KFold(5)) == labels))


def _r(space: Floats, values: npt.NDArray[Any]) -> float:
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 6, 7)))
    return float(np.corrcoef(cross_val_predict(model, space, values, cv=KFold(5)), values)[0, 1])


def convergence(ground: Ground) -> list[str]:
    """Correlation of the means of two sets of n futures, over words, mean over units."""
    lines = ["| n | r of two means of n | r with X |", "|---:|---:|---:|"]
    for n in range(1, 11):
        first, second = ground.each[:n].mean(axis=0), ground.each[10 : 10 + n].mean(axis=0)
        lines.append(f"| {n} | {_by_unit(first, second):.3f} | {_by_unit(first, ground.whole):.3f} |")
    return lines


def _by_unit(first: Floats, second: Floats) -> float:
    a, b = ((space - space.mean(axis=0)) / space.std(axis=0) for space in (first, second))
    return float((a * b).mean())


@dataclass(frozen=True)
class Volumes:
    """Word vectors on the volumes of a scan of the story, told more slowly as in the demo."""

    onset: npt.NDArray[np.float64]
    n_volumes: int

    @classmethod
    def of(cls, words: Words) -> "Volumes":
        """A scan that ends with the story."""
        onset = words.onset * PACE
        return cls(onset, int(np.nanmax(onset) // TR) + 8)

    def sums(self, vectors: Floats, offset: int) -> Floats:
        """Vectors of the words `offset` words ahead, summed per volume."""
        shifted = shift_words(vectors, offset, [slice(0, len(vectors))])
        timed = np.isfinite(self.onset)
        return word_sums(shifted[timed], self.onset[timed], TR, np.arange(self.n_volumes))

    def window(self, vectors: Floats, distance: int) -> Floats:
        """Windows at a distance."""
        return np.concatenate([self.sums(vectors, offset) for offset in offsets_of(distance, WINDOW)], axis=1)

    def course(self, vectors: Floats, distance: int) -> Floats:
        """Responses to the principal components of the window at a distance, (n_volumes, 5)."""
        window = self.window(vectors, distance)
        standard = (window - window.mean(axis=0)) / np.maximum(window.std(axis=0), 1e-6)
        u, s, _ = np.linalg.svd(standard, full_matrices=False)
        return convolve((u[:, :N_COMPONENTS] * s[:N_COMPONENTS]).astype(np.float32), TR)


def planted(ground: Ground) -> list[str]:
    """Peaks and gains of both scores in regions driven by the window of X_syn at 5, of X_sem at 8, by nothing."""
    volumes = Volumes.of(ground.words)
    parts = {"F_syn": ground.syntax, "F_sem": ground.whole - ground.syntax}
    pipeline = FeaturePipeline(20, tuple(range(N_DELAYS)))

    def design(*spaces: Floats) -> HeldOutDesign:
        return design_held_out(list(spaces), [volumes.n_volumes], pipeline, device="cpu")

    present = volumes.sums(ground.whole, 0)
    base = design(present)
    windows = {
        name: [design(present, volumes.window(vectors, distance)) for distance in DISTANCES]
        for name, vectors in parts.items()
    }
    drives = {
        f"X_syn, d = {SYNTAX_AHEAD}": volumes.course(parts["F_syn"], SYNTAX_AHEAD),
        f"X_sem, d = {MEANING_AHEAD}": volumes.course(parts["F_sem"], MEANING_AHEAD),
        "nothing": None,
    }
    lines = ["| driven by | score | d* of each seed | F(d*), mean |", "|---|---|---|---:|"]
    for driver, course in drives.items():
        data = np.concatenate([_responses(course, volumes.n_volumes, seed) for seed in range(N_SEEDS)], axis=1)
        for name, designs in windows.items():
            gains = forecast_scores(base, designs, data, device="cpu").gains
            curves = gains.reshape(len(DISTANCES), N_SEEDS, N_TARGETS).mean(axis=2)
            peaks = [DISTANCES[index] for index in curves.argmax(axis=0)]
            lines.append(f"| {driver} | {name} | {' '.join(map(str, peaks))} | {curves.max(axis=0).mean():+.3f} |")
    return lines


def _responses(course: Floats | None, n_volumes: int, seed: int) -> Floats:
    """Responses (n_volumes, n_targets) of a region: random weights of the course, and noise."""
    random = np.random.default_rng(seed)
    noise = random.standard_normal((n_volumes, N_TARGETS))
    if course is None:
        return noise.astype(np.float32)
    drive = course @ random.standard_normal((course.shape[1], N_TARGETS))
    y = SNR * drive / drive.std(axis=0) + noise
    return np.asarray((y - y.mean(axis=0)) / y.std(axis=0), dtype=np.float32)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.futures", description=__doc__)
    parser.add_argument("--words", type=Path, required=True, help="word timings of a story")
    parser.add_argument("--model", required=True, help="a language model")
    parser.add_argument("--most-words", type=int, default=1600)
    parser.add_argument("--swap-rounds", type=int, default=40)
    parser.add_argument("--only-planted", action="store_true", help="leave probes and convergence out")
    given = parser.parse_args()
    words = read_words(given.words)
    rows = slice(given.most_words)
    words = replace(words, onset=words.onset[rows], duration=words.duration[rows], text=words.text[rows])
    model = load_model(given.model, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            Path(folder),
            Path(folder),
            "stimulus",
            n_futures=10 if given.only_planted else 20,
            swap_rounds=given.swap_rounds,
        )
        futures, sentences, seconds = make(words, settings)
    ground = Ground(words, model, futures, sentences, max(1, round(2 / 3 * model_layers(model))))
    error = np.abs(ground.syntax + (ground.whole - ground.syntax) - ground.whole).max()
    print(
        f"{len(words)} words, {len(sentences)} sentences: {len(futures.futures)} futures in {seconds:.0f} s; "
        f"layer {ground.layer}."
    )
    print(f"Mean similarity {np.mean(futures.mean_similarity):.3f}; words kept {np.mean(futures.kept_share):.1%}.")
    print(f"Largest |X_syn + X_sem - X|: {error:.1e}.")
    sections: dict[str, Callable[[Ground], list[str]]] = {
        "Probes": probes,
        "Convergence": convergence,
        "Planted regions": planted,
    }
    for title, section in list(sections.items())[-1 if given.only_planted else 0 :]:
        print("\n".join(["", title, "", *section(ground)]), flush=True)


def model_layers(model: LanguageModel) -> int:
    """Number of blocks of a model."""
    return int(str(model.model.config.num_hidden_layers))  # type: ignore[union-attr]


if __name__ == "__main__":
    main()
