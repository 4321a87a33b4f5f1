"""Everything that a run needs from a story under a model, read in one pass."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from bids_app.choices import parse_context
from bids_app.inputs.models import ModelRun
from bids_app.inputs.surprisal import has_surprisal, read_with_activations
from bids_app.inputs.timing import Story
from bids_app.machine.once import key_of, locked

log = logging.getLogger("neurons2networks")


def read_once(model: ModelRun, story: Story, requests: Iterable[tuple[str, str]], *, surprisal: bool = False) -> None:
    """Read a story in one pass for all kinds of neurons and rules for sub-tokens that are not in the cache.

    With `surprisal`, causal models also predict each word in that pass, unless this is in the cache: the windows of
    both are the same. Other kinds, such as those of fine-tuned models, are left to who asks for them, and so is what
    would be the only one of a pass.
    """
    from bids_app.language.neurons import NEURON_KINDS

    asked = dict.fromkeys(request for request in requests if request[0] in NEURON_KINDS)
    if len(_missing(model, story, asked)) + _predicts(model, story, surprisal) < 2:
        return
    with locked(model.cache_dir / "requests" / f"{key_of([model.identity(), story.words.text])}.lock"):
        missing = _missing(model, story, asked)
        if missing:
            _read(model, story, missing, surprisal=_predicts(model, story, surprisal))
        for request in missing:
            model.activations(story, *request)  # found in the cache, and noted as what this run asked for


def _read(model: ModelRun, story: Story, missing: list[tuple[str, str]], *, surprisal: bool) -> None:
    from bids_app.language.activations import read_all
    from bids_app.language.reading import Request

    requests = [Request(*request) for request in missing]
    kinds = " and ".join(dict.fromkeys(request.kind for request in requests))
    log.info("%s: reading the story %s for %s%s", model.label, story.stem, kinds, " and surprisal" * surprisal)
    if surprisal and read_with_activations(model, story, requests):
        return
    context, stored = parse_context(model.settings.context), model.settings.activations_dtype
    read_all(model.loaded, story.words.text, requests, context, model.cache_dir, stored=stored)


def _missing(model: ModelRun, story: Story, asked: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [request for request in asked if not model.has_read(story, *request)]


def _predicts(model: ModelRun, story: Story, surprisal: bool) -> bool:
    """Whether the surprisal is wanted and not in the cache."""
    return surprisal and not model.untrained and not has_surprisal(model, story)
