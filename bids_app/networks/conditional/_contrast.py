"""Does a network respond to a family otherwise than the rest of the cortex? For regions, which no rotation moves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from bids_app.networks.conditional._design import Design
from bids_app.networks.conditional._pieces import NetworkSeries
from bids_app.stats.arrays import Doubles
from bids_app.stats.device import one_thread


@one_thread()
def contrast_p(design: Design, series: NetworkSeries, chosen: npt.NDArray[np.integer]) -> tuple[Doubles, Doubles]:
    """p of larger, and of smaller, coefficients in a network than in the rest of the cortex: (n_chosen, n_networks).

    Regions of a network share noise, which networks that are dealt out again do not: by chance, it raises the whole
    network's coefficients of a family that moves the cortex at large. So the mean over the network's pieces less that
    over all other pieces is fitted by the chosen families together, by generalised least squares with noise of its own,
    and the coefficient's t tested, one-sided. 1 for networks without pieces, and where there is only one network.
    """
    present = series.present
    large, small = np.ones((2, len(chosen), series.n_networks))
    for network in present if len(present) > 1 else []:
        inside = series.network == network
        contrast = series.series[:, inside].mean(axis=1) - series.series[:, ~inside].mean(axis=1)
        t = _t(design, contrast[:, None], chosen)
        degrees = design.n_volumes - design.confounds.shape[1] - len(chosen)
        large[:, network], small[:, network] = stats.t.sf(t, degrees), stats.t.cdf(t, degrees)
    return large, small


def _t(design: Design, response: Doubles, chosen: npt.NDArray[np.integer]) -> Doubles:
    """t of each chosen family's coefficient in one response (n_volumes, 1), given the others, (n_chosen,)."""
    y, X = design.white([response, design.families[:, chosen]], design.noise_of(response))
    inverse = np.linalg.pinv(X.T @ X)
    b = inverse @ X.T @ y
    degrees = design.n_volumes - design.confounds.shape[1] - len(chosen)
    variance = np.square(y - X @ b).sum() / degrees
    return np.asarray(b[:, 0] / np.sqrt(np.maximum(variance * np.diag(inverse), 1e-300)))
