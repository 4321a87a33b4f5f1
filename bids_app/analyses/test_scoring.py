from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import lfilter

from bids_app.analyses.scoring import BrainScores, score_brain
from bids_app.bids.geometry import VolumeGeometry
from bids_app.encoding.design.folds import contiguous_folds
from bids_app.encoding.design.haemodynamics import convolve
from bids_app.encoding.design.pipeline import FeaturePipeline
from bids_app.encoding.ridge.held_out import design_held_out, predict_held_out
from bids_app.inputs.parcels import find_parcels, mean_responses
from bids_app.inputs.responses import Responses
from bids_app.inputs.timing import StimulusTiming
from bids_app.settings import Settings
from bids_app.stats.correlation import fold_mean_r
from bids_app.stats.fdr import fdr
from bids_app.stats.hierarchical import hierarchical_fdr
from bids_app.stats.permutation import permutation_test
from bids_app.stats.standardise import zscore

World = tuple[Responses, Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]], npt.NDArray[np.bool_]]

N, SHAPE = 200, (20, 10, 10)
FOLDS = contiguous_folds(N, 5)


@pytest.fixture(scope="module")
def world() -> World:
    """Responses of 2000 voxels, of which the first half along x is weakly driven alike, and their design."""
    rng = np.random.default_rng(0)
    X = zscore(convolve(rng.standard_normal((N, 6)), 1.5))
    noise = lfilter([1], [1, -0.5], rng.standard_normal((N + 100, 2000)), axis=0)[100:]
    driven = np.arange(2000) < 1000
    data = zscore(zscore(noise) + 0.22 * driven * (X @ rng.standard_normal((6, 1))) / 6**0.5).astype(np.float32)
    geometry = VolumeGeometry("MNI", np.diag([3.0, 3.0, 3.0, 1.0]), np.ones(SHAPE, dtype=bool))
    timing = StimulusTiming(1.5, np.arange(N), ())
    responses = Responses(data, np.ones(2000, dtype=bool), geometry, (timing,), (None,))
    design = design_held_out(X, [N], FeaturePipeline(n_components=None, delays=(0,)), device="cpu")
    return responses, lambda y: predict_held_out(design, y, device="cpu").predictions, driven


def scores_of(world: World, folder: Path, **more: Any) -> tuple[BrainScores, npt.NDArray[np.int64] | None, Settings]:
    responses, fit, _ = world
    settings = Settings(folder, folder, "participant", device="cpu", n_permutations=2000, **more)
    parcels = find_parcels(responses, settings)
    return score_brain(fit, fit(responses.data), responses, FOLDS, settings, parcels), parcels, settings


def test_without_parcels_all_targets_are_corrected_at_once(world: World, tmp_path: Path) -> None:
    responses, fit, _ = world
    scores, parcels, settings = scores_of(world, tmp_path, correction="targets")
    p = permutation_test(
        fit, fit(responses.data), responses.data, FOLDS, n_scores=2000, seed=settings.random_seed, device="cpu"
    )
    assert parcels is None
    assert scores.of_parcels is None
    assert scores.fields == {}
    np.testing.assert_allclose(scores.r, fold_mean_r(fit(responses.data), responses.data, FOLDS), atol=1e-6)
    np.testing.assert_allclose(scores.p, p, rtol=1e-6)
    np.testing.assert_allclose(scores.q, fdr(p), rtol=1e-6)


def test_parcels_are_scored_by_their_mean_response(world: World, tmp_path: Path) -> None:
    responses, fit, driven = world
    scores, parcels, _ = scores_of(world, tmp_path)
    assert parcels is not None
    assert scores.of_parcels is not None
    r, p, q = scores.of_parcels
    first = np.unique(parcels, return_index=True)[1]
    means = mean_responses(responses, parcels)
    np.testing.assert_allclose(r, fold_mean_r(fit(means), means, FOLDS)[parcels], atol=1e-5)
    np.testing.assert_allclose(q[first], fdr(p[first]), rtol=1e-5)
    np.testing.assert_allclose(scores.q, np.asarray(hierarchical_fdr(scores.p, parcels, p[first])), rtol=1e-5)
    assert scores.fields == {"Parcels": 40}
    assert (q < 0.05)[driven].mean() > 2 * (fdr(scores.p) < 0.05)[driven].mean()
    assert (q < 0.05)[driven].mean() > 0.9
    assert (q < 0.05)[~driven].mean() < 0.11  # of 20 parcels at most 2


def test_a_gain_over_a_baseline_is_scored_in_parcels_too(world: World, tmp_path: Path) -> None:
    responses, fit, driven = world
    settings = Settings(tmp_path, tmp_path, "participant", device="cpu", n_permutations=500)

    def gain(y: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        return fit(y), np.zeros_like(y)

    parcels = find_parcels(responses, settings)
    scores = score_brain(gain, gain(responses.data), responses, FOLDS, settings, parcels)
    assert scores.of_parcels is not None
    assert (scores.of_parcels[2] < 0.05)[driven].mean() > 0.9
