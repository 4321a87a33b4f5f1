"""What drives each atom, or family: its values at the words of all stories, from the activations that are there."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.dictionary import (
    SINGULAR,
    Dictionary,
    atom_names,
    dictionary_key,
    dictionary_numbers,
    get_dictionary,
    kind_of,
    scopes,
    variant,
)
from bids_app.analyses.evidence.kinds import WordKinds
from bids_app.encoding.design.pipeline import FeaturePipeline
from bids_app.encoding.dictionary import courses_of_blocks
from bids_app.encoding.ridge.held_out import design_held_out, predict_held_out
from bids_app.inputs.band import Band, band_of
from bids_app.inputs.models import ModelRun
from bids_app.inputs.timing import Story
from bids_app.inputs.units import UnitReader
from bids_app.language.excerpts import excerpts
from bids_app.machine.notices import notice
from bids_app.settings import Settings
from bids_app.stats.correlation import r2
from bids_app.stats.device import one_thread
from bids_app.stats.enrichment import enrichment
from bids_app.stats.fdr import fdr
from bids_app.stats.standardise import zscore

Floats = npt.NDArray[np.float32]
N_PASSAGES = 20
EXPLAINED = 0.5  # R² of the band from which an atom counts as explained by it
_MOST_ROWS = 20
# Of the word features, those that are no constant.
WORD_FEATURES = ("length", "frequency", "storyposition", "sentenceposition")


@dataclass(frozen=True)
class Drivers:
    """One dictionary beside the words of its stories."""

    dictionary: Dictionary
    model: ModelRun
    stories: Mapping[str, Story]
    settings: Settings

    @property
    def kind(self) -> str:
        """What is described: `atoms` or `families`."""
        return kind_of(self.settings)

    @cached_property
    def band(self) -> Band:
        """The nuisance band of the stories of the dictionary, on their canonical grids."""
        timings = [self.stories[stem].canonical for stem in self.stems]
        return band_of(timings, self.stories, self.settings)

    @cached_property
    def kinds(self) -> WordKinds:
        """Kinds of words of the stories."""
        return WordKinds(self.band, self.model, {stem: self.stories[stem] for stem in self.stems}, self.settings)

    @property
    def stems(self) -> tuple[str, ...]:
        """The stories, in their order."""
        return self.dictionary.stems

    @cached_property
    def courses(self) -> dict[str, Floats]:
        """Value of each atom at each word of each story, (n_words, n_atoms), z-scored over the words of all."""
        raw = [self._courses_of(self.stories[stem]) for stem in self.stems]
        borders = np.cumsum([len(course) for course in raw])[:-1]
        return dict(zip(self.stems, np.split(zscore(np.concatenate(raw)), borders), strict=True))

    @one_thread()
    def _courses_of(self, story: Story) -> Floats:
        """Least-squares values of the atoms at the words, from standardised activations."""
        source = UnitReader(self.model, self.settings).source(story)
        blocks = ((cols, zscore(source.columns(layer, units))) for cols, layer, units in self.dictionary.index.blocks())
        return courses_of_blocks(blocks, len(story.words), self.dictionary.loadings)

    def words(self, stem: str) -> pd.DataFrame:
        """The words of a story with their features and the value of each atom."""
        words, names = self.stories[stem].words, atom_names(self.dictionary.n_atoms, self.kind)
        features = self.band.of_words(self.stories[stem])[:, 1:]
        table = pd.DataFrame({"onset": words.onset, "duration": words.duration, "word": words.text})
        table[list(WORD_FEATURES)] = features.round(4)
        table["part"] = self.kinds.parts_of(stem)
        table["surprisal"] = self.kinds.surprisal_of(stem).round(4)
        return pd.concat([table, pd.DataFrame(self.courses[stem].round(4), columns=names)], axis=1)

    def passages(self) -> pd.DataFrame:
        """The passages with the highest and the lowest values of each atom, over all stories."""
        rows = [
            {SINGULAR[self.kind]: atom + 1, **row}
            for atom in range(self.dictionary.n_atoms)
            for row in extremes({stem: c[:, atom] for stem, c in self.courses.items()}, self.stories)
        ]
        return pd.DataFrame(rows)

    def enrichment(self) -> pd.DataFrame:
        """The items at whose words each atom differs most from 0."""
        columns = [SINGULAR[self.kind], "kind", "item", "count", "mean", "p", "q"]
        kinds, items = self.kinds.items()
        courses = np.concatenate([self.courses[stem] for stem in self.stems])
        try:
            means, p = enrichment(courses, items)
        except ValueError as error:
            notice(logging.INFO, f"no enrichment of words: {error}")
            return pd.DataFrame(columns=columns)
        counts = items.sum(axis=1)
        tables = []
        for atom in range(self.dictionary.n_atoms):
            table = pd.DataFrame(kinds, columns=["kind", "item"]).assign(
                count=counts, mean=means[:, atom], p=p[:, atom], q=fdr(p[:, atom])
            )
            # the largest mean in units of its standard error, as if words were independent
            strongest = np.argsort(-np.abs(means[:, atom]) * np.sqrt(counts), kind="stable")[:_MOST_ROWS]
            table.insert(0, SINGULAR[self.kind], atom + 1)
            tables.append(table.iloc[strongest])
        return pd.concat(tables)

    @one_thread()
    def nuisance(self) -> pd.DataFrame:
        """Held-out R² of the band for each atom, and its correlation with each feature, pooled as neurons are."""
        features = np.concatenate([self.band.responses(timing) for timing in self.band.timings])
        atoms = np.concatenate([zscore(self.dictionary.atoms[stem]) for stem in self.stems])
        explained = self._explained(features, atoms)
        r = zscore(features).T @ zscore(atoms) / len(atoms)
        names = self.band.names
        table = pd.DataFrame(
            {
                SINGULAR[self.kind]: np.arange(self.dictionary.n_atoms) + 1,
                "r2": explained,
                "explained": explained >= EXPLAINED,
                "strongest": [names[index] for index in np.abs(r).argmax(axis=0)],
                "envelope": np.nan,
            }
        )
        return table.assign(**dict(zip(names, r, strict=True)))

    def _explained(self, features: Floats, atoms: Floats) -> Floats:
        """Held-out R² of the band for each atom, (n_atoms,); NaN where the stories are too short for folds.

        The band is that of sums over words, with the means of length and frequency of the features: means of positions
        are all but constant beyond the first words.
        """
        sums = np.concatenate([self.band.convolved(timing) for timing in self.band.timings])
        X = np.concatenate([sums, features[:, 1:3]], axis=1)
        lengths = [len(timing.volumes) for timing in self.band.timings]
        pipeline, device = FeaturePipeline(None, (0,), n_folds=self.settings.folds), self.settings.device
        try:
            predictions = predict_held_out(design_held_out(X, lengths, pipeline, device=device), atoms, device=device)
        except ValueError as error:
            notice(logging.INFO, f"no held-out R² of the nuisance band for {self.kind}: {error}")
            return np.full(atoms.shape[1], np.nan, dtype=np.float32)
        return r2(predictions.predictions, atoms)


def extremes(courses: Mapping[str, npt.NDArray[Any]], stories: Mapping[str, Story]) -> list[dict[str, Any]]:
    """Rows of the most extreme passages of one course, given for each story (n_words,)."""
    rows: list[dict[str, Any]] = []
    for direction, sign in (("highest", 1), ("lowest", -1)):
        found = [
            (one, stem)
            for stem, course in courses.items()
            for one in excerpts(stories[stem].words.text, course, N_PASSAGES, sign)
        ]
        found.sort(key=lambda pair: -sign * pair[0].value)
        for rank, (one, stem) in enumerate(found[:N_PASSAGES], start=1):
            onset = float(stories[stem].words.onset[one.word])
            row = {"direction": direction, "rank": rank, "story": stem, "onset": onset, "value": round(one.value, 4)}
            rows.append({**row, "passage": one.text})
    return rows


def all_drivers(model: ModelRun, stories: dict[str, Story], settings: Settings) -> Iterator[tuple[int, Drivers]]:
    """One for each dictionary of a model, with its number of atoms."""
    for n_atoms in settings.atoms:
        for stems in scopes(settings, stories):
            yield n_atoms, Drivers(get_dictionary(model, stems, n_atoms, stories, settings), model, stories, settings)


def identity(drivers: Drivers, n_atoms: int) -> tuple[str, dict[str, Any], str]:
    """Name of the description of a dictionary, its settings, and the key of the dictionary."""
    stems, settings = drivers.dictionary.stems, drivers.settings
    key = dictionary_key(drivers.model, stems, n_atoms, drivers.stories, settings)
    return variant(settings, n_atoms), dictionary_numbers(settings, stems, n_atoms), key
