"""What a device must compute as the processor does, within stated tolerances: parts of `device_check`."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import dictionary, features, forecast, lasso, ridge
from benchmarks.device_row import Row, at_least, at_most
from bids_app.encoding.design.folds import contiguous_folds
from bids_app.encoding.dictionary import DictionaryLearning, ReproducibleDictionary
from bids_app.encoding.lasso import LassoCV
from bids_app.encoding.susie import single_effects
from bids_app.language.activations import Activations, read_activations
from bids_app.language.models import load_model

Array = npt.NDArray[Any]
_WORDS = 400


def _both(compute: Callable[[str], Any], device: str) -> tuple[Any, Any]:
    return compute("cpu"), compute(device)


def dictionaries(device: str, small: bool) -> Iterator[Row]:
    """Objective of a dictionary, and reproducible families: their paths differ, where they end must not."""
    X = dictionary.made_up(200, 1_500 if small else 9_216)
    n_atoms = 16 if small else dictionary.N_ATOMS
    one, other = _both(lambda where: DictionaryLearning(n_atoms, device=where).fit(X), device)
    share = abs(other.objective_ / one.objective_ - 1)
    yield at_most("dictionary", "objective, relative difference", share, 1e-3)
    found = _both(lambda where: ReproducibleDictionary(n_atoms, n_restarts=3, device=where).fit(X), device)
    counts = [int((each.reproducibility_ >= 0.8).sum()) for each in found]
    yield at_most("families", "reproducible ones, relative difference of the counts", _relative(*counts), 0.05)


def _relative(one: float, other: float) -> float:
    return abs(one - other) / max(abs(one), abs(other), 1e-30)


def lassos(device: str, small: bool) -> Iterator[Row]:
    """Penalties and coefficients."""
    X, Y = lasso.made_up(200 if small else 5_000)
    one, other = _both(lambda where: LassoCV(device=where).fit(X, Y), device)
    same = np.isclose(one.penalty_, other.penalty_, rtol=1e-4)
    yield at_least("lasso", "targets with the same penalty", same.mean(), 0.999)
    scale = np.abs(one.coef_).max()
    yield at_most("lasso", "coefficients there, of the largest", _largest(one.coef_, other.coef_, same) / scale, 1e-3)


def _largest(one: Array, other: Array, same: Array) -> float:
    """Largest difference at some targets: the axis of the targets is that of their length."""
    axis = int(one.shape[0] != len(same))
    difference = np.abs(np.asarray(one) - np.asarray(other))
    return float(np.compress(same, difference, axis=axis).max(initial=0))


def ridges(device: str, small: bool) -> Iterator[Row]:
    """Penalties and predictions."""
    sizes = (200, 300, 400) if small else (600, 1_500, 10_000)
    X, Y = ridge.made_up(*sizes)
    folds = contiguous_folds(sizes[0], 5)
    train, test = slice(0, sizes[0]), slice(sizes[0], None)
    one, other = _both(lambda where: ridge.ours(X[train], Y[train], folds, where), device)
    same = np.isclose(one.alpha_, other.alpha_, rtol=1e-4)
    yield at_least("ridge", "targets with the same penalty", same.mean(), 0.995)
    mine, its = (each.predict(X[test]) for each in (one, other))
    yield at_most("ridge", "predictions there, of their deviation", _largest(mine, its, same) / mine.std(), 1e-3)


def forecasts(device: str, small: bool) -> Iterator[Row]:
    """Scores of one distance."""
    spaces, Y = forecast.made_up(500 if small else 20_000)
    one, other = _both(lambda where: forecast.ours(spaces, Y, where)[0], device)
    difference = np.abs(one - other)
    yield at_most("forecast", "r, median difference", float(np.median(difference)), 1e-5)
    yield at_most("forecast", "r, 99.9 % of targets differ by less", float(np.quantile(difference, 0.999)), 1e-2)


def effects(device: str, small: bool) -> Iterator[Row]:
    """Probabilities of the effects of correlated families on whitened time courses of a network."""
    n_problems, n_families, n_responses, n_volumes = (5 if small else 400), 40, 3, 300
    random = np.random.default_rng(0)
    X = random.standard_normal((n_problems, n_volumes, n_families)) + random.standard_normal((n_volumes, 1))
    X -= X.mean(axis=1, keepdims=True)
    Y = random.standard_normal((n_problems, n_volumes, n_responses)) + 0.3 * X[..., :2].sum(axis=2, keepdims=True)
    moments = X.mT @ X, X.mT @ Y, np.square(Y).sum(axis=(1, 2)), n_volumes - 1
    one, other = _both(lambda where: single_effects(*moments, device=where).inclusion(), device)
    yield at_most("effects", "probability, largest difference", float(np.abs(one - other).max()), 1e-4)


def repeats(device: str, small: bool) -> Iterator[Row]:
    """The same seed gives the same bits when something is computed again on one machine."""
    X = dictionary.made_up(200, 1_500 if small else 40_000)
    sizes = (200, 300, 400) if small else (600, 1_500, 10_000)
    features_, responses = ridge.made_up(*sizes)
    folds = contiguous_folds(sizes[0], 5)
    calls: dict[str, Callable[[], Array]] = {
        "dictionary": lambda: DictionaryLearning(16, device=device).fit(X).loadings_,
        "lasso": lambda: LassoCV(device=device).fit(*lasso.made_up(200 if small else 5_000)).coef_,
        "ridge": lambda: ridge.ours(features_[: sizes[0]], responses[: sizes[0]], folds, device).coef_,
    }
    for name, call in calls.items():
        yield at_most(name, "numbers that differ when computed again", float((call() != call()).sum()), 0)


def texts(device: str, small: bool) -> Iterator[Row]:
    """Activations of a small Llama in float32 and bfloat16; both against float32 on the processor."""
    words = features.story(120 if small else _WORDS)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "model")
        features.save_model(features.SHAPES["Llama-tiny"], folder, "cpu")
        reference = _read(folder, words, "cpu", "float32", Path(scratch, "reference"))
        for dtype, limit in (("float32", 1e-4), ("bfloat16", 5e-2)):
            found = _read(folder, words, device, dtype, Path(scratch, dtype))
            worst = max(_deviation(reference.layer(k), found.layer(k)) for k in range(reference.n_layers))
            yield at_most("features", f"{dtype}: root mean square difference, of the deviation", worst, limit)


def _read(folder: Path, words: list[str], device: str, dtype: str, cache: Path) -> Activations:
    return read_activations(load_model(folder, device=device, dtype=dtype), words, "ffn-out", "exact", cache)


def _deviation(one: Array, other: Array) -> float:
    return float(np.sqrt(np.mean(np.square(one - other))) / one.std())


PARTS = (dictionaries, lassos, ridges, forecasts, effects, repeats, texts)
