"""Surprisal of the words of a story under a model of a run: read once, with the head of the model."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bids_app.choices import parse_context
from bids_app.inputs.models import ModelRun
from bids_app.inputs.timing import Story
from bids_app.machine.once import computed_once, file_name, key_of

log = logging.getLogger("neurons2networks")
Doubles = npt.NDArray[np.float64]


class NoSurprisalError(ValueError):
    """The model predicts no words; the message says why."""


def word_surprisal(model: ModelRun, story: Story) -> Doubles:
    """Surprisal of each word in its story, in nats, (n_words,), from the cache if available; NaN for the first word.

    Raises NoSurprisalError for models that are not causal, have random weights, or were saved without a head.
    """
    request = {**model.identity(), "surprisal of": story.words.text}
    path = model.settings.work / "surprisal" / f"{file_name([story.stem], key_of(request))}.json"
    computed_once(path, lambda draft: _read(draft, model, story))
    found = json.loads(path.read_text(encoding="utf-8"))
    if "reason" in found:
        raise NoSurprisalError(found["reason"])
    return np.array([np.nan if value is None else value for value in found["nats"]])


def _read(draft: Path, model: ModelRun, story: Story) -> None:
    from bids_app.language.surprisal import surprisal

    try:
        if model.untrained:
            raise ValueError("a model with random weights predicts no words")
        if not model.loaded.is_causal:  # one masked word at a time would take a reading for each token
            raise ValueError("only of causal models, which predict each word from those before it")
        with_head = model.with_head()
        log.info("%s: surprisal of the words of the story %s", model.label, story.stem)
        values = surprisal(with_head, story.words.text, parse_context(model.settings.context))
        found = {"nats": [float(value) if np.isfinite(value) else None for value in values]}
    except ValueError as error:
        found = {"reason": str(error)}  # type: ignore[dict-item]
    draft.write_text(json.dumps(found), encoding="utf-8")
