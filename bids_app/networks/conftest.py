"""What several tests of this package need."""

from pathlib import Path

import pytest

from bids_app.networks.spins import Spins

_ATLASES = Path(__file__).parents[2].parent / "shared" / "data" / "atlases"


@pytest.fixture(scope="session")
def atlases() -> Path:
    """Folder of the real atlases, which are not part of this repository."""
    if not _ATLASES.is_dir():
        pytest.skip("the real atlases are not beside the repository (../shared/data/atlases)")
    return _ATLASES


@pytest.fixture(scope="session")
def spins() -> Spins:
    """Rotations that all tests share."""
    return Spins.make(399, seed=3)
