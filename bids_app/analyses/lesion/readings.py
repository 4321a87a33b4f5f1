"""What a model computes for a run under each lesion, read once and shared by participants with the same timing."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bids_app.analyses.dictionary import Dictionary
from bids_app.analyses.lesion.plan import LesionPlan, Neurons
from bids_app.choices import parse_context
from bids_app.disk import new_array
from bids_app.encoding.design.haemodynamics import pooled_responses
from bids_app.inputs.designs import Designs
from bids_app.inputs.models import ModelRun
from bids_app.inputs.timing import StimulusTiming, Story, timed_words
from bids_app.inputs.units import UnitReader
from bids_app.machine.once import computed_once, file_name, key_of
from bids_app.settings import Settings
from bids_app.stats.device import one_thread
from bids_app.stats.standardise import moments, zscore

if TYPE_CHECKING:
    from bids_app.language.activations import Activations
    from bids_app.language.models import LanguageModel
    from bids_app.language.tokens import Tokens
    from bids_app.language.windows import Window

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_FORMAT = 1
AROUND = 32  # tokens on each side of a masked one
_AT_ONCE = 16  # lesions whose words are held in memory


@dataclass(frozen=True)
class Readings:
    """What was read of one run under each of the different sets of a plan, see `LesionPlan.reading_of`.

    Attributes
    ----------
    sums : (n_sets, n_volumes, n_units) states of the layer summed per volume, censored volumes included
    courses : (n_sets, n_kept, n_atoms) time courses of the atoms or families
    surprisal : for each story (n_lesions, n_words) nats; empty without
    """

    sums: Floats
    courses: Floats
    surprisal: dict[str, Doubles]


@dataclass(frozen=True)
class LesionJob:
    """What decides the readings, besides the run: model, sets, dictionary, layer (from 1)."""

    model: ModelRun
    plan: LesionPlan
    neurons: Neurons
    dictionary: Dictionary
    dictionary_key: str
    layer: int
    stories: Mapping[str, Story]
    settings: Settings

    @cached_property
    def with_head(self) -> LanguageModel:
        """The model with the head that predicts words; ValueError without one."""
        return self.model.with_head()

    @property
    def kind(self) -> str:
        """The kind of the units: outputs or inputs of the second feed-forward matrix."""
        kind = self.settings.chosen_units.kind
        assert kind is not None
        return kind

    def source(self, story: Story) -> Activations:
        """Activations of all units of the kind, of which the neurons are some or all."""
        return self.model.activations(story, self.kind, "mean")

    @cached_property
    def without_head(self) -> str:
        """Why the model predicts no words; "" if it does."""
        try:
            _ = self.with_head
        except ValueError as error:
            return str(error)
        return ""

    @property
    def without_surprisal(self) -> str:
        """Why there is no surprisal of stories; "" if there is."""
        if self.is_masked and not self.settings.lesion_words:
            return "--lesion-words 0 leaves out that of masked models"
        return self.without_head

    @cached_property
    def is_masked(self) -> bool:
        """Whether the model predicts masked words, rather than the next one."""
        return not self.model.loaded.is_causal

    @property
    def predicts_each(self) -> bool:
        """Whether each pass gives the surprisal too: a causal model with its head."""
        return not self.is_masked and not self.without_surprisal

    @property
    def predicts_masked(self) -> bool:
        """Whether words are masked in turn: a masked model with its head."""
        return self.is_masked and not self.without_surprisal

    @property
    def content(self) -> dict[str, Any]:
        """What decides a reading, besides the words."""
        return {
            "format": _FORMAT,
            "model": self.model.identity(),
            "dictionary": self.dictionary_key,
            "layer": self.layer,
            "neurons": self.kind,
            "kind": self.settings.lesion_kind,
            "seed": self.settings.random_seed,
            "sets": key_of([self.plan.lesions[row].neurons.tolist() for row in self.plan.different]),
        }

    def sets(self) -> list[dict[int, Ints]]:
        """The lesioned units of each of the different sets, by layer."""
        return [self.neurons.by_layer(self.plan.lesions[row].neurons) for row in self.plan.different]

    def designs(self, timing: StimulusTiming) -> Designs:
        """What turns words into volumes."""
        return Designs(self.model, (timing,), dict(self.stories), self.settings)


def neurons_of(model: ModelRun, dictionary: Dictionary, stories: Mapping[str, Story], settings: Settings) -> Neurons:
    """The neurons of a dictionary, with their mean |activation| over the words of its stories."""
    reader = UnitReader(model, settings)
    total, n_words = np.zeros(len(dictionary.layer_of)), 0
    for source in (reader.source(stories[stem]) for stem in dictionary.stems):
        for columns, layer, units in dictionary.index.blocks():
            total[columns] += np.abs(source.columns(layer, units)).sum(axis=0, dtype=np.float64)
        n_words += source.n_words
    return Neurons(dictionary.layer_of, dictionary.unit_of, total / n_words)


def read_run(job: LesionJob, timing: StimulusTiming) -> Readings:
    """Read the stories of a run under each lesion, from the work directory if it was done before."""
    designs = job.designs(timing)
    stems = list(dict.fromkeys(stimulus.stem for stimulus in timing.stimuli))
    content = {
        **job.content,
        "heard": designs.identity,
        **({"masked words": job.settings.lesion_words} if job.predicts_masked else {}),
    }
    folder = job.settings.work / "lesions" / file_name(stems, key_of(content))
    computed_once(folder, lambda draft: _read(draft, job, timing, stems))
    found = json.loads((folder / "stories.json").read_text(encoding="utf-8"))
    return Readings(
        np.load(folder / "sums.npy", mmap_mode="r"),
        np.load(folder / "courses.npy", mmap_mode="r"),
        {
            stem: np.load(folder / f"surprisal{number}.npy")[job.plan.reading_of]
            for number, stem in enumerate(stems)
            if found["surprisal"]
        },
    )


def _read(draft: Path, job: LesionJob, timing: StimulusTiming, stems: Sequence[str]) -> None:
    draft.mkdir(parents=True)
    n_lesions, heard = len(job.plan.different), timed_words(timing, job.stories)
    readers = {stem: reader_of(job, job.stories[stem], _projections(job, heard, timing)) for stem in stems}
    n_units = next(iter(readers.values())).width
    sums = new_array(draft / "sums.npy", np.float32, (n_lesions, len(timing.uncensored.volumes), n_units))
    courses = new_array(draft / "courses.npy", np.float32, (n_lesions, len(timing.volumes), job.dictionary.n_atoms))
    surprisal = {stem: np.full((n_lesions, len(job.stories[stem].words)), np.nan) for stem in stems}
    designs, sets = job.designs(timing), job.sets()
    copies = {stem: masked_sample(job, reader.tokens) for stem, reader in readers.items() if job.predicts_masked}
    for first in range(0, n_lesions, _AT_ONCE):
        rows = slice(first, min(first + _AT_ONCE, n_lesions))
        words = {stem: reader.read(sets[rows]) for stem, reader in readers.items()}
        for number, row in enumerate(range(n_lesions)[rows]):
            states = {stem: found.states[number] for stem, found in words.items()}
            sums[row] = designs.sum_words(lambda story, _, states=states: states[story.stem])  # type: ignore[misc]
            courses[row] = _pooled(heard, {stem: found.courses[number] for stem, found in words.items()}, timing)
        for stem, found in words.items():
            if found.surprisal is not None:
                surprisal[stem][rows] = found.surprisal
            elif job.predicts_masked:
                surprisal[stem][rows] = readers[stem].read_masked(sets[rows], copies[stem])
        log.debug("%s: %d of %d lesions read", job.model.label, rows.stop, n_lesions)
    for number, stem in enumerate(stems):
        np.save(draft / f"surprisal{number}.npy", surprisal[stem])
    (draft / "stories.json").write_text(
        json.dumps({"stories": list(stems), "surprisal": not job.without_surprisal}), encoding="utf-8"
    )


def reader_of(job: LesionJob, story: Story, projections: Sequence[Floats]) -> Any:
    """The reader of a story, with the head of a causal model where it has one."""
    from bids_app.language.lesioned import LesionReader
    from bids_app.language.tokens import tokenize_words
    from bids_app.language.windows import plan_windows

    settings = job.settings
    model = job.model.loaded if job.without_head else job.with_head
    tokens = tokenize_words(model.tokenizer, story.words.text)
    source = job.source(story)
    return LesionReader(
        model,
        tokens,
        [np.asarray(source.layer(layer)) for layer in range(source.n_layers)],
        job.layer - 1,
        projections,
        plan_windows(tokens, model.max_tokens, model.is_causal, parse_context(settings.context)),
        kind=settings.lesion_kind,
        neurons=job.kind,
        seed=settings.random_seed,
        with_surprisal=job.predicts_each,
    )


def unseen_story(job: LesionJob) -> Story | None:
    """The story after those of the dictionary, in the order of names; None if there is no other."""
    names = sorted(job.stories)
    last = names.index(max(job.dictionary.stems))
    others = [name for name in (*names[last + 1 :], *names[:last]) if name not in job.dictionary.stems]
    return job.stories[others[0]] if others else None


def read_unseen(job: LesionJob, story: Story) -> Doubles:
    """Surprisal of a story under each lesion, (n_lesions, n_words), from the work directory if it was read before."""
    content = {**job.content, "unseen": [story.stem, story.words.text], "masked words": job.settings.lesion_words}
    path = job.settings.work / "lesions" / f"{file_name([story.stem, 'unseen'], key_of(content))}.npy"

    def read(draft: Path) -> None:
        projections = [np.zeros((n_units, 0), dtype=np.float32) for n_units in job.source(story).units]
        reader, sets = reader_of(job, story, projections), job.sets()
        copies = masked_sample(job, reader.tokens) if job.is_masked else []
        found = []
        for first in range(0, len(sets), _AT_ONCE):
            batch = sets[first : first + _AT_ONCE]
            found.append(reader.read_masked(batch, copies) if job.is_masked else reader.read(batch).surprisal)
        with draft.open("wb") as file:
            np.save(file, np.concatenate(found))

    values: Doubles = np.load(computed_once(path, read))
    return values[job.plan.reading_of]


def masked_sample(job: LesionJob, tokens: Tokens) -> list[Window]:
    """Copies of a story around each token of `--lesion-words` words, which are drawn at random."""
    from bids_app.language.surprisal import copies_around

    words = np.unique(tokens.word)
    random = np.random.default_rng([job.settings.random_seed, len(words)])
    chosen = np.sort(random.choice(words, size=min(job.settings.lesion_words, len(words)), replace=False))
    return copies_around(tokens, chosen, job.with_head.max_tokens, AROUND)


Heard = Sequence[tuple[Story, Ints, Doubles, Doubles]]


@one_thread()
def _projections(job: LesionJob, heard: Heard, timing: StimulusTiming) -> list[Floats]:
    """For each layer (n_units, n_atoms): from activations of words to least-squares values of the atoms.

    Time courses of known loadings are D = X A⁺ for z-scored responses X. Pooling and convolution are linear, so that
    words may be projected before: each neuron over its standard deviation in the intact run.
    """
    loadings = job.dictionary.loadings.astype(np.float64)
    inverse = loadings.T @ np.linalg.pinv(loadings @ loadings.T, rcond=1e-6, hermitian=True)
    sources = {story.stem: job.source(story) for story, *_ in heard}
    widths = next(iter(sources.values())).units
    projections = [np.zeros((n_units, len(loadings)), dtype=np.float32) for n_units in widths]
    for columns, layer, units in job.dictionary.index.blocks():
        pooled = _convolved(heard, {stem: source.columns(layer, units) for stem, source in sources.items()}, timing)
        projections[layer][units] = moments(pooled)[1].reshape(-1, 1) * inverse[columns]
    return projections


def _convolved(heard: Heard, values: Mapping[str, Floats], timing: StimulusTiming) -> Floats:
    """Values of words (n_words, n) as convolved responses of the kept volumes (n_kept, n)."""
    together = np.concatenate([values[story.stem][rows] for story, rows, _, _ in heard])
    onset, duration = (np.concatenate([entry[index] for entry in heard]) for index in (2, 3))
    return pooled_responses(together, onset, duration, timing.repetition_time, timing.volumes)


def _pooled(heard: Heard, values: Mapping[str, Floats], timing: StimulusTiming) -> Floats:
    return zscore(_convolved(heard, values, timing))
