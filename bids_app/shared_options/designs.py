"""Options of the features of a model for the volumes of a run."""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.options import DESIGNS, DISTANCES, WINDOWS, Range, option
from bids_app.shared_options.inputs import FoldOptions
from bids_app.shared_options.run import ComputeOptions, Places


@dataclass(frozen=True, kw_only=True)
class DesignOptions(FoldOptions):
    """How activations of words become features of volumes."""

    word_volume: str = option(
        "onset",
        "mapping",
        "Volume to which scores assign a word: that of its onset, or the next (as in a released analysis).",
        choices=("onset", "next"),
        decides=(DESIGNS,),
    )
    wrap: bool = option(
        False,
        "mapping",
        "Let delays and forecast windows wrap from the end of a story to its start (as in a released analysis).",
        decides=(DESIGNS,),
    )
    delays: int = option(
        6,
        "mapping",
        "Number of delays, in volumes, of the finite impulse response.",
        metavar="N",
        decides=(DESIGNS,),
        allowed=Range(1, 10_000),
    )
    pca: int = option(
        20,
        "mapping",
        "Number of principal components of a layer; 0 for no reduction.",
        metavar="N",
        decides=(DESIGNS,),
        allowed=Range(0, 100_000),
    )
    inner_folds: str = option(
        "contiguous",
        "mapping",
        "How the ridge penalty is chosen inside the training folds.",
        choices=("contiguous", "leave-one-out"),
        decides=(DESIGNS,),
    )


@dataclass(frozen=True, kw_only=True)
class WindowOptions:
    """Which words ahead of each word are features."""

    window: int = option(
        7, "mapping", "Number of words in a forecast window.", metavar="N", decides=(WINDOWS,), allowed=Range(1, 10_000)
    )
    tested_distance: int = option(
        8,
        "mapping",
        "Distance in words at which the forecast score is tested; the depth and variance analyses use it too.",
        metavar="D",
        decides=(WINDOWS,),
        allowed=Range(-100_000, 100_000),
    )
    distances: tuple[int, ...] = option(
        tuple(range(-10, 31)),
        "mapping",
        "Distances of the forecast window in words: the window at 8 ends 8 words ahead; distances below 0 are past "
        "words, a control (default: all from -10 to 30).",
        metavar="D",
        decides=(DISTANCES,),
        allowed=Range(-100_000, 100_000),
    )


@dataclass(frozen=True, kw_only=True)
class FeatureOptions(WindowOptions, DesignOptions, FoldOptions, ComputeOptions, Places):
    """All that decides the features of volumes, and where and with what they are computed."""
