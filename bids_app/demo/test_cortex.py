import numpy as np
import pytest

from bids_app.demo.cortex import N_VERTICES, Cortex, load_cortex, make_grid, partition, smooth_fields


@pytest.fixture(scope="module")
def cortex() -> Cortex:
    return load_cortex()


def test_medial_wall_is_on_the_inner_side(cortex: Cortex) -> None:
    for hemisphere in np.split(np.arange(2 * N_VERTICES), 2):
        wall = ~cortex.is_cortex[hemisphere]
        assert 600 < wall.sum() < 1000
        assert np.median(np.abs(cortex.middle[hemisphere][wall, 0])) < 15


def test_every_network_has_its_share_of_both_hemispheres(cortex: Cortex) -> None:
    labels = partition(cortex, np.random.default_rng(0))
    assert (labels[~cortex.is_cortex] == 0).all()
    for hemisphere in np.split(labels, 2):
        share = np.bincount(hemisphere[hemisphere > 0], minlength=8)[1:] / (hemisphere > 0).sum()
        assert share.min() > 0.07
        assert share.max() < 0.22


def test_right_networks_mirror_left_ones(cortex: Cortex) -> None:
    left, right = np.split(partition(cortex, np.random.default_rng(0)), 2)
    mirrored = cortex.sphere[N_VERTICES:] * [-1, 1, 1]
    twin = np.array([np.argmax(cortex.sphere[:N_VERTICES] @ point) for point in mirrored[::50]])
    assert (left[twin] == right[::50]).mean() > 0.7


def test_fields_are_standard_and_smooth(cortex: Cortex) -> None:
    field = smooth_fields(cortex, 1, 10, np.random.default_rng(0))[0]
    assert (field.mean(), field.std()) == pytest.approx((0, 1), abs=1e-9)
    first, second = field[cortex.faces[:, 0]], field[cortex.faces[:, 1]]
    assert np.corrcoef(first, second)[0, 1] > 0.9


def test_sampling_the_grid_at_vertices_gives_their_coordinates(cortex: Cortex) -> None:
    grid = make_grid(cortex)
    voxels = np.indices(grid.brain.shape).reshape(3, -1)
    coordinates = grid.affine[:3, :3] @ voxels + grid.affine[:3, 3:]
    np.testing.assert_allclose(grid.sampling(cortex.middle) @ coordinates.T, cortex.middle, atol=1e-6)


def test_ribbon_voxels_lie_near_their_vertex(cortex: Cortex) -> None:
    grid = make_grid(cortex)
    centres = np.argwhere(grid.brain) @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    distance = np.linalg.norm(centres - cortex.middle[grid.nearest], axis=1)
    assert distance[grid.in_ribbon].max() < 3
    assert cortex.is_cortex[grid.nearest[grid.in_ribbon]].all()
    assert np.array_equal(grid.fill(grid.nearest)[grid.brain], grid.nearest)
