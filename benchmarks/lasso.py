"""Lasso on fixed regressors with a cross-validated penalty per target, against scikit-learn, celer and himalaya."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from benchmarks import harness
from bids_app.encoding.design.folds import contiguous_folds
from bids_app.encoding.lasso import DEFAULT_RATIOS, LassoCV, lasso
from bids_app.stats.standardise import zscore

Floats = npt.NDArray[np.float32]

N_VOLUMES, N_REGRESSORS = 600, 64
SIZES = (20_000, 200_000)
# The peers that fit one target after the other are timed on so many, and the one that takes batches on so many.
N_SINGLE, N_BATCHED = 40, 2_000


def made_up(n_targets: int) -> tuple[Floats, Floats]:
    """Smooth regressors, targets that follow a tenth of them in a fifth of their variance."""
    random = np.random.default_rng(0)
    X = zscore(gaussian_filter1d(random.standard_normal((N_VOLUMES, N_REGRESSORS)), 1, axis=0)).astype(np.float32)
    Y = np.empty((N_VOLUMES, n_targets), dtype=np.float32)
    for start in range(0, n_targets, 10_000):
        shape = (N_REGRESSORS, min(10_000, n_targets - start))
        signal = X @ (random.standard_normal(shape) * (random.random(shape) < 0.1)).astype(np.float32)
        Y[:, start : start + 10_000] = signal / signal.std() + 2 * random.standard_normal(signal.shape)
    return X, Y


def penalties(X: Floats, y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Those of ours, as scikit-learn scales them."""
    largest = float(np.abs((X - X.mean(axis=0)).T @ (y - y.mean())).max()) / len(X)
    return largest * np.asarray(DEFAULT_RATIOS)


def scikit_learn(X: Floats, Y: Floats) -> list[Any]:
    """A model per target, with the penalties and folds of ours."""
    from sklearn.linear_model import LassoCV as Peer

    folds = contiguous_folds(len(X), 5)
    return [Peer(alphas=penalties(X, y), cv=folds).fit(X.astype(np.float64), y) for y in Y.T.astype(np.float64)]


def celer(X: Floats, Y: Floats) -> list[Any]:
    """The same by celer's paths: its own estimator does not know the present scikit-learn."""
    from celer import celer_path

    rows = [train for train, _ in contiguous_folds(len(X), 5)] + [np.arange(len(X))]
    centred = [np.asfortranarray(X[train] - X[train].mean(axis=0), dtype=np.float64) for train in rows]
    return [
        [
            celer_path(part, y[train] - y[train].mean(), "lasso", alphas=penalties(X, y))
            for train, part in zip(rows, centred, strict=True)
        ]
        for y in Y.T.astype(np.float64)
    ]


def himalaya(X: Floats, Y: Floats, device: str) -> Any:
    """Group lasso without groups: the lasso, with the penalty of each target out of as many."""
    from himalaya.backend import set_backend
    from himalaya.lasso import SparseGroupLassoCV

    set_backend("torch_cuda" if device.startswith("cuda") else "torch")
    largest = float(np.abs(X.T @ Y).max()) / len(X)
    ratios = largest * np.asarray(DEFAULT_RATIOS, dtype=np.float32)
    solver = {"n_targets_batch": 10_000, "progress_bar": False}
    return SparseGroupLassoCV(
        groups=None, l1_regs=ratios, l21_regs=[0.0], cv=contiguous_folds(len(X), 5), solver_params=solver
    ).fit(X, Y)


def agreement(X: Floats, Y: Floats, device: str) -> str:
    """Largest excess of the objective over scikit-learn's at a tight tolerance, at three ratios."""
    from sklearn.linear_model import Lasso

    worst = 0.0
    for ratio in (0.5, 0.1, 0.02):
        coef, intercept = lasso(X, Y, ratio, device=device)
        for target, y in enumerate(Y.T.astype(np.float64)):
            penalty = ratio * penalties(X, y)[0] / DEFAULT_RATIOS[0]
            peer = Lasso(alpha=penalty, tol=1e-8, max_iter=100_000).fit(X.astype(np.float64), y)
            pairs = (coef[:, target], intercept[target]), (peer.coef_, peer.intercept_)
            mine, other = (0.5 * np.mean((y - X @ b - c) ** 2) + penalty * np.abs(b).sum() for b, c in pairs)
            worst = max(worst, mine / other - 1)
    return f"objective at most {worst:.0e} above scikit-learn's at ratios of 0.5, 0.1 and 0.02"


def main() -> None:
    """One row per size and peer; each peer is timed on a sample of targets and scaled."""
    options = harness.arguments(__doc__).parse_args()
    harness.print_header()
    for n_targets in [1_000] if options.quick else SIZES:
        X, Y = made_up(n_targets)
        single, many = Y[:, :N_SINGLE], Y[:, :N_BATCHED]
        calls: dict[str, Callable[[], Any]] = {
            "ours": partial(LassoCV(device=options.device).fit, X, Y),
            "scikit-learn LassoCV, one core": partial(scikit_learn, X, single),
            "celer, one core": partial(celer, X, single),
            "himalaya SparseGroupLassoCV, torch": partial(himalaya, X, many, options.device),
        }
        times = harness.take_turns(calls, options.runs, device=options.device)
        first = times.pop("ours")
        work = f"{N_VOLUMES} × {N_REGRESSORS} → {n_targets:,}, {len(DEFAULT_RATIOS)} penalties, 5 folds"
        agrees = agreement(X, single, options.device)
        for name, timing in times.items():
            target, n_timed = ("≤ 0.33", many.shape[1]) if "himalaya" in name else ("≤ 0.05", N_SINGLE)
            harness.print_row(work, first, {name: timing}, target, agrees, n_targets / n_timed)


if __name__ == "__main__":
    main()
