"""Ridge with a penalty per target out of many, for many targets."""

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import harness, ties
from bids_app.encoding.design.folds import contiguous_folds
from bids_app.encoding.ridge import RidgeCV
from bids_app.stats.arrays import Fold

Floats = npt.NDArray[np.float32]

ALPHAS = [float(alpha) for alpha in np.logspace(0, 6, 20)]
SIZES = ((600, 3_840, 20_000), (2_000, 4_608, 80_000))
N_TESTED = 200


def made_up(n_volumes: int, n_features: int, n_targets: int) -> tuple[Floats, Floats]:
    """Features with a decaying spectrum, responses of which 0 to 50 % follow them; the last rows are for the test."""
    random = np.random.default_rng(0)
    rank = min(n_features, n_volumes)
    spectrum = np.power(np.arange(1, rank + 1, dtype=np.float32), np.float32(-0.5))
    X = (random.standard_normal((n_volumes + N_TESTED, rank), dtype=np.float32) * spectrum) @ random.standard_normal(
        (rank, n_features), dtype=np.float32
    )
    X += 0.5 * random.standard_normal(X.shape, dtype=np.float32)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    Y = np.empty((len(X), n_targets), dtype=np.float32)
    for start in range(0, n_targets, 5_000):
        part = Y[:, start : start + 5_000]
        part[:] = X @ random.standard_normal((n_features, part.shape[1]), dtype=np.float32)
        part *= np.sqrt(random.uniform(0, 0.5, part.shape[1])).astype(np.float32) / part.std(axis=0)
        part += random.standard_normal(part.shape, dtype=np.float32)
    return X, Y


def ours(X: Floats, Y: Floats, folds: list[Fold], device: str) -> RidgeCV:
    """Penalties and coefficients of all targets."""
    return RidgeCV(ALPHAS, folds, device).fit(X, Y)


def himalaya(X: Floats, Y: Floats, folds: list[Fold], device: str) -> Any:
    """Penalties and dual coefficients of all targets."""
    from himalaya.backend import set_backend
    from himalaya.kernel_ridge import KernelRidgeCV

    set_backend("torch_cuda" if device.startswith("cuda") else "torch")
    solver = {"n_targets_batch": 10_000, "n_targets_batch_refit": 10_000}
    model = KernelRidgeCV(np.asarray(ALPHAS, dtype=np.float32), fit_intercept=True, cv=folds, solver_params=solver)
    return model.fit(X, Y)


def agreement(X: Floats, Y: Floats, mine: RidgeCV, other: Any, folds: list[Fold]) -> str:
    """How far the penalties are the same, and the correlations of held-out volumes."""
    from himalaya.backend import get_backend
    from himalaya.scoring import correlation_score

    to_numpy = get_backend().to_numpy
    train, test = slice(0, -N_TESTED), slice(-N_TESTED, None)
    compared = ties.compare((mine.alpha_, to_numpy(other.best_alphas_)), X[train], Y[train], folds, ALPHAS)
    r = [to_numpy(correlation_score(Y[test], to_numpy(model.predict(X[test])))) for model in (mine, other)]
    difference = np.abs(r[0] - r[1])[compared.same].max()
    return f"{ties.describe([compared])}; held-out r within {difference:.1e} where the penalty is the same"


def main() -> None:
    """One row per size."""
    options = harness.arguments(__doc__).parse_args()
    harness.print_header()
    for n_volumes, n_features, n_targets in [(300, 600, 2_000)] if options.quick else SIZES:
        X, Y = made_up(n_volumes, n_features, n_targets)
        folds = contiguous_folds(n_volumes, 5)
        data = X[:-N_TESTED], Y[:-N_TESTED], folds, options.device
        peer = "himalaya KernelRidgeCV, torch"
        times = harness.take_turns(
            {"ours": partial(ours, *data), peer: partial(himalaya, *data)}, options.runs, device=options.device
        )
        first = times.pop("ours")
        work = f"{n_volumes:,} × {n_features:,} → {n_targets:,}, {len(ALPHAS)} penalties, {len(folds)} folds"
        harness.print_row(work, first, times, "≤ 0.45", agreement(X, Y, first.result, times[peer].result, folds))


if __name__ == "__main__":
    main()
