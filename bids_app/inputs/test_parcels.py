from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry, VolumeGeometry
from bids_app.inputs.parcels import find_parcels, mean_responses
from bids_app.inputs.responses import Responses
from bids_app.inputs.timing import StimulusTiming
from bids_app.settings import Settings

RNG = np.random.default_rng(0)
GRID = np.ones((10, 10, 10), dtype=bool)
VOLUME = VolumeGeometry("MNI152NLin6Asym", np.diag([4.0, 4.0, 4.0, 1.0]), GRID)


def responses_of(
    geometry: ParcelGeometry | SurfaceGeometry | VolumeGeometry,
    valid: npt.NDArray[np.bool_] | None = None,
    run_lengths: tuple[int, int] = (12, 8),
) -> Responses:
    valid = np.ones(geometry.n_targets, dtype=bool) if valid is None else valid
    data = RNG.standard_normal((sum(run_lengths), valid.sum())).astype(np.float32)
    timings = tuple(StimulusTiming(2.0, np.arange(length), ()) for length in run_lengths)
    return Responses(data, valid, geometry, timings, (None,) * len(run_lengths))


def settings_of(folder: Path, **more: Any) -> Settings:
    return Settings(folder, folder / "out", "participant", **more)


def test_valid_targets_are_parcelled(tmp_path: Path) -> None:
    valid = RNG.random(1000) > 0.3
    parcels = find_parcels(responses_of(VOLUME, valid), settings_of(tmp_path))
    assert parcels is not None
    assert parcels.shape == (valid.sum(),)
    assert len(set(parcels.tolist())) == round(valid.sum() / 50)


@pytest.mark.parametrize(
    ("geometry", "more"),
    [
        (VOLUME, {"correction": "targets"}),
        (ParcelGeometry("Tiny", tuple(f"region-{n}" for n in range(200))), {}),
        (SurfaceGeometry("fsnative", 150, 150), {}),
        (VolumeGeometry("T1w", np.eye(4), GRID[:4, :4, :4]), {}),
    ],
    ids=["not asked for", "regions", "unknown sphere", "few"],
)
def test_where_there_are_none(
    geometry: ParcelGeometry | SurfaceGeometry | VolumeGeometry, more: dict[str, str], tmp_path: Path
) -> None:
    assert find_parcels(responses_of(geometry), settings_of(tmp_path, **more)) is None


def test_mean_responses_are_standardised_within_each_run(tmp_path: Path) -> None:
    responses = responses_of(VOLUME)
    parcels = find_parcels(responses, settings_of(tmp_path))
    assert parcels is not None
    means = mean_responses(responses, parcels)
    assert means.shape == (20, 20)
    assert means.dtype == np.float32
    for run in (slice(0, 12), slice(12, 20)):
        expected = responses.data[run][:, parcels == 7].mean(axis=1)
        np.testing.assert_allclose(means[run, 7], (expected - expected.mean()) / expected.std(), atol=1e-4)
