import numpy as np
import numpy.typing as npt
import pytest

from bids_app.networks.icosphere import _faces, fsaverage_sphere, subdivide
from bids_app.networks.sphere import unit_sphere


def coarser(faces: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The faces of which these are the quarters."""
    n = len(faces) // 4
    others = faces[n:].reshape(n, 3, 3)
    return np.stack([faces[:n, 0], others[:, 2, 1], others[:, 0, 2]], axis=1)


def test_fsaverage5_is_made_again_from_coarser_spheres() -> None:
    """What FreeSurfer numbered by the same rule two times over."""
    fsaverage4, fsaverage3 = coarser(_faces()), coarser(coarser(_faces()))
    points, faces = subdivide(*subdivide(unit_sphere()[:642], fsaverage3))
    np.testing.assert_array_equal(faces, _faces())
    np.testing.assert_allclose(points, unit_sphere(), atol=2e-4)
    assert len(fsaverage4) == 5120


@pytest.mark.parametrize("n_vertices", [10_242, 40_962, 163_842])
def test_spheres_are_nested_and_even(n_vertices: int) -> None:
    sphere = fsaverage_sphere(n_vertices)
    assert sphere.shape == (n_vertices, 3)
    np.testing.assert_array_equal(sphere[:10_242], unit_sphere())
    np.testing.assert_allclose(np.linalg.norm(sphere, axis=1), 1, atol=1e-6)
    assert len(np.unique(sphere.round(4), axis=0)) == n_vertices
    counts = np.histogram(sphere[:, 2], bins=20, range=(-1, 1))[0]  # slices of a sphere have the same area
    np.testing.assert_allclose(counts, n_vertices / 20, rtol=0.25)


def test_another_number_of_vertices_is_refused() -> None:
    with pytest.raises(ValueError, match="32,492 vertices"):
        fsaverage_sphere(32_492)
