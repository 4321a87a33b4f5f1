"""Surprisal of the words of a story under a model of a run: read once, with the head of the model."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bids_app.checksums import is_kept
from bids_app.choices import parse_context
from bids_app.inputs.models import ModelRun
from bids_app.inputs.timing import Story
from bids_app.machine.once import computed_once, file_name, key_of

if TYPE_CHECKING:
    from bids_app.language.models import LanguageModel
    from bids_app.language.reading import Request
    from bids_app.language.token_states import TokenStates

log = logging.getLogger("neurons2networks")
Doubles = npt.NDArray[np.float64]


class NoSurprisalError(ValueError):
    """The model predicts no words; the message says why."""


def word_surprisal(model: ModelRun, story: Story) -> Doubles:
    """Surprisal of each word in its story, in nats, (n_words,), from the cache if available; NaN for the first word.

    It is read in a pass of its own where the activations are in the cache already, see `one_pass.read_once`.

    Raises NoSurprisalError for models that are not causal, have random weights, or were saved without a head.
    """
    from bids_app.language.surprisal import surprisal

    def read(with_head: LanguageModel) -> Doubles:
        log.info("%s: surprisal of the words of the story %s", model.label, story.stem)
        return surprisal(with_head, story.words.text, parse_context(model.settings.context))

    found = json.loads(_computed(model, story, read).read_text(encoding="utf-8"))
    if "reason" in found:
        raise NoSurprisalError(found["reason"])
    return np.array([np.nan if value is None else value for value in found["nats"]])


def has_surprisal(model: ModelRun, story: Story) -> bool:
    """Whether the surprisal of a story, or why there is none, is in the cache."""
    return is_kept(_path(model, story))


def read_with_activations(
    model: ModelRun, story: Story, requests: Sequence[Request], also: Sequence[TokenStates] = ()
) -> bool:
    """Read the surprisal of a story into the cache, and activations in the same pass; whether these were read too.

    They are not where the model has no surprisal, another process has read it meanwhile, or the model with its head
    does not hold what reads the activations.
    """
    from bids_app.language.activations import read_with_surprisal
    from bids_app.language.surprisal import surprisal

    context, stored, together = parse_context(model.settings.context), model.settings.activations_dtype, False

    def read(with_head: LanguageModel) -> Doubles:
        nonlocal together
        together = model.shares_body
        if not together:
            return surprisal(with_head, story.words.text, context)
        where = context, model.cache_dir
        return read_with_surprisal(with_head, story.words.text, requests, *where, stored=stored, also=also)[1]

    _computed(model, story, read)
    return together


def _computed(model: ModelRun, story: Story, read: Callable[[LanguageModel], Doubles]) -> Path:
    """The file of a story: `nats`, or the `reason` why there are none."""

    def compute(draft: Path) -> None:
        found: dict[str, Any]
        try:
            values = read(_predicting(model))
            found = {"nats": [float(value) if np.isfinite(value) else None for value in values]}
        except ValueError as error:
            found = {"reason": str(error)}
        draft.write_text(json.dumps(found), encoding="utf-8")

    return computed_once(_path(model, story), compute)


def _predicting(model: ModelRun) -> LanguageModel:
    """The model with its head; ValueError if it predicts no words."""
    if model.untrained:
        raise ValueError("a model with random weights predicts no words")
    if not model.loaded.is_causal:  # one masked word at a time would take a reading for each token
        raise ValueError("only of causal models, which predict each word from those before it")
    return model.with_head()


def _path(model: ModelRun, story: Story) -> Path:
    request = {**model.identity(), "surprisal of": story.words.text}
    return model.settings.work / "surprisal" / f"{file_name([story.stem], key_of(request))}.json"
