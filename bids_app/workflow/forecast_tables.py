"""Tables of the forecast over participants: curves over distances, and their peaks, region by region."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.forecast.distance import best_distance, group_distance, split_half
from bids_app.stats.fdr import fdr
from bids_app.stats.intervals import percentile_interval, resampled_means
from bids_app.workflow.collection import Doubles
from bids_app.workflow.comparison import SUMMARY_COLUMNS, summarise
from bids_app.workflow.regions import REGION_COLUMNS
from bids_app.workflow.significance import FEWEST_FOR_STATISTICS

Regions = dict[tuple[str, str], Doubles]  # means over the targets of a region, (n_participants, n_maps)

CURVE_COLUMNS = {
    **REGION_COLUMNS,
    "window": "`distance`, or `random` for windows of random words, a control.",
    "distance": "Words from the present one to the end of the window; negative in the past, a control too.",
    **SUMMARY_COLUMNS,
    "base": "Held-out correlation with the present word alone, mean over participants and targets.",
}
DISTANCE_COLUMNS = {
    **REGION_COLUMNS,
    "group_curve": "Distance at which the mean curve of the participants peaks.",
    "low": "Lower end of its 95 % bootstrap interval over participants.",
    "high": "Upper end of its 95 % bootstrap interval over participants.",
    "participants_mean": "Mean of the distances at which the participants' own curves peak; with noise, the middle.",
    "contrast": "F at the tested distance - F(0), mean over participants.",
    "contrast_p": "Two-sided p of its signed-rank test over participants.",
    "contrast_q": "The same, corrected for the number of regions of the atlas (Benjamini-Hochberg).",
    "split_half": "Words between the peaks of two halves of the participants, mean over random halves.",
    "split_half_null": "The same where each participant's curve is shifted circularly by an amount of its own.",
    "split_half_p": "How often shifted curves agree as well.",
    "cross_validated": "F at the peak of one half of the participants - F(0), both in the other half.",
    "participants": SUMMARY_COLUMNS["participants"],
}


def curve_table(distances: Sequence[int], gains: Regions, random: Regions, present: Regions) -> pd.DataFrame:
    """Rows for each region and distance, and one for its windows of random words, all draws together.

    `gains` has a column per distance, `random` one per draw, `present` one.
    """
    numbers = pd.array(list(distances), dtype="Int64")
    tables = []
    for place, values in gains.items():
        shared = {"base": present[place].mean() if place in present else np.nan}
        rows = summarise(values).assign(window="distance", distance=numbers, **shared)
        tables.append(of_region(place, rows))
        if place in random:
            rows = summarise(random[place].mean(axis=1, keepdims=True))
            rows = rows.assign(window="random", distance=pd.array([pd.NA], dtype="Int64"), **shared)
            tables.append(of_region(place, rows))
    return pd.concat(tables)[list(CURVE_COLUMNS)]


def of_region(place: tuple[str, str], rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with their atlas and region."""
    return rows.assign(atlas=place[0], region=place[1])


def distance_table(distances: Sequence[int], tested: int | None, gains: Regions, seed: int) -> pd.DataFrame:
    """A row for each region: where its curve peaks, how sure that is, and whether participants agree on it.

    Without a tested distance the contrast is missing.
    """
    group, own = group_distance(np.stack(list(gains.values()), axis=2), distances)

    def peak(curves: Doubles) -> npt.NDArray[np.floating]:
        return best_distance(curves, distances)

    low, high = np.array([interval_of(values, peak) for values in gains.values()]).T
    table = place_columns(gains).assign(group_curve=group, low=low, high=high, participants_mean=own)
    table = table.join(_contrasts(table["atlas"], distances, tested, gains))
    halves = [split_half(values, distances, seed=seed) for values in gains.values()]
    return table.assign(
        split_half=[half.difference for half in halves],
        split_half_null=[half.null_difference for half in halves],
        split_half_p=[half.p for half in halves],
        cross_validated=[half.cross_validated for half in halves],
        participants=[len(values) for values in gains.values()],
    )[list(DISTANCE_COLUMNS)]


def place_columns(regions: Regions) -> pd.DataFrame:
    """Atlas and region of each entry."""
    return pd.DataFrame(list(regions), columns=list(REGION_COLUMNS))


def interval_of(values: Doubles, peak: Callable[[Doubles], npt.NDArray[np.floating]]) -> Doubles:
    """Bootstrap interval over participants of the peak of their mean curve.

    `values` (n_participants, n_points); `peak` takes curves (n_points, n_draws). NaN for one participant.
    """
    if len(values) < FEWEST_FOR_STATISTICS:
        return np.full(2, np.nan)
    return percentile_interval(peak(resampled_means(values).T)[:, None])[:, 0]


def _contrasts(atlases: pd.Series, distances: Sequence[int], tested: int | None, gains: Regions) -> pd.DataFrame:
    """F(tested) − F(0) of each region with p, and q over the regions of the same atlas."""
    names = ["contrast", "contrast_p", "contrast_q"]
    if tested is None:
        return pd.DataFrame(np.nan, index=atlases.index, columns=names)
    here, present = list(distances).index(tested), list(distances).index(0)
    difference = np.stack([values[:, here] - values[:, present] for values in gains.values()], axis=1)
    found = summarise(difference)[["mean", "p"]]
    q = found["p"].groupby(atlases).transform(fdr)
    return found.assign(q=q).set_axis(names, axis=1)
