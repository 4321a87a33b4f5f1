"""Pieces of networks mean the same in everybody, whatever a participant has data of."""

from pathlib import Path

import numpy as np
import pytest

from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry, VolumeGeometry
from bids_app.inputs import pieces as module
from bids_app.inputs.pieces import network_pieces
from bids_app.networks.atlas import Atlas
from bids_app.networks.conditional import MOST_PIECES
from bids_app.settings import Settings

N = 10_242


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, tmp_path / "out", "participant")


def test_regions_are_numbered_whether_or_not_they_have_data(settings: Settings) -> None:
    names = tuple(f"r{i}" for i in range(100))
    labels = np.repeat([1, 2], 50)
    found = network_pieces(ParcelGeometry("x", names), labels, settings)
    assert len(np.unique(found.of_targets)) == 2 * MOST_PIECES
    assert (found.of_targets // 1000 == labels - 1).all()
    assert (np.diff(found.of_targets[:50]) >= 0).all()


def test_other_regions_have_another_key(settings: Settings) -> None:
    labels = np.repeat([1, 2], 2)
    keys = {network_pieces(ParcelGeometry("x", tuple(names)), labels, settings).key for names in ("abcd", "abce")}
    assert len(keys) == 2


def test_pieces_of_a_surface_are_connected_halves_of_the_hemispheres(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    geometry = SurfaceGeometry("fsaverage5", N, N)
    labels = np.zeros(2 * N, dtype=np.int32)
    labels[:4000], labels[N : N + 3000] = 1, 1
    labels[5000:6000] = 2
    monkeypatch.setattr(module, "find_atlas", lambda *_: Atlas("x", ("A", "B"), labels))
    found = network_pieces(geometry, labels, settings)
    sizes = np.unique(found.of_targets[labels == 1], return_counts=True)[1]
    assert MOST_PIECES - 4 <= len(sizes) <= MOST_PIECES + 1
    assert sizes.max() < 1.3 * sizes.min()
    assert not set(found.of_targets[:N][labels[:N] == 1]) & set(found.of_targets[N:][labels[N:] == 1])
    assert (found.of_targets[labels == 0] == -1).all()


def test_a_mask_changes_no_piece(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    shape, rng = (12, 12, 12), np.random.default_rng(0)
    everywhere = np.where(np.arange(12**3) % 12 < 6, 1, 2).astype(np.int32)
    monkeypatch.setattr(module, "find_atlas", lambda *_: Atlas("x", ("A", "B"), everywhere))
    whole, part = np.ones(shape, bool), rng.random(shape) < 0.5
    all_of, some = (
        network_pieces(VolumeGeometry("MNI152NLin6Asym", np.eye(4), mask), everywhere[mask.ravel()], settings)
        for mask in (whole, part)
    )
    np.testing.assert_array_equal(some.of_targets, all_of.of_targets[part.ravel()])
    assert some.key == all_of.key
