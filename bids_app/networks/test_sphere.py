import numpy as np
import pytest
from scipy.spatial import cKDTree

from bids_app.networks.sphere import NearestVertex, unit_sphere


def test_nearest_vertex_is_that_of_a_tree() -> None:
    points = np.random.default_rng(0).standard_normal((20_000, 3))
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    result = NearestVertex(unit_sphere())(points)
    distances, expected = cKDTree(unit_sphere()).query(points)
    assert (result == expected).mean() > 0.999  # float32 decides ties by chance
    np.testing.assert_allclose(np.linalg.norm(unit_sphere()[result] - points, axis=1), distances, atol=2e-5)


def test_every_vertex_is_nearest_to_itself() -> None:
    sphere = unit_sphere()
    assert sphere.shape == (10_242, 3)
    np.testing.assert_array_equal(NearestVertex(sphere)(sphere), np.arange(10_242))


def test_nearest_vertex_at_the_borders_of_voxels() -> None:
    axes = np.concatenate([np.eye(3), -np.eye(3)])  # where a coordinate is largest, and where two are 0
    edges = np.array([[1, 1, 0], [-1, 0, 1], [0, -1, -1]]) / np.sqrt(2)
    points = np.concatenate([axes, edges])
    expected = cKDTree(unit_sphere()).query(points)[0]
    result = NearestVertex(unit_sphere())(points)
    np.testing.assert_allclose(np.linalg.norm(unit_sphere()[result] - points, axis=1), expected, atol=1e-6)


def test_a_mesh_that_is_too_dense_is_refused() -> None:
    points = np.random.default_rng(0).standard_normal((30_000, 3))
    with pytest.raises(ValueError, match="use fsaverage5"):
        NearestVertex(points / np.linalg.norm(points, axis=1, keepdims=True))
