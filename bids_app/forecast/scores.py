"""The forecast score: gain from a window of words over the present word (Caucheteux et al. 2023)."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_app.encoding.ridge import DEFAULT_ALPHAS
from bids_app.encoding.ridge.held_out import HeldOutDesign, score_held_out
from bids_app.stats.arrays import Floats


@dataclass(frozen=True)
class ForecastScores:
    """Brain score R of the present word, (V,), and gain from each window, (n_windows, V): F = R(both) − R."""

    base: Floats
    gains: Floats


def forecast_scores(
    base: HeldOutDesign,
    windows: Iterable[HeldOutDesign],
    Y: npt.ArrayLike,
    alphas: npt.ArrayLike = DEFAULT_ALPHAS,
    *,
    device: str = "auto",
    mem_mb: float | None = None,
) -> ForecastScores:
    """F of each window, from the same folds and penalties as the score of the present word alone.

    Parameters
    ----------
    base : design of the present word's features X
    windows : designs of [X, X̃], one per window, consumed one by one: a generator keeps only one in memory
    Y : array of shape (n_volumes, V), finite, z-scored per run
    alphas : candidate penalties, chosen for each target and design

    Raises ValueError if the folds of a window differ from those of `base`, because scores would not be comparable.

    >>> from bids_app.encoding.ridge.held_out import design_held_out
    >>> from bids_app.encoding.design.pipeline import FeaturePipeline
    >>> from bids_app.forecast.windows import offsets_of, shift_words
    >>> words = np.random.default_rng(0).standard_normal((200, 4)).astype("float32")  # a word per volume
    >>> def window(distance):
    ...     return np.concatenate([shift_words(words, o, [slice(0, 200)]) for o in offsets_of(distance, 3)], axis=1)
    >>> pipeline = FeaturePipeline(n_components=None, delays=(0, 1))
    >>> base = design_held_out(words, [200], pipeline, device="cpu")
    >>> designs = (design_held_out([words, window(d)], [200], pipeline, device="cpu") for d in (-4, 8))
    >>> forecast_scores(base, designs, np.roll(words, -7, axis=0), device="cpu").gains.mean(axis=1) > 0.5
    array([False,  True])
    """
    present, _ = score_held_out(base, Y, alphas, device=device, mem_mb=mem_mb)
    gains: list[Floats] = []
    for design in windows:
        _require_same_folds(base, design, len(gains))
        together, _ = score_held_out(design, Y, alphas, device=device, mem_mb=mem_mb)
        gains.append(together - present)
    return ForecastScores(present, np.stack(gains) if gains else np.empty((0, len(present)), dtype=np.float32))


def _require_same_folds(base: HeldOutDesign, design: HeldOutDesign, number: int) -> None:
    same = len(base.pairs) == len(design.pairs) and all(
        np.array_equal(ours, theirs)
        for pairs in zip(base.pairs, design.pairs, strict=True)
        for ours, theirs in zip(*pairs, strict=True)
    )
    if not same:
        raise ValueError(
            f"Window {number + 1} has other folds than the present word; make all designs with the same volumes, "
            "n_folds and purge."
        )
