import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial import ConvexHull, Delaunay

from bids_app.encoding.smoothing import FWHM_PER_SIGMA, SurfaceSmoother, _elements, smooth_volume


def sphere(n: int, radius: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
    """Vertices spread evenly over a sphere, and the triangles of their hull."""
    index = np.arange(n) + 0.5
    height, turn = 1 - 2 * index / n, np.pi * (1 + 5**0.5) * index
    around = np.sqrt(1 - height**2)
    points = radius * np.stack([around * np.cos(turn), around * np.sin(turn), height], axis=1)
    return points, ConvexHull(points).simplices


def plane(n: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
    """A square of n × n vertices, 1 mm apart, slightly irregular."""
    points = np.stack(np.meshgrid(np.arange(n), np.arange(n), indexing="ij"), -1).reshape(-1, 2).astype(float)
    points += np.random.default_rng(0).uniform(-0.2, 0.2, points.shape)
    return np.c_[points, np.zeros(len(points))], Delaunay(points).simplices


def test_elements_of_known_triangles() -> None:
    """Two equilateral triangles with sides of 2 mm: every cotangent is 1/√3, every triangle has an area of √3."""
    h = 3**0.5
    points = np.array([[0, 0, 0], [2, 0, 0], [1, h, 0], [1, -h, 0]])
    stiffness, areas = _elements(points, np.array([[0, 1, 2], [1, 0, 3]]))
    np.testing.assert_allclose(areas, np.array([2, 2, 1, 1]) * h / 3)
    edge = 1 / h / 2
    expected = -edge * np.array([[0, 2, 1, 1], [2, 0, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0]])
    np.testing.assert_allclose(stiffness.toarray(), expected - np.diag(expected.sum(axis=1)), atol=1e-12)


@pytest.mark.parametrize("fwhm", [6.0, 20.0])
def test_spherical_harmonics_fade_as_heat_does(fwhm: float) -> None:
    """Eigenfunctions of the sphere: those of degree l are multiplied by exp(-l (l + 1) t / radius²)."""
    points, faces = sphere(4000, 50.0)
    x, y, z = points.T / 50
    harmonics = np.stack([z, x * y, 5 * z**3 - 3 * z]).astype(np.float32)
    time = (fwhm / FWHM_PER_SIGMA) ** 2 / 2
    expected = np.exp(-np.array([2, 6, 12]) * time / 50**2)
    smoothed = SurfaceSmoother.make(points, faces, fwhm)(harmonics)
    np.testing.assert_allclose((smoothed * harmonics).sum(1) / (harmonics**2).sum(1), expected, rtol=0.01)


@pytest.mark.parametrize("fwhm", [4.0, 8.0])
def test_a_point_spreads_to_the_width_that_was_asked_for(fwhm: float) -> None:
    points, faces = plane(61)
    middle = 61 * 30 + 30
    impulse = np.zeros((1, len(points)), dtype=np.float32)
    impulse[0, middle] = 1
    spread = SurfaceSmoother.make(points, faces, fwhm)(impulse)[0]
    distance = np.linalg.norm(points - points[middle], axis=1)
    variance = (spread * distance**2).sum() / spread.sum() / 2  # along one axis
    assert np.sqrt(variance) * FWHM_PER_SIGMA == pytest.approx(fwhm, rel=0.05)
    half = distance[spread > spread.max() / 2].max() * 2
    assert half == pytest.approx(fwhm, abs=1.5)
    assert spread.min() > -1e-9


def test_constants_are_kept_and_what_is_missing_neither_leaks_nor_fades() -> None:
    points, faces = sphere(2000, 100.0)
    data = np.full((3, 2000), 7.0, dtype=np.float32)
    wall = points[:, 2] > 60
    data[:, wall] = np.nan
    smoothed = SurfaceSmoother.make(points, faces, 10.0)(data)
    np.testing.assert_array_equal(np.isnan(smoothed), np.isnan(data))
    np.testing.assert_allclose(smoothed[:, ~wall], 7, rtol=1e-5)
    noise = np.random.default_rng(1).standard_normal((3, 2000)).astype(np.float32)
    noise[0, 5] = np.nan
    smoothed = SurfaceSmoother.make(points, faces, 10.0)(noise)
    assert np.isnan(smoothed[:, 5]).all()
    assert np.isfinite(np.delete(smoothed, 5, axis=1)).all()
    assert np.nanmax(np.abs(smoothed)) < np.nanmax(np.abs(noise))
    assert np.isnan(SurfaceSmoother.make(points, faces, 10.0)(np.full((2, 2000), np.nan, np.float32))).all()


def test_volumes_are_smoothed_inside_their_mask_alone() -> None:
    shape, sizes = (21, 21, 21), np.array([2.0, 2, 3])
    mask = np.zeros(shape, dtype=bool)
    mask[4:17, 4:17, 4:17] = True
    ones = np.full((2, mask.sum()), 5.0, dtype=np.float32)
    ones[:, 7] = np.nan
    smoothed = smooth_volume(ones, mask, sizes, 8.0)
    np.testing.assert_allclose(np.delete(smoothed, 7, axis=1), 5, rtol=1e-5)  # no fading at the border, nor at 7
    assert np.isnan(smoothed[:, 7]).all()


def test_width_of_a_voxel_in_mm_along_each_axis() -> None:
    shape, sizes, fwhm = (41, 41, 31), np.array([2.0, 2, 3]), 9.0
    mask = np.ones(shape, dtype=bool)
    impulse = np.zeros(shape, dtype=np.float32)
    impulse[20, 20, 15] = 1
    spread = smooth_volume(impulse.reshape(1, -1), mask, sizes, fwhm).reshape(shape)
    for axis, size in enumerate(sizes):
        profile = spread.sum(axis=tuple({0, 1, 2} - {axis}))
        distance = (np.arange(len(profile)) - len(profile) // 2) * size
        variance = (profile * distance**2).sum() / profile.sum()
        assert np.sqrt(variance) * FWHM_PER_SIGMA == pytest.approx(fwhm, rel=0.02)
