"""Everything that a run needs from a story under a model, read in one pass."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bids_app.choices import FEATURES, parse_context
from bids_app.inputs.models import ModelRun
from bids_app.inputs.surprisal import has_surprisal, read_with_activations
from bids_app.inputs.timing import Story
from bids_app.inputs.units import UnitReader
from bids_app.machine.once import key_of, locked

if TYPE_CHECKING:
    from bids_app.language.reading import Request
    from bids_app.language.token_states import TokenStates

log = logging.getLogger("neurons2networks")


def read_once(
    model: ModelRun,
    story: Story,
    requests: Iterable[tuple[str, str]],
    *,
    surprisal: bool = False,
    units: UnitReader | None = None,
) -> None:
    """Read a story in one pass for all kinds of neurons and rules for sub-tokens that are not in the cache.

    With `surprisal`, causal models also predict each word in that pass, unless this is in the cache: the windows of
    both are the same. `units` gives the features of an autoencoder, if they are among the requests. Other kinds, such
    as those of fine-tuned models, are left to who asks for them, and so is what would be the only one of a pass.
    """
    from bids_app.language.neurons import NEURON_KINDS

    every = list(requests)
    asked = dict.fromkeys(request for request in every if request[0] in NEURON_KINDS)
    features = units if any(kind == FEATURES for kind, _ in every) else None
    if len(_missing(model, story, asked)) + _predicts(model, story, surprisal) + _lacks(features, story) < 2:
        return
    with locked(model.cache_dir / "requests" / f"{key_of([model.identity(), story.words.text])}.lock"):
        missing = _missing(model, story, asked)
        if missing or _lacks(features, story):
            _read(model, story, missing, features, surprisal=_predicts(model, story, surprisal))
        for request in missing:
            model.activations(story, *request)  # found in the cache, and noted as what this run asked for


def _read(
    model: ModelRun, story: Story, missing: list[tuple[str, str]], features: UnitReader | None, *, surprisal: bool
) -> None:
    """One pass; features that it did not reach, because words cannot be predicted, are left to who asks for them."""
    from bids_app.language.reading import Request

    requests = [Request(*request) for request in missing]
    reading = features.reading(story) if features is not None and _lacks(features, story) else None
    kinds = [*dict.fromkeys(request.kind for request in requests), *([FEATURES] * (reading is not None))]
    named = [*kinds, *(["surprisal"] * surprisal)]
    log.info("%s: reading the story %s for %s", model.label, story.stem, " and ".join(named))
    _pass(model, story, requests, [] if reading is None else [reading.states], surprisal=surprisal)
    if features is not None and reading is not None and reading.states.is_whole:
        features.keep(story, reading)


def _pass(model: ModelRun, story: Story, requests: list[Request], also: list[TokenStates], *, surprisal: bool) -> None:
    from bids_app.language.activations import read_all

    if surprisal and read_with_activations(model, story, requests, also):
        return
    context, stored = parse_context(model.settings.context), model.settings.activations_dtype
    read_all(model.loaded, story.words.text, requests, context, model.cache_dir, stored=stored, also=also)


def _lacks(features: UnitReader | None, story: Story) -> bool:
    """Whether features are wanted and not in the cache."""
    return features is not None and not features.has_features(story)


def _missing(model: ModelRun, story: Story, asked: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [request for request in asked if not model.has_read(story, *request)]


def _predicts(model: ModelRun, story: Story, surprisal: bool) -> bool:
    """Whether the surprisal is wanted and not in the cache."""
    return surprisal and not model.untrained and not has_surprisal(model, story)
