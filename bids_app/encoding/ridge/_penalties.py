"""Candidate penalties of a ridge."""

import numpy as np
import numpy.typing as npt
import torch

DEFAULT_ALPHAS = tuple(float(alpha) for alpha in np.logspace(-1, 8, 10))


def penalties(alphas: npt.ArrayLike, device: torch.device, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """The penalties (n_alphas,) on the device; ValueError unless all are positive."""
    values = np.asarray(alphas, dtype=np.float64)
    if values.ndim != 1 or not values.size or not (np.isfinite(values) & (values > 0)).all():
        raise ValueError(f"alphas={values.tolist()}; at least one penalty is needed, and all must be positive.")
    return torch.as_tensor(values, dtype=dtype, device=device)
