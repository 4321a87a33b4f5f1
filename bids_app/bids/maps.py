"""Maps of targets: arrays of shape (n_maps, n_targets), each with a name."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def checked_maps(maps: npt.ArrayLike, n_targets: int, map_names: Sequence[str] | None) -> tuple[FloatArray, list[str]]:
    """Maps as float32 (n_maps, n_targets), and a name for each. Raises ValueError if they do not match."""
    values = np.atleast_2d(np.asarray(maps, dtype=np.float32))
    if values.ndim != 2 or values.shape[1] != n_targets:
        raise ValueError(f"Maps have the shape {np.shape(maps)}; this geometry needs (n_maps, {n_targets}).")
    names = [f"map{i + 1}" for i in range(len(values))] if map_names is None else [str(name) for name in map_names]
    if len(names) != len(values) or len(set(names)) != len(names):
        raise ValueError(f"{len(values)} maps need as many different names; these came: {', '.join(names)}.")
    return values, names
