"""Make the demo of predictive coding: a region that follows the present word, one the words ahead, one neither."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from bids_app.demo.dataset import NetworkSpace, Options, name_of_model, prepare, told_options, write_runs
from bids_app.demo.forecast_planting import Features, find_features, plan_regions, respond_to_words
from bids_app.demo.layered_model import write_layered_model
from bids_app.demo.layout import FORECAST_README, write_settings
from bids_app.demo.scans import Scan, heard
from bids_app.demo.truth import ForecastTruth, write_forecast_truth
from bids_app.language.models import load_model

DEFAULTS = Options(stories=1, snr=0.4, n_volumes=600)
# About 2 words per second, 3 per volume: a slow reader. The delays of an analysis also cover a response that comes
# early, so 8 words must take as long as a haemodynamic response needs to rise; faster stories flatten the curve.
_PACE = 1.4


def generate_forecast(target: Path, options: Options = DEFAULTS, ahead: int = 8) -> ForecastTruth:
    """Write the data set into the folder `target`, which must be empty or missing, and return what was planted.

    `ahead` is how many words ahead of the present one the word is that drives the second region.

    Raises ValueError for options that are impossible, FileExistsError when `target` holds files.
    """
    if ahead < 1:
        raise ValueError(f"ahead={ahead}; it must be at least 1 word (the present word drives a region of its own).")
    ground = prepare(target, options, FORECAST_README, _PACE)
    given = options.model or write_layered_model(target / "sourcedata" / "models", ground.texts, options.seed)
    model = name_of_model(given)
    features = _features(model, ground, ahead, options.seed) if options.snr > 0 else None
    regions = plan_regions(ground.head.networks, ahead, features.layer if features else None, options.seed)
    drive = partial(respond_to_words, head=ground.head, regions=regions, features=features)
    write_runs(target, ground, partial(drive, snr=options.snr, seed=options.seed), options)
    settings: dict[str, object] = {
        "analysis": ["forecast", "depth"],
        "model": [model],
        "atlas": str(ground.atlas),
        "regions": "none",  # the demo's networks are its regions; nothing to fetch
    }
    write_settings(target, settings | ({"layer": str(features.layer)} if features else {}))
    told = {
        "plant": "forecast",
        **told_options(options, ground, model),
        "ahead": ahead,
        "layer": features.layer if features else None,
        "n_layers": features.n_layers if features else None,
        "words_per_volume": round(_words_per_volume(ground), 2),
    }
    truth = ForecastTruth(regions, _course_table(ground.scans, features), told)
    write_forecast_truth(target, truth)
    return truth


def _features(model: str, ground: NetworkSpace, ahead: int, seed: int) -> Features:
    return find_features(load_model(model, device="cpu"), ground.scans, ground.words, ahead, seed)


def _words_per_volume(ground: NetworkSpace) -> float:
    """Timed words per volume of the stories."""
    pairs = list(zip(ground.scans, ground.words, strict=True))
    n_words = sum(int(np.isfinite(heard(scan, story)[0]).sum()) for scan, story in pairs)
    return n_words / sum(len(scan.kept) for scan in ground.scans)


def _course_table(scans: Sequence[Scan], features: Features | None) -> pd.DataFrame:
    """Time courses of the features: story, volume, kept, and a column for each, such as ahead-01."""
    tables = []
    for scan in scans:
        volumes = np.arange(scan.n_volumes)
        table = pd.DataFrame({"story": scan.task, "volume": volumes, "kept": np.isin(volumes, scan.kept)})
        for planted, courses in (features.courses if features else {}).items():
            numbered = enumerate(courses[scan.task].T, start=1)
            table = table.assign(**{f"{planted}-{number:02d}": course for number, course in numbered})
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
