from types import SimpleNamespace

import numpy as np
import pytest

from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry, VolumeGeometry
from bids_app.workflow.brainscore import _others


def volume(space):
    return VolumeGeometry(space, np.eye(4), np.ones((2, 2, 2), dtype=bool))


def ceiling_of(geometry, found):
    """What the ceiling is compared with, where the means of all give `found`, or raise it."""

    def others(_):
        if isinstance(found, Exception):
            raise found
        return found

    means = SimpleNamespace(unit=SimpleNamespace(name="sub-01"), others=others)
    return _others(SimpleNamespace(geometry=geometry), means)


@pytest.mark.parametrize("geometry", [SurfaceGeometry("fsnative", 5, 6), volume("T1w")])
def test_spaces_of_participants_own_have_no_ceiling(geometry, caplog):
    with caplog.at_level("INFO"):
        assert ceiling_of(geometry, "something") is None
    assert "no noise ceiling, since everybody's" in caplog.text


def test_volumes_without_a_space_have_one_where_they_share_a_grid(caplog):
    assert ceiling_of(volume(None), "means") == "means"
    with caplog.at_level("INFO"):
        assert ceiling_of(volume(None), ValueError("lie on different grids")) is None
    assert "no noise ceiling, since participants lie on different grids" in caplog.text


@pytest.mark.parametrize("geometry", [volume("MNI152NLin6Asym"), ParcelGeometry("mine", ("A",))])
def test_elsewhere_errors_are_errors(geometry):
    with pytest.raises(ValueError, match="broken"):
        ceiling_of(geometry, ValueError("broken"))
