"""Language-selective units: more active for sentences than for lists of non-words (AlKhamissi et al. 2025)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import ttest_ind
from torch import Tensor

from bids_app.language.localiser_stimuli import NONWORDS, SENTENCE, bundled_stimuli
from bids_app.language.models import LanguageModel
from bids_app.language.neurons import record
from bids_app.language.reading import pad_windows
from bids_app.language.surprisal import CHUNK_TOKENS, sentences
from bids_app.language.windows import batch_windows
from bids_app.stats.device import one_thread

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
FEWEST = 4  # texts of each condition: two for each half


@dataclass(frozen=True)
class Localised:
    """Welch's t of each unit, sentences against non-words, over all layers side by side.

    Attributes
    ----------
    layer_of, unit_of : (n_units,) from 0
    t : (n_units,) NaN for a unit that is as active for every text
    halves : correlation over units of t of the odd and of the even texts
    """

    layer_of: Ints
    unit_of: Ints
    t: Doubles
    halves: float

    def strongest(self, percent: float) -> Ints:
        """The units with the largest t, ascending: a share of all in per cent, rounded, at least one.

        Raises ValueError if one of these is not more active for sentences.
        """
        wanted = max(1, round(percent / 100 * len(self.t)))
        strength = np.where(np.isfinite(self.t), self.t, -np.inf)
        chosen = np.argsort(-strength, kind="stable")[:wanted]
        n_selective = int((strength > 0).sum())
        if n_selective < wanted:
            raise ValueError(
                f"{n_selective} of {len(self.t)} units are more active for sentences than for non-words, and "
                f"{percent:g} % are {wanted}: give a smaller --localiser-percent, or other texts."
            )
        return np.sort(chosen).astype(np.int64)


@one_thread()
def localise(
    model: LanguageModel, stimuli: Sequence[tuple[str, str]] | None = None, kind: str = "ffn-out"
) -> Localised:
    """Compare |activation| at the last token of each sentence and of each list of non-words, by Welch's t.

    Parameters
    ----------
    model : of `load_model`
    stimuli : pairs of a condition, `sentence` or `nonwords`, and a text, which is read alone; by default 120 English
        sentences and as many lists of non-words
    kind : units, one of `neurons.NEURON_KINDS`

    Raises ValueError for too few texts of a condition, and for a text longer than the model reads.
    """
    stimuli = bundled_stimuli() if stimuli is None else stimuli
    is_sentence = np.array([condition == SENTENCE for condition, _ in stimuli])
    for condition, count in ((SENTENCE, is_sentence.sum()), (NONWORDS, (~is_sentence).sum())):
        if count < FEWEST:
            raise ValueError(f"The localiser has {count} texts of the condition {condition}; it needs {FEWEST}.")
    layers = _last_activations(model, [text for _, text in stimuli], kind)
    sizes = [values.shape[1] for values in layers]
    values = np.abs(np.concatenate(layers, axis=1).astype(np.float64))
    t = _welch(values, is_sentence)
    turn = np.empty(len(stimuli), dtype=np.int64)
    for rows in (np.flatnonzero(is_sentence), np.flatnonzero(~is_sentence)):
        turn[rows] = np.arange(len(rows)) % 2
    halves = [_welch(values[turn == half], is_sentence[turn == half]) for half in (0, 1)]
    known = np.isfinite(halves[0]) & np.isfinite(halves[1])
    agreement = float(np.corrcoef(halves[0][known], halves[1][known])[0, 1]) if known.sum() > 1 else float("nan")
    layer_of = np.repeat(np.arange(len(sizes)), sizes)
    return Localised(layer_of, np.concatenate([np.arange(n) for n in sizes]), t, agreement)


def _welch(values: Doubles, is_sentence: npt.NDArray[np.bool_]) -> Doubles:
    # scipy warns of units that hardly vary: those that are constant are left out below
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings(action="ignore"):
        t = np.asarray(ttest_ind(values[is_sentence], values[~is_sentence], equal_var=False).statistic)
    constant = np.ptp(values, axis=0) <= 1e-6 * np.abs(values).max(axis=0)
    return np.where(constant, np.nan, t)


@torch.inference_mode()
def _last_activations(model: LanguageModel, texts: Sequence[str], kind: str) -> list[Floats]:
    """For each layer the activations at the last token of each text, (n_texts, n_units)."""
    tokens, windows = sentences(model, texts)
    chunk = CHUNK_TOKENS.get(model.device.type, 1024) if model.heeds_padding else 1
    rows: list[list[Floats]] = []
    for batch in batch_windows(windows, tokens.n_special, chunk):
        ids, mask = pad_windows(tokens, batch, model.tokenizer.pad_token_id or 0)
        last = torch.tensor([len(window) - 1 + len(tokens.prefix) for window in batch])

        def keep(activations: Tensor, ids: Ints = ids, last: Tensor = last) -> Tensor:
            cut = activations[:, : ids.shape[1]] if activations.ndim == 3 else activations
            return cut.reshape(*ids.shape, -1)[torch.arange(len(ids)), last].to("cpu", torch.float32)

        with record(model.model, kind, keep) as recorder:
            model.model(
                input_ids=torch.from_numpy(ids).to(model.device), attention_mask=torch.from_numpy(mask).to(model.device)
            )
        rows.append([layer.numpy() for layer in recorder.layers])
    layers = [np.concatenate(blocks) for blocks in zip(*rows, strict=True)]
    if not all(np.isfinite(values).all() for values in layers):
        raise RuntimeError(
            f"{model.name} gives activations that are not finite with dtype {model.dtype}: use float32 or bfloat16."
        )
    return layers
