"""Forecast score of one distance: held-out ridge of [present word, window] for all vertices of a story."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import harness, ties
from bids_app.encoding.design.folds import inner_folds
from bids_app.encoding.ridge import DEFAULT_ALPHAS, RidgeCV
from bids_app.encoding.ridge.held_out import HeldOutDesign, design_held_out, score_held_out

Floats = npt.NDArray[np.float32]

N_VOLUMES, N_WORDS, N_TARGETS = 400, 768, 81_924
# scikit-learn is timed on so many targets: enough that its decompositions, which do not grow, are 1 % of its time.
N_SAMPLED = N_TARGETS // 4
# Part of the targets for which RidgeCV and score_held_out must choose alike: rounding decides a tie now and then.
_FEWEST_ALIKE = 0.9999
HIMALAYA, SCIKIT_LEARN = "himalaya RidgeCV, torch", "scikit-learn RidgeCV, leave-one-out"


def made_up(n_targets: int) -> tuple[list[Floats], Floats]:
    """Vectors of the present word and of a window, per volume, and responses of which 0 to 30 % follow them."""
    random = np.random.default_rng(0)
    scale = np.arange(1, N_WORDS + 1) ** -0.5  # components of word vectors differ in variance
    spaces = [(random.standard_normal((N_VOLUMES, N_WORDS)) * scale).astype(np.float32) for _ in range(2)]
    drive = np.concatenate(
        [np.roll(space[:, :20], lag, axis=0) for space in spaces for lag in (2, 3)], axis=1
    ) @ random.standard_normal((80, n_targets), dtype=np.float32)
    drive *= np.sqrt(random.uniform(0, 0.3, n_targets)) / drive.std(axis=0)
    Y = random.standard_normal(drive.shape, dtype=np.float32) + drive
    return spaces, ((Y - Y.mean(axis=0)) / Y.std(axis=0)).astype(np.float32)


def ours(spaces: list[Floats], Y: Floats, device: str) -> tuple[Floats, Floats]:
    """Everything from the word vectors on: components, delays, decompositions, fits, scores."""
    design = design_held_out(spaces, [N_VOLUMES], device=device)
    return score_held_out(design, Y, device=device)


def himalaya(design: HeldOutDesign, Y: Floats, device: str) -> tuple[Any, Any]:
    """The fits and scores alone, on the designs that ours has made: r (n_targets,), penalties (n_folds, n_targets)."""
    from himalaya.backend import set_backend
    from himalaya.ridge import RidgeCV
    from himalaya.scoring import correlation_score

    backend = set_backend("torch_cuda" if device.startswith("cuda") else "torch")
    r, alpha = 0, []
    for one in design.folds:
        train, test = one.fold
        place = np.full(N_VOLUMES, -1)
        place[train] = np.arange(len(train))
        cv = [(place[a], place[b]) for a, b in inner_folds(one.fold, design.pairs)]
        solver = {"n_targets_batch": 10_000, "n_targets_batch_refit": 10_000}
        model = RidgeCV(np.asarray(DEFAULT_ALPHAS, dtype=np.float32), fit_intercept=True, cv=cv, solver_params=solver)
        model.fit(one.features[train], Y[train])
        r += backend.to_numpy(correlation_score(Y[test], model.predict(one.features[test]))) / len(design.folds)
        alpha.append(backend.to_numpy(model.best_alphas_))
    return r, np.array(alpha)


def scikit_learn(design: HeldOutDesign, Y: Floats) -> Any:
    """Its RidgeCV chooses a penalty per target by leave-one-out only, so that it does a little less."""
    from sklearn.linear_model import RidgeCV

    r = 0
    for one in design.folds:
        train, test = one.fold
        model = RidgeCV(DEFAULT_ALPHAS, alpha_per_target=True).fit(one.features[train], Y[train])
        a, b = (part - part.mean(axis=0) for part in (model.predict(one.features[test]), Y[test]))
        r += (a * b).sum(axis=0) / np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0)) / len(design.folds)
    return r


def agreement(
    design: HeldOutDesign, Y: Floats, mine: tuple[Floats, Floats], other: tuple[Any, Any], device: str
) -> str:
    """Penalties fold by fold, where ours are those of the same errors, and the scores where all are the same."""
    alphas, comparisons = [], []
    for one, theirs in zip(design.folds, other[1], strict=True):
        inner = inner_folds(one.fold, design.pairs)
        alphas.append(RidgeCV(DEFAULT_ALPHAS, inner, device).fit(one.features, Y).alpha_)
        comparisons.append(ties.compare((alphas[-1], theirs), one.features, Y, inner, DEFAULT_ALPHAS))
    chosen_alike = np.isclose(np.exp(np.log(alphas).mean(axis=0)), mine[1], rtol=1e-3)
    if chosen_alike.mean() < _FEWEST_ALIKE:
        raise RuntimeError("RidgeCV and score_held_out choose different penalties.")
    difference, same = np.abs(mine[0] - other[0]), np.all([chosen_alike, *(one.same for one in comparisons)], axis=0)
    return (
        f"with himalaya over folds and targets: {ties.describe(comparisons)}; r within {difference[same].max():.1e} "
        f"where all penalties are the same, {difference.max():.1e} elsewhere"
    )


def main() -> None:
    """One row per peer."""
    options = harness.arguments(__doc__).parse_args()
    n_targets = 4_000 if options.quick else N_TARGETS
    spaces, Y = made_up(n_targets)
    design = design_held_out(spaces, [N_VOLUMES], device=options.device)
    sample = Y[:, :N_SAMPLED]
    calls: dict[str, Callable[[], Any]] = {
        "ours": partial(ours, spaces, Y, options.device),
        HIMALAYA: partial(himalaya, design, Y, options.device),
        SCIKIT_LEARN: partial(scikit_learn, design, sample),
    }
    times = harness.take_turns(calls, options.runs, device=options.device)
    first = times.pop("ours")
    agrees = agreement(design, Y, first.result, times[HIMALAYA].result, options.device)
    harness.print_header()
    work = f"{N_VOLUMES} × {design.folds[0].features.shape[1]} → {n_targets:,}, 5 outer folds, 10 penalties"
    for name, timing in times.items():
        scale = n_targets / sample.shape[1] if name == SCIKIT_LEARN else 1.0
        harness.print_row(
            work, first, {name: timing}, "≤ 3 s (where himalaya takes 25 s)", agrees if scale == 1 else "—", scale
        )


if __name__ == "__main__":
    main()
