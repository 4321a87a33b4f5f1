"""Options of the fit of the dictionary to the brain, and of the links to networks."""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.options import Form, Range, option
from bids_app.shared_options.designs import DesignOptions
from bids_app.shared_options.dictionary import DictionaryOptions
from bids_app.shared_options.inputs import AtlasOptions, ModelOptions, ResponseOptions
from bids_app.shared_options.scores import ScoreOptions

SPIN, UNDISTORTED, EIGEN, MORAN = NULLS = ("spin", "spin-undistorted", "eigen", "moran")


@dataclass(frozen=True, kw_only=True)
class NetworkOptions(DictionaryOptions, AtlasOptions, DesignOptions, ResponseOptions, ScoreOptions, ModelOptions):
    """Options of the fit of the dictionary to the brain, and of the links to networks."""

    encoding_penalty: str = option(
        "cv",
        "networks",
        "Sparsity of the fit of the atoms to a voxel: 'cv', or a fixed fraction of the penalty at which every "
        "coefficient is zero.",
        metavar="cv|FLOAT",
        allowed=Form("cv", "must be 'cv' or lie between 0 and 1", Range(0, 1, open_least=True, open_most=True)),
    )
    threshold: float = option(
        2.3,
        "networks",
        "|z| across the brain beyond which a map is active or deactive.",
        metavar="Z",
        allowed=Range(0, 100),
    )
    top_percent: float | None = option(
        None,
        "networks",
        "Instead of --threshold: percentage of the brain with the strongest values of each sign.",
        metavar="PERCENT",
        allowed=Range(0, 100, open_least=True, open_most=True),
    )
    null: str = option(
        "spin",
        "networks",
        "What links to networks are tested against: networks rotated on the sphere ('spin'), only by rotations that "
        "distort distances along the cortex little ('spin-undistorted'), or surrogates of the maps by geometric "
        "eigenmodes ('eigen') or Moran's eigenvectors ('moran'), which need --links conditional.",
        choices=NULLS,
        metavar="NULL",
    )
    n_spins: int = option(
        1000,
        "networks",
        "Number of rotations or surrogates of the null of links.",
        metavar="N",
        allowed=Range(1, 1_000_000),
    )
