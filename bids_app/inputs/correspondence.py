"""Tests of maps against networks: on the sphere of fsaverage5, or over regions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.bids.geometry_base import Geometry
from bids_app.machine.resources import atlas_source
from bids_app.networks.atlas import Atlas
from bids_app.networks.conditional import NetworkSeries, spatial_p
from bids_app.networks.correspondence import correspond, labels_to_fsaverage5, to_fsaverage5
from bids_app.networks.spins import Spins
from bids_app.networks.surrogates import EigenSurrogates, MoranSurrogates, Surrogates

if TYPE_CHECKING:
    from bids_app.analyses.networks.options import NetworkOptions

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NetworkSpace:
    """The space in which maps are tested against networks.

    Surfaces and volumes: fsaverage5, by rotations of the networks or surrogates of the maps. Regions: by permutations
    of the networks.
    """

    geometry: Geometry
    atlas: Atlas
    settings: NetworkOptions

    @property
    def n_networks(self) -> int:
        """Number of networks."""
        return len(self.atlas.network_names)

    @cached_property
    def labels(self) -> npt.NDArray[np.int32]:
        """Network of each target in that space, 0 for none."""
        if self.geometry.has_own_names:
            return self.atlas.labels
        return labels_to_fsaverage5(self.atlas.labels, self.geometry.kind, self.geometry.space_name, **self._where)

    @cached_property
    def spins(self) -> Spins | None:
        """Rotations of fsaverage5; None for regions, and where maps are replaced by surrogates."""
        settings = self.settings
        if self.geometry.has_own_names:
            if settings.null != "spin":
                raise ValueError(
                    f"--null {settings.null} needs positions on the cortex, which regions do not have; their networks "
                    "are permuted. Leave --null out, or give the data on a surface or in a volume."
                )
            return None
        if self.surrogates is not None:
            return None
        undistorted = settings.null == "spin-undistorted"
        return Spins.cached(settings.n_spins, settings.random_seed, self._folder, undistorted=undistorted)

    @cached_property
    def surrogates(self) -> Surrogates | None:
        """What replaces maps; None where the networks move instead."""
        settings = self.settings
        if settings.null == "eigen":
            return EigenSurrogates(settings.n_spins, settings.random_seed, self._folder)
        if settings.null == "moran":
            return MoranSurrogates(settings.n_spins, settings.random_seed, self._folder)
        return None

    @property
    def _folder(self) -> Path:
        return self.settings.work / "spins"

    def project(self, maps: Floats) -> Floats:
        """Maps (n_maps, n_targets) in that space; NaN without data."""
        if self.geometry.has_own_names:
            return maps
        return to_fsaverage5(maps, self.geometry.kind, self.geometry.space_name, **self._where)

    def means_test(self, maps: Floats) -> tuple[Doubles, Doubles]:
        """See `networks.conditional.spatial_p`; maps on the targets of the data."""
        settings = self.settings
        return spatial_p(
            self.project(maps),
            self.labels,
            self.n_networks,
            spins=self.spins,
            surrogates=self.surrogates,
            n_permutations=settings.n_spins,
            seed=settings.random_seed,
        )

    def of_regions(self, series: NetworkSeries) -> NetworkSeries | None:
        """The responses of networks that are made of regions, see `networks.conditional.spatial_evidence`."""
        return series if self.geometry.has_own_names else None

    def link(self, maps: Floats) -> pd.DataFrame:
        """Published links of maps with the networks, see `networks.correspondence.link`; atoms from 0."""
        settings = self.settings
        return correspond(
            self.project(maps),
            self.labels,
            self.atlas.network_names,
            spins=self.spins,
            threshold=settings.threshold,
            top_percent=settings.top_percent,
            n_permutations=settings.n_spins,
            seed=settings.random_seed,
        )

    @property
    def _where(self) -> dict[str, Any]:
        return {**self.geometry.where(), **atlas_source(self.settings.resources)}
