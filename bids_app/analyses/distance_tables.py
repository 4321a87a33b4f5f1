"""Tables of the forecast over participants: curves over distances, and their peaks, region by region."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.collection import Doubles
from bids_app.analyses.comparison import summarise
from bids_app.analyses.region_tables import Regions, interval_of, of_region, region_columns
from bids_app.forecast.distance import best_distance, group_distance, split_half
from bids_app.stats.fdr import fdr


def curve_table(distances: Sequence[int], gains: Regions, random: Regions, present: Regions) -> pd.DataFrame:
    """Rows for each region and distance, and one for windows of random words over all draws.

    `gains` has a column per distance, `random` one per draw, `present` one.
    """
    numbers = pd.array(list(distances), dtype="Int64")
    tables = []
    for region, values in gains.items():
        shared = {"base": present[region].mean() if region in present else np.nan}
        rows = summarise(values).assign(window="distance", distance=numbers, **shared)
        tables.append(of_region(region, rows))
        if region in random:
            rows = summarise(random[region].mean(axis=1, keepdims=True))
            rows = rows.assign(window="random", distance=pd.array([pd.NA], dtype="Int64"), **shared)
            tables.append(of_region(region, rows))
    return pd.concat(tables)


def distance_table(distances: Sequence[int], tested: int | None, gains: Regions, seed: int) -> pd.DataFrame:
    """A row for each region: the peak of its curve, its uncertainty, and the agreement of participants.

    Without a tested distance, the contrast is missing.
    """
    group, participants_mean = group_distance(np.stack(list(gains.values()), axis=2), distances)

    def peak(curves: Doubles) -> npt.NDArray[np.floating]:
        return best_distance(curves, distances)

    low, high = np.array([interval_of(values, peak) for values in gains.values()]).T
    table = region_columns(gains).assign(group_curve=group, low=low, high=high, participants_mean=participants_mean)
    table = table.join(_contrasts(table["atlas"], distances, tested, gains))
    halves = [split_half(values, distances, seed=seed) for values in gains.values()]
    return table.assign(
        split_half=[half.difference for half in halves],
        split_half_null=[half.null_difference for half in halves],
        split_half_p=[half.p for half in halves],
        cross_validated=[half.cross_validated for half in halves],
        participants=[len(values) for values in gains.values()],
    )


def _contrasts(atlases: pd.Series, distances: Sequence[int], tested: int | None, gains: Regions) -> pd.DataFrame:
    """F(tested) − F(0) of each region with p, and q over the regions of the same atlas."""
    names = ["contrast", "contrast_p", "contrast_q"]
    if tested is None:
        return pd.DataFrame(np.nan, index=atlases.index, columns=names)
    here, present = list(distances).index(tested), list(distances).index(0)
    difference = np.stack([values[:, here] - values[:, present] for values in gains.values()], axis=1)
    contrasts = summarise(difference)[["mean", "p"]]
    q = contrasts["p"].groupby(atlases).transform(fdr)
    return contrasts.assign(q=q).set_axis(names, axis=1)
