"""neurons2networks: which groups of a language model's neurons behave like which functional brain networks.

The public names of the library are loaded at first use, which keeps `import bids_app` fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers, editors and the API page; `_HOMES` is the same for Python
    from bids_app.encoding.ceiling import noise_ceiling
    from bids_app.encoding.cleaning import clean
    from bids_app.encoding.design.delays import delay
    from bids_app.encoding.design.folds import content_folds, contiguous_folds
    from bids_app.encoding.design.haemodynamics import neuron_responses
    from bids_app.encoding.dictionary import DictionaryLearning, Families, ReproducibleDictionary, find_families
    from bids_app.encoding.lasso import LassoCV
    from bids_app.encoding.ridge import RidgeCV
    from bids_app.encoding.susie import single_effects
    from bids_app.forecast.depth import best_layer
    from bids_app.forecast.distance import best_distance
    from bids_app.forecast.scores import forecast_scores
    from bids_app.forecast.variance import unique_variance
    from bids_app.language.activations import Activations, read_activations
    from bids_app.language.autoencoder import Autoencoder
    from bids_app.language.features import FeatureActivations, read_features
    from bids_app.language.lesions import lesion
    from bids_app.language.localiser import Localised, localise
    from bids_app.language.models import LanguageModel, load_model
    from bids_app.language.surprisal import surprisal
    from bids_app.networks.atlas import Atlas, load_atlas
    from bids_app.networks.conditional import conditional_links
    from bids_app.networks.overlap import dice
    from bids_app.networks.spins import relabelling_test, spin_test
    from bids_app.stats.correlation import pearson_r
    from bids_app.stats.fdr import fdr
    from bids_app.stats.intervals import bootstrap_interval
    from bids_app.stats.permutation import permutation_test

__version__ = "0.1.0"

# The module of each public name. A module may move; these names stay.
_HOMES = {
    "Activations": "language.activations",
    "Atlas": "networks.atlas",
    "Autoencoder": "language.autoencoder",
    "DictionaryLearning": "encoding.dictionary",
    "Families": "encoding.dictionary",
    "FeatureActivations": "language.features",
    "LanguageModel": "language.models",
    "LassoCV": "encoding.lasso",
    "Localised": "language.localiser",
    "ReproducibleDictionary": "encoding.dictionary",
    "RidgeCV": "encoding.ridge",
    "best_distance": "forecast.distance",
    "best_layer": "forecast.depth",
    "bootstrap_interval": "stats.intervals",
    "clean": "encoding.cleaning",
    "conditional_links": "networks.conditional",
    "content_folds": "encoding.design.folds",
    "contiguous_folds": "encoding.design.folds",
    "delay": "encoding.design.delays",
    "dice": "networks.overlap",
    "fdr": "stats.fdr",
    "find_families": "encoding.dictionary",
    "forecast_scores": "forecast.scores",
    "lesion": "language.lesions",
    "load_atlas": "networks.atlas",
    "load_model": "language.models",
    "localise": "language.localiser",
    "neuron_responses": "encoding.design.haemodynamics",
    "noise_ceiling": "encoding.ceiling",
    "pearson_r": "stats.correlation",
    "permutation_test": "stats.permutation",
    "read_activations": "language.activations",
    "read_features": "language.features",
    "relabelling_test": "networks.spins",
    "single_effects": "encoding.susie",
    "spin_test": "networks.spins",
    "surprisal": "language.surprisal",
    "unique_variance": "forecast.variance",
}

__all__ = [
    "Activations",
    "Atlas",
    "Autoencoder",
    "DictionaryLearning",
    "Families",
    "FeatureActivations",
    "LanguageModel",
    "LassoCV",
    "Localised",
    "ReproducibleDictionary",
    "RidgeCV",
    "best_distance",
    "best_layer",
    "bootstrap_interval",
    "clean",
    "conditional_links",
    "content_folds",
    "contiguous_folds",
    "delay",
    "dice",
    "fdr",
    "find_families",
    "forecast_scores",
    "lesion",
    "load_atlas",
    "load_model",
    "localise",
    "neuron_responses",
    "noise_ceiling",
    "pearson_r",
    "permutation_test",
    "read_activations",
    "read_features",
    "relabelling_test",
    "single_effects",
    "spin_test",
    "surprisal",
    "unique_variance",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module, once."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
