"""Three regions of the cortex: one follows the present word, one a word further ahead, one neither."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bids_app.bids.words import Words
from bids_app.demo.cortex import Cortex, smooth_fields
from bids_app.demo.planting import drive
from bids_app.demo.recordings import Data, Head
from bids_app.demo.scans import REPETITION_TIME, Scan, heard, stream
from bids_app.encoding.design.haemodynamics import convolve, word_sums
from bids_app.forecast.windows import shift_words
from bids_app.language.activations import read_activations
from bids_app.language.models import LanguageModel
from bids_app.stats.standardise import zscore

Float = NDArray[np.float64]

PRESENT, AHEAD, NOTHING = "present", "ahead", "nothing"
N_COMPONENTS = 5  # planted; a window's own 20 components hold few of many
_RINGS = 12  # smoothness of the weights over the cortex
_INDIVIDUAL = 0.2  # share of the variance of the weights that differs between participants


@dataclass(frozen=True)
class Features:
    """What is planted of one layer of a model: principal components of its hidden states.

    `layer` counts from 1. `courses` holds for each planted region (PRESENT, AHEAD), by task, the components' time
    courses (n_volumes, n_components) on all volumes of the scan.
    """

    layer: int
    n_layers: int
    courses: Mapping[str, Mapping[str, Data]]


def find_features(
    model: LanguageModel, scans: Sequence[Scan], words: Sequence[Words], ahead: int, seed: int
) -> Features:
    """Compute the features of the present word, and of the word `ahead`, of a layer that follows from the seed.

    A hidden state is that of a word's last token. Values stand at the word's onset (that of the word ahead at the onset
    of the word before it), are summed per volume and convolved with the haemodynamic response.

    Raises ValueError for a story that has no word so far ahead.
    """
    with tempfile.TemporaryDirectory() as folder:
        stories = [
            read_activations(model, story.text, "residual", "auto", Path(folder), subtoken="last") for story in words
        ]
        n_layers = stories[0].n_layers
        layer = 1 + int(stream(seed, "layer").integers(n_layers))
        values = _principal(np.concatenate([story.layer(layer - 1) for story in stories]))
    parts = np.split(values, np.cumsum([story.n_words for story in stories])[:-1])
    pairs = list(zip(scans, zip(words, parts, strict=True), strict=True))
    courses = {
        planted: {scan.task: _course(scan, *both, by) for scan, both in pairs}
        for planted, by in ((PRESENT, 0), (AHEAD, ahead))
    }
    return Features(layer, n_layers, courses)


def _principal(states: NDArray[np.float32]) -> Data:
    """Return the first principal components (n_words, N_COMPONENTS) of standardised hidden states."""
    standard = zscore(states).astype(np.float64)
    vectors = np.linalg.eigh(standard.T @ standard)[1][:, ::-1][:, :N_COMPONENTS]
    return np.asarray(standard @ vectors, dtype=np.float32)


def _course(scan: Scan, words: Words, values: Data, ahead: int) -> Data:
    """Return (n_volumes, n_components): the response to the word `ahead` of each word that is heard."""
    onset, _ = heard(scan, words)
    rows = np.flatnonzero(np.isfinite(onset))
    if len(rows) == 0 or ahead >= rows[-1] + 1 - rows[0]:
        raise ValueError(
            f"ahead={ahead}, but the story {scan.task} has {len(rows)} words with a time; plant fewer words ahead, or "
            "tell a longer story."
        )
    shifted = shift_words(values, ahead, [slice(int(rows[0]), int(rows[-1]) + 1)])
    return convolve(word_sums(shifted, onset, REPETITION_TIME, np.arange(scan.n_volumes)), REPETITION_TIME)


def plan_regions(networks: Sequence[str], ahead: int, layer: int | None, seed: int) -> pd.DataFrame:
    """Choose three networks and what drives each: nothing where there is no layer to plant.

    Columns: region, planted, ahead (words), layer. Raises ValueError where there are fewer than three networks.
    """
    if len(networks) < 3:
        raise ValueError(f"The atlas has {len(networks)} network(s) ({', '.join(networks)}); three are needed.")
    chosen = [networks[index] for index in stream(seed, "regions").permutation(len(networks))[:3]]
    sources: list[tuple[str, int | None, int | None]] = [(NOTHING, None, None)] * 3
    if layer is not None:
        sources[:2] = [(PRESENT, 0, layer), (AHEAD, ahead, layer)]
    table = [(region, *source) for region, source in zip(chosen, sources, strict=True)]
    whole = {"ahead": "Int64", "layer": "Int64"}
    return pd.DataFrame(table, columns=["region", "planted", "ahead", "layer"]).astype(whole)


def respond_to_words(
    label: str, scan: Scan, *, head: Head, regions: pd.DataFrame, features: Features | None, snr: float, seed: int
) -> Data:
    """Return (n_volumes, n_vertices): the response of one participant, in standard deviations of the noise.

    In each driven region the mean over vertices of the response's standard deviation over the story is `snr`.
    """
    if features is None:
        return np.zeros((scan.n_volumes, len(head.labels)), dtype=np.float32)
    weights, courses = [], []
    for region, planted in zip(regions["region"], regions["planted"], strict=True):
        if planted in features.courses:
            inside = head.labels == head.networks.index(region) + 1
            weights.append(_weights(head.cortex, inside, planted, seed, label))
            courses.append(features.courses[planted][scan.task])
    driven = drive(np.concatenate(weights), np.concatenate(courses, axis=1), head.labels, scan.kept, snr)
    return driven.astype(np.float32)


def _weights(cortex: Cortex, inside: NDArray[np.bool_], planted: str, seed: int, who: str) -> Float:
    """Return (N_COMPONENTS, n_vertices): random weights of both signs, smooth over the cortex, zero outside."""
    common = smooth_fields(cortex, N_COMPONENTS, _RINGS, stream(seed, "weights", planted))
    own = smooth_fields(cortex, N_COMPONENTS, _RINGS, stream(seed, "weights", planted, who))
    return np.asarray((np.sqrt(1 - _INDIVIDUAL) * common + np.sqrt(_INDIVIDUAL) * own) * (inside & cortex.is_cortex))
