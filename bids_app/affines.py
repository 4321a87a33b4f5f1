"""Check that the header of a volume positions its voxels. Imports nothing from the package."""

import numpy as np
from numpy.typing import NDArray

_SMALLEST = 1e-6  # mm³: no voxel that was recorded is smaller


def problem_of_affine(affine: NDArray[np.floating]) -> str | None:
    """The problem with an affine (4, 4), as part of a sentence; None if voxels have a position and a size.

    >>> problem_of_affine(np.diag([0.0, 2, 2, 1]))
    'the header gives its voxels no size (affine with determinant 0)'
    """
    if not np.isfinite(affine).all():
        return "the header does not say where its voxels lie (NaN or infinity in the affine)"
    size = abs(float(np.linalg.det(np.asarray(affine, dtype=np.float64)[:3, :3])))
    if size < _SMALLEST:
        return f"the header gives its voxels no size (affine with determinant {size:.3g})"
    return None
