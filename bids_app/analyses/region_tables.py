"""Tables of the group level with a row per region, shared by the analyses that look ahead."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.collection import Collection, Doubles
from bids_app.analyses.significance import FEWEST_FOR_STATISTICS
from bids_app.bids.catalogue import REGION_COLUMNS
from bids_app.shared_options.scores import GroupOptions
from bids_app.stats.intervals import percentile_interval, resampled_means
from bids_app.stats.signed_rank import shortfall

log = logging.getLogger("neurons2networks")
PEAKS = ["group-curve", "participants-mean"]
EVERYWHERE = ("all", "all")


def too_few(collection: Collection, settings: GroupOptions) -> dict[str, Any]:
    """Note for sidecars, also logged, if there are too few participants for a significant result."""
    note = shortfall(len(collection.members), settings.significance)
    if note is None:
        return {}
    log.warning("%s: %s", collection.title, note)
    return {"Note": note}


Regions = dict[tuple[str, str], Doubles]  # means over the targets of a region, (n_participants, n_maps)


def of_region(region: tuple[str, str], rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with their atlas and region."""
    return rows.assign(atlas=region[0], region=region[1])


def region_columns(regions: Regions) -> pd.DataFrame:
    """Atlas and region of each entry."""
    return pd.DataFrame(list(regions), columns=list(REGION_COLUMNS))


def interval_of(values: Doubles, peak: Callable[[Doubles], npt.NDArray[np.floating]]) -> Doubles:
    """Bootstrap interval over participants of the peak of their mean curve.

    `values` (n_participants, n_points); `peak` takes curves (n_points, n_draws). NaN for one participant.
    """
    if len(values) < FEWEST_FOR_STATISTICS:
        return np.full(2, np.nan)
    return percentile_interval(peak(resampled_means(values).T)[:, None])[:, 0]
