"""Which null tests maps against networks, by the kind of data."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bids_app.analyses.networks.analysis import ANALYSIS
from bids_app.bids.geometry import ParcelGeometry
from bids_app.inputs.correspondence import NetworkSpace
from bids_app.networks.surrogates import EigenSurrogates, MoranSurrogates
from bids_app.settings import Settings


def space(tmp_path: Path, geometry: Any, null: str) -> NetworkSpace:
    settings = Settings(tmp_path, tmp_path / "out", "participant", null=null, n_spins=3, work_dir=tmp_path / "work")
    return NetworkSpace(geometry, cast("Any", None), settings)


REGIONS = ParcelGeometry("mine", ("a", "b"), ("One", "Two"))
SURFACE = SimpleNamespace(has_own_names=False)


def test_networks_of_regions_are_permuted_and_other_nulls_refused(tmp_path: Path) -> None:
    assert space(tmp_path, REGIONS, "spin").spins is None
    for null in ("spin-undistorted", "eigen", "moran"):
        with pytest.raises(ValueError, match=f"--null {null} needs positions on the cortex"):
            _ = space(tmp_path, REGIONS, null).spins


def test_maps_on_the_cortex_take_the_null_asked_for(tmp_path: Path) -> None:
    assert isinstance(space(tmp_path, SURFACE, "eigen").surrogates, EigenSurrogates)
    assert isinstance(space(tmp_path, SURFACE, "moran").surrogates, MoranSurrogates)
    assert space(tmp_path, SURFACE, "moran").spins is None
    spun, undistorted = (space(tmp_path, SURFACE, null) for null in ("spin", "spin-undistorted"))
    assert spun.surrogates is None
    assert spun.spins is not None
    assert undistorted.spins is not None
    assert (spun.spins.left != undistorted.spins.left).any()


def test_overlaps_of_maps_are_tested_by_rotations_alone(tmp_path: Path) -> None:
    for null, n_problems in (("spin-undistorted", 0), ("eigen", 1), ("moran", 1)):
        settings = Settings(tmp_path, tmp_path / "out", "participant", null=null, links="dice")
        assert len(list(ANALYSIS.problems(settings))) == n_problems
