"""What counts as a neuron in a run (`--units`): its values in a story, and those of its units that take part."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from bids_app.checksums import is_kept
from bids_app.choices import FEATURES, UnitsChoice, parse_context
from bids_app.inputs.models import ModelRun
from bids_app.inputs.timing import StimulusTiming, Story, timed_words
from bids_app.language.autoencoder import Autoencoder
from bids_app.machine.notices import notice
from bids_app.machine.once import computed_once, file_name, key_of
from bids_app.shared_options.dictionary import DictionaryOptions

if TYPE_CHECKING:
    from bids_app.language.features import FeatureActivations, FeatureReading
    from bids_app.language.localiser import Localised
    from bids_app.language.localiser_stimuli import Stimulus

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
_AT_ONCE = 8192  # units whose values are held in memory as words × units
_FORMAT = 1


class UnitSource(Protocol):
    """Values of units in one story: `Activations`, or `FeatureActivations`."""

    @property
    def n_words(self) -> int:
        """Number of words."""

    @property
    def units(self) -> tuple[int, ...]:
        """Number of units of each layer."""

    @property
    def n_layers(self) -> int:
        """Number of transformer blocks."""

    @property
    def revision(self) -> str | None:
        """Commit of a model of the Hub."""

    @property
    def weights_hash(self) -> str:
        """Identity of the weights."""

    def columns(self, layer: int, units: Ints) -> Floats:
        """Values of some units of a layer, (n_words, n_units)."""


@dataclass(frozen=True)
class UnitIndex:
    """The units that count as neurons, by layer and index in the layer, both ascending and from 0: (n_neurons,)."""

    layer_of: Ints
    unit_of: Ints

    def __len__(self) -> int:
        """Return the number of neurons."""
        return len(self.layer_of)

    def blocks(self) -> Iterator[tuple[slice, int, Ints]]:
        """Blocks of neurons of one layer: their columns, the layer, and their units in it."""
        borders = [0, *(np.flatnonzero(np.diff(self.layer_of)) + 1), len(self)]
        for first, last in pairwise(borders):
            for start in range(first, last, _AT_ONCE):
                columns = slice(start, min(start + _AT_ONCE, last))
                yield columns, int(self.layer_of[start]), self.unit_of[columns]


@dataclass(frozen=True)
class Attached:
    """An autoencoder, and where it is attached: the kind of activations, and the layer from 0."""

    autoencoder: Autoencoder
    hook: str
    layer: int

    @classmethod
    def open(cls, settings: DictionaryOptions) -> Attached:
        """The autoencoder of `--units sae:PATH`.

        Raises FileError for unusable files, ValueError if neither they nor options say where it is attached.
        """
        path = settings.chosen_units.autoencoder
        assert path is not None
        autoencoder = Autoencoder.open(path)
        hook = settings.sae_hook or autoencoder.config.hook
        layer = autoencoder.config.layer if settings.sae_layer is None else settings.sae_layer - 1
        missing = [name for name, value in (("--sae-layer", layer), ("--sae-hook", hook)) if value is None]
        if hook is None or layer is None:
            raise ValueError(
                f"{path} does not say which activations it reads: give {' and '.join(missing)}, or put its cfg.json "
                "beside it"
            )
        return cls(autoencoder, hook, layer)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides its features."""
        return {**self.autoencoder.identity, "attached": [self.hook, self.layer]}


@dataclass(frozen=True)
class UnitReader:
    """Reads the units of one model."""

    model: ModelRun
    settings: DictionaryOptions

    @property
    def choice(self) -> UnitsChoice:
        """`--units`."""
        return self.settings.chosen_units

    @cached_property
    def attached(self) -> Attached:
        """The autoencoder, and where it is attached."""
        return Attached.open(self.settings)

    def source(self, story: Story) -> UnitSource:
        """Values of all units for each word of a story, from the cache if available."""
        if self.choice.kind is not None:
            return self.model.activations(story, self.choice.kind, "mean")
        return self._features(story)

    def index(self, stories: Sequence[Story]) -> UnitIndex:
        """The units that count as neurons: all, those that the localiser selects, or features that are ever active."""
        if self.choice.is_localised:
            found, chosen = self.localised, self.selected
            return UnitIndex(found.layer_of[chosen], found.unit_of[chosen])
        if self.choice.autoencoder is not None:
            return self._active(stories)
        source = self.source(stories[0])
        layers = np.repeat(np.arange(source.n_layers), source.units)
        return UnitIndex(layers, np.concatenate([np.arange(n) for n in source.units]))

    @property
    def facts(self) -> dict[str, Any]:
        """Fields of sidecars on what counts as a neuron."""
        if self.choice.is_localised:
            return {
                "NeuronKind": f"language-selective units of {self.choice.kind}",
                "SplitHalfR": self.localised.halves,
            }
        if self.choice.autoencoder is None:
            return {"NeuronKind": f"all units of {self.choice.kind}"}
        of = self.attached
        return {"NeuronKind": f"features of an autoencoder at {of.hook}, layer {of.layer + 1}"}

    def facts_of(self, stories: Sequence[Story]) -> dict[str, Any]:
        """`facts`, with what was found when these stories were read."""
        if self.choice.autoencoder is None:
            return self.facts
        found = [self._features(story) for story in stories]
        silent = int((~np.any([features.is_active for features in found], axis=0)).sum())
        shares = [features.facts["AutoencoderR2"] for features in found]
        rebuilt = None if None in shares else float(np.median(shares))
        active = float(np.mean([features.facts["ActivePerToken"] for features in found]))
        return {**self.facts, "SilentFeatures": silent, "ActivePerToken": active, "AutoencoderR2": rebuilt}

    @cached_property
    def localised(self) -> Localised:
        """Welch's t of all units, from the cache if available."""
        from bids_app.language.localiser import Localised

        stimuli = stimuli_of(self.settings)
        content = [_FORMAT, self.model.identity(), self.choice.kind, stimuli]
        path = self.settings.work / "localiser" / f"{self.model.label}-{key_of(content)}.npz"
        computed_once(path, lambda draft: self._localise(draft, stimuli))
        found = np.load(path)
        return Localised(found["layer_of"], found["unit_of"], found["t"], float(found["halves"]))

    @cached_property
    def selected(self) -> Ints:
        """The units that the localiser selects, ascending. Raises ValueError if too few are selective."""
        return self.localised.strongest(self.settings.localiser_percent)

    def _localise(self, draft: Path, stimuli: Sequence[Stimulus]) -> None:
        from bids_app.language.localiser import localise

        assert self.choice.kind is not None
        log.info("%s: localiser, %d texts", self.model.label, len(stimuli))
        found = localise(self.model.loaded, stimuli, self.choice.kind)
        log.info("%s: r of the units' t between odd and even texts: %.2f", self.model.label, found.halves)
        with draft.open("wb") as file:
            np.savez(file, layer_of=found.layer_of, unit_of=found.unit_of, t=found.t, halves=found.halves)

    def has_features(self, story: Story) -> bool:
        """Whether the features of a story are in the cache."""
        return is_kept(self._features_path(story))

    def reading(self, story: Story) -> FeatureReading:
        """What takes the features of a story from a pass over it; `keep` stores them."""
        from bids_app.language.features import FeatureReading

        of = self.attached
        return FeatureReading(self.model.loaded, story.words.text, of.autoencoder, hook=of.hook, layer=of.layer)

    def keep(self, story: Story, reading: FeatureReading) -> None:
        """Store the features of a story that was read."""
        computed_once(self._features_path(story), reading.write)

    def _features(self, story: Story) -> FeatureActivations:
        from bids_app.language.features import FeatureActivations

        path = self._features_path(story)
        return FeatureActivations.open(computed_once(path, lambda draft: self._read_features(draft, story)))

    def _features_path(self, story: Story) -> Path:
        content = [_FORMAT, self.model.identity(), self.attached.identity, story.words.text]
        return self.settings.work / "features" / file_name([self.model.label, story.stem], key_of(content))

    def _read_features(self, draft: Path, story: Story) -> None:
        from bids_app.language.features import read_features

        of, text = self.attached, story.words.text
        log.info("%s: features of %s in the story %s", self.model.label, of.autoencoder.path.name, story.stem)
        context = parse_context(self.model.settings.context)
        read_features(self.model.loaded, text, of.autoencoder, draft, hook=of.hook, layer=of.layer, context=context)

    def _active(self, stories: Sequence[Story]) -> UnitIndex:
        found = [self._features(story) for story in stories]
        is_active = np.any([features.is_active for features in found], axis=0)
        units = np.flatnonzero(is_active).astype(np.int64)
        notice(
            logging.INFO,
            f"{self.model.label}: {len(units):,} of {len(is_active):,} features are active at a word of "
            f"{', '.join(story.stem for story in stories)}; the others are left out",
        )
        return UnitIndex(np.full(len(units), self.attached.layer), units)


def stimuli_of(settings: DictionaryOptions) -> tuple[Stimulus, ...]:
    """The texts of the localiser. Raises DatasetError for a table that cannot be used."""
    from bids_app.bids.localiser_table import read_localiser
    from bids_app.language.localiser_stimuli import Stimulus, bundled_stimuli

    if settings.localiser_stimuli is None:
        return bundled_stimuli()
    return tuple(Stimulus(*row) for row in read_localiser(settings.localiser_stimuli))


def units_identity(settings: DictionaryOptions) -> list[Any]:
    """What decides the units besides settings: contents of files. Empty for all units of a kind."""
    choice = settings.chosen_units
    if choice.autoencoder is not None:
        return [Attached.open(settings).identity]
    return [list(map(list, stimuli_of(settings)))] if choice.is_localised else []


def units_request(settings: DictionaryOptions) -> tuple[str, str]:
    """Kind of activations and rule for sub-tokens that the units need; `FEATURES` for those of an autoencoder."""
    return settings.chosen_units.kind or FEATURES, "mean"


def neuron_matrix(
    reader: UnitReader,
    index: UnitIndex,
    timing: StimulusTiming,
    stories: Mapping[str, Story],
    out: Floats | None = None,
) -> Floats:
    """Responses (n_kept, n_neurons) of neurons on the volumes of one run, z-scored.

    They are read in blocks of a layer to keep only one in memory; `out` may be a memory-mapped array.
    """
    from bids_app.encoding.design.haemodynamics import neuron_responses

    heard = timed_words(timing, stories)
    sources = [reader.source(story) for story, _, _, _ in heard]
    onset = np.concatenate([o for _, _, o, _ in heard])
    duration = np.concatenate([d for _, _, _, d in heard])
    if out is None:
        out = np.empty((len(timing.volumes), len(index)), dtype=np.float32)
    for columns, layer, units in index.blocks():
        values = np.concatenate(
            [source.columns(layer, units)[rows] for source, (_, rows, _, _) in zip(sources, heard, strict=True)]
        )
        out[:, columns] = neuron_responses(values, onset, duration, timing.repetition_time, timing.volumes)
    return out
