"""Smoothing of recordings: along a cortical surface by heat diffusion, in a volume by a Gaussian.

Both are weighted means of finite values: a target without a value (NaN) is ignored and stays NaN.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.stats.arrays import Floats

FWHM_PER_SIGMA = float(np.sqrt(8 * np.log(2)))
_STEPS = 10  # implicit steps; the variance is exact for any number, the shape approaches a Gaussian
_LEAST_WEIGHT = 1e-6  # smallest weight of finite values; below it, the result is NaN


@dataclass(frozen=True)
class SurfaceSmoother:
    """Heat diffusion along a mesh until a point has the requested full width at half maximum.

    The equation is solved by finite elements (cotangent weights, Pinkall and Polthier 1993, Experimental Mathematics 2,
    15–36) and implicit steps. Negative weights of obtuse triangles are set to zero, so that each result is a mean.
    """

    solve: Any
    areas: npt.NDArray[np.float64]

    @classmethod
    def make(
        cls, coordinates: npt.NDArray[np.floating], faces: npt.NDArray[np.integer], fwhm: float
    ) -> "SurfaceSmoother":
        """Make a smoother from vertices (n, 3) in mm, triangles (m, 3), and the width in mm."""
        from scipy.sparse import diags_array
        from scipy.sparse.linalg import splu

        stiffness, areas = _elements(np.asarray(coordinates, dtype=np.float64), np.asarray(faces))
        time = (fwhm / FWHM_PER_SIGMA) ** 2 / 2
        system = (diags_array(areas) + (time / _STEPS) * stiffness).tocsc()
        return cls(splu(system, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve, areas)

    def __call__(self, data: Floats) -> Floats:
        """Smoothed data (n_volumes, n_vertices); vertices with NaN in any volume are NaN in all."""
        there = np.isfinite(data).all(axis=0)
        if not there.any():
            return np.full_like(data, np.nan)
        columns = np.vstack([np.where(there, data, 0), there]).T.astype(np.float64)  # (n_vertices, n_volumes + 1)
        for _ in range(_STEPS):
            columns = self.solve(self.areas[:, None] * columns)
        weights = np.where(there, np.maximum(columns[:, -1], _LEAST_WEIGHT), np.nan)
        return np.ascontiguousarray((columns[:, :-1] / weights[:, None]).T, dtype=np.float32)


def _elements(
    coordinates: npt.NDArray[np.float64], faces: npt.NDArray[np.integer]
) -> tuple[Any, npt.NDArray[np.float64]]:
    """Stiffness matrix (n, n) and the area of each vertex (n,)."""
    from scipy.sparse import coo_array, diags_array

    n_vertices, rows, columns, weights = len(coordinates), [], [], []
    areas = np.zeros(n_vertices)
    for corner in range(3):
        at, first, second = (faces[:, (corner + turn) % 3] for turn in range(3))
        first_edge, second_edge = coordinates[first] - coordinates[at], coordinates[second] - coordinates[at]
        double_area = np.maximum(np.linalg.norm(np.cross(first_edge, second_edge), axis=1), 1e-9)
        areas += np.bincount(at, double_area / 6, n_vertices)
        rows.append(first)
        columns.append(second)
        weights.append((first_edge * second_edge).sum(axis=1) / double_area / 2)
    upper = coo_array(
        (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))), shape=(n_vertices,) * 2
    )
    edges = (upper + upper.T).tocsr()
    edges.data = np.maximum(edges.data, 0)
    stiffness = diags_array(np.asarray(edges.sum(axis=1)).ravel()) - edges
    return stiffness, np.maximum(areas, 1e-6)


def smooth_volume(
    data: Floats, mask: npt.NDArray[np.bool_], voxel_sizes: npt.NDArray[np.floating], fwhm: float
) -> Floats:
    """Data (n_volumes, n_voxels of `mask`) smoothed by a Gaussian of that width (mm) inside the mask.

    Voxels outside the mask have no weight, so values do not fade towards its border. Voxels with NaN in any volume are
    NaN in all.
    """
    from scipy.ndimage import gaussian_filter

    sigma = fwhm / FWHM_PER_SIGMA / np.asarray(voxel_sizes)
    there = np.asarray(np.isfinite(data).all(axis=0))
    grid = np.zeros(mask.shape, dtype=np.float32)

    def spread(values: npt.NDArray[Any]) -> Floats:
        grid[mask] = values
        smooth: Floats = gaussian_filter(grid, sigma, mode="constant")[mask]
        return smooth

    weights = np.where(there, np.maximum(spread(there), _LEAST_WEIGHT), np.nan).astype(np.float32)
    return np.stack([spread(np.where(there, row, 0)) / weights for row in data])
