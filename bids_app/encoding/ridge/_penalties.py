"""Candidate penalties of a ridge."""

from collections.abc import Sequence

import numpy as np
import torch

DEFAULT_ALPHAS = tuple(float(alpha) for alpha in np.logspace(-1, 8, 10))


def penalties(alphas: Sequence[float], device: torch.device, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """The penalties on the device; ValueError unless all are positive."""
    if not len(alphas) or not all(np.isfinite(alpha) and alpha > 0 for alpha in alphas):
        raise ValueError(f"alphas={list(alphas)}; at least one penalty is needed, and all must be positive.")
    return torch.as_tensor(np.asarray(alphas, dtype=np.float64), dtype=dtype, device=device)
