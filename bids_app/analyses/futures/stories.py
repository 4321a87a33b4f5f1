"""The stimulus level of futures: the stories with swapped words in OUT_DIR, and what the model makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bids_app.analyses.futures.options import FuturesOptions
from bids_app.analyses.futures.outputs import SENTENCES, WORDS
from bids_app.bids.derivatives import sidecar_path, stimulus_path, write_sidecar, write_table
from bids_app.inputs.future_vectors import vectors_of
from bids_app.inputs.futures import Futures
from bids_app.inputs.models import ModelRun
from bids_app.inputs.timing import Story
from bids_app.language.futures import StoryFutures
from bids_app.machine.budget import step
from bids_app.machine.completion import Completion, Inputs
from bids_app.machine.once import key_of

_ENTITIES = {"desc": "futures"}


def prepare(model: ModelRun, stories: dict[str, Story], settings: FuturesOptions) -> None:
    """Make the futures of all stories, write them to OUT_DIR, and let the model read them."""
    futures = Futures(stories, settings)
    for story in stories.values():
        with step(f"futures of {story.stem}", settings):
            write_futures(story, futures)
    syntax, _ = vectors_of(model, futures)
    for story in stories.values():
        with step(f"{model.label}: activations for the futures of {story.stem}", settings):
            model.activations(story, "residual", "last")
            syntax.read(story)


def write_futures(story: Story, futures: Futures) -> None:
    """Write the tables of the futures of a story.

    Raises OtherSettingsError if OUT_DIR holds futures of other settings, words, corpus or parser.
    """
    made, out_dir = futures.of(story), futures.settings.out_dir
    tables = [
        (stimulus_path(out_dir, story.stem, _ENTITIES, output.suffix, ".tsv"), output, table)
        for output, table in ((WORDS, word_table(made)), (SENTENCES, sentence_table(made)))
    ]
    facts = {**futures.facts, "Shared": {f"words of {story.stem}": [key_of(made.words)]}}
    targets = tuple(path for path, *_ in tables)
    completion = Completion(out_dir, _ENTITIES, futures.numbers, Inputs(facts=facts), story.stem, targets)
    fields = {**futures.facts, **summary(made)}
    with completion.claimed() as is_missing:
        if is_missing:
            for path, output, table in tables:
                columns = output.require_columns(table.columns)
                output.require_fields(fields)
                write_table(path, table)
                described = output.described(columns)
                write_sidecar(path, [], futures.numbers, description=output.content, columns=described, extra=fields)
            completion.finish(file for path in targets for file in (path, sidecar_path(path)))


def word_table(made: StoryFutures) -> pd.DataFrame:
    """A row per word: the word, its sentence, and the word of each future."""
    sentence = np.repeat(np.arange(len(made.lengths)) + 1, made.lengths)
    futures = {f"future-{number + 1:02d}": list(future) for number, future in enumerate(made.futures)}
    return pd.DataFrame({"word": list(made.words), "sentence": sentence, **futures})


def sentence_table(made: StoryFutures) -> pd.DataFrame:
    """A row per sentence: its length, its samples, and the similarity of each future."""
    similarity = {f"spearman-{number + 1:02d}": row.round(4) for number, row in enumerate(made.similarity)}
    counts = {"words": made.lengths, "rounds": made.rounds, "valid": made.n_valid}
    return pd.DataFrame({"sentence": np.arange(len(made.lengths)) + 1, **counts, **similarity})


def summary(made: StoryFutures) -> Mapping[str, Any]:
    """Fields of the sidecars: similarity and kept words of each future."""
    tested = np.isfinite(made.similarity).all(axis=0)
    return {
        "SpearmanMean": [round(value, 4) for value in made.mean_similarity],
        "KeptWords": [round(value, 4) for value in made.kept_share],
        "UnswappedSentences": int((tested & (np.array(made.n_valid) == 0)).sum()),
    }
