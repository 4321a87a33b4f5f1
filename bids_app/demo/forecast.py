"""Make the demo of predictive coding: a region that follows the present word, one the words ahead, one neither."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from bids_app.demo.dataset import check_options, name_of_model, plan_scans, tell, write_head, write_runs
from bids_app.demo.derivative import SPACES
from bids_app.demo.forecast_planting import Features, find_features, plan_regions, respond_to_words
from bids_app.demo.layered_model import write_layered_model
from bids_app.demo.layout import FORECAST_README, participant_labels, write_raw, write_settings
from bids_app.demo.scans import REPETITION_TIME, Scan, heard
from bids_app.demo.truth import ForecastTruth, write_forecast_truth
from bids_app.language.labels import model_label
from bids_app.language.models import load_model

DEFAULT_SNR = 0.4
DEFAULT_AHEAD = 8  # words
# About 2 words per second, 3 per volume: a slow reader. The delays of an analysis also cover a response that comes
# early, so 8 words must take as long as a haemodynamic response needs to rise; faster stories flatten the curve.
_PACE = 1.4


def generate_forecast(
    target: Path,
    *,
    participants: int = 3,
    stories: int = 1,
    snr: float = DEFAULT_SNR,
    ahead: int = DEFAULT_AHEAD,
    model: Path | None = None,
    annotations: Path | None = None,
    atlas: Path | None = None,
    spaces: Sequence[str] = SPACES,
    seed: int = 0,
    n_volumes: int = 600,
) -> ForecastTruth:
    """Write the data set into the folder `target`, which must be empty or missing, and return what was planted.

    The parameters are those of `generate.generate`, and

    ahead : how many words ahead of the present one the word is that drives the second region

    Raises ValueError for options that are impossible, FileExistsError when `target` holds files.
    """
    check_options(target, participants, stories, snr, spaces)
    if ahead < 1:
        raise ValueError(f"ahead={ahead}; it must be at least 1 word (the present word drives a region of its own).")
    scans = plan_scans(stories, n_volumes, annotations)
    words = tell(target, scans, annotations, seed, _PACE)
    labels = participant_labels(participants)
    write_raw(target, labels, scans, FORECAST_README)
    head, atlas_file = write_head(target, atlas, seed)
    texts = [" ".join(story.text) for story in words]
    folder = target / "sourcedata" / "models"
    name = name_of_model(model or write_layered_model(folder, texts, seed))
    features = find_features(load_model(name, device="cpu"), scans, words, ahead, seed) if snr > 0 else None
    regions = plan_regions(head.networks, ahead, features.layer if features else None, seed)
    respond = partial(respond_to_words, head=head, regions=regions, features=features, snr=snr, seed=seed)
    write_runs(target, labels, scans, head, respond, spaces=spaces, seed=seed)
    settings: dict[str, object] = {
        "analysis": ["forecast", "depth"],
        "model": [name],
        "atlas": str(atlas_file),
        "regions": "none",  # the demo's networks are its regions; nothing to fetch
    }
    write_settings(target, settings | ({"layer": str(features.layer)} if features else {}))
    n_words = sum(int(np.isfinite(heard(scan, story)[0]).sum()) for scan, story in zip(scans, words, strict=True))
    options = {
        "plant": "forecast",
        "participants": participants,
        "stories": [scan.task for scan in scans],
        "snr": snr,
        "ahead": ahead,
        "model": name,
        "model_label": model_label(name),
        "layer": features.layer if features else None,
        "n_layers": features.n_layers if features else None,
        "words_per_volume": round(n_words / sum(len(scan.kept) for scan in scans), 2),
        "atlas": str(atlas) if atlas else None,
        "annotations": str(annotations) if annotations else None,
        "spaces": list(spaces),
        "seed": seed,
        "repetition_time": REPETITION_TIME,
        "audio_onset": scans[0].audio_onset,
    }
    truth = ForecastTruth(regions, _course_table(scans, features), options)
    write_forecast_truth(target, truth)
    return truth


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
