"""The mean of the activations of several texts, word by word."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.disk import new_array
from bids_app.language.activations import DESCRIPTION, layer_file, read_activations
from bids_app.language.models import LanguageModel
from bids_app.language.windows import Context


def read_mean_activations(
    language_model: LanguageModel,
    texts: Sequence[Sequence[str]],
    kind: str,
    context: Context,
    folder: Path,
    *,
    subtoken: str = "mean",
) -> None:
    """Read several texts of as many words and write the mean of their activations, word by word, to a new folder.

    `Activations.open` reads it. Each text is read as by `read_activations`; only the mean stays, since the activations
    of all texts together would take many times the space.

    Raises ValueError if the texts differ in their number of words.
    """
    lengths = sorted({len(text) for text in texts})
    if len(lengths) != 1:
        raise ValueError(f"The texts have {lengths or 'no'} words: the mean needs texts of as many words each.")
    folder.mkdir()
    means: list[np.memmap[Any, np.dtype[np.float32]]] = []
    for number, text in enumerate(texts):
        parts = folder / f"text-{number:03d}"
        parts.mkdir()
        one = read_activations(language_model, text, kind, context, parts, subtoken=subtoken)
        means = means or [
            new_array(folder / layer_file(layer), np.float32, (one.n_words, n_units))
            for layer, n_units in enumerate(one.units)
        ]
        for layer, mean in enumerate(means):
            np.add(mean, one.layer(layer) / np.float32(len(texts)), out=mean)
        shutil.copy(one.folder / DESCRIPTION, folder / DESCRIPTION)
        shutil.rmtree(parts)
    for mean in means:
        mean.flush()
