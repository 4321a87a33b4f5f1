"""Precision and recall of links between families and networks, against planted links."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from tests.parcel_neurons import correlation

Floats = npt.NDArray[np.float64]

SAME = 0.7  # |r| from which two time courses are those of one family
OPPOSITE = {"active": "deactive", "deactive": "active"}


@dataclass(frozen=True)
class Score:
    """Links found: how many, how many of them true, how many planted ones they cover of how many; shares, or NaN."""

    found: int
    true: int
    covered: int
    planted: int

    @property
    def precision(self) -> float:
        """Share of the found links that were planted."""
        return self.true / self.found if self.found else np.nan

    @property
    def recall(self) -> float:
        """Share of the planted links that were found."""
        return self.covered / self.planted if self.planted else np.nan


def score_links(
    links: pd.DataFrame,
    courses: Floats,
    planted: pd.DataFrame,
    planted_courses: Floats,
    *,
    signed: bool = True,
    reproducible: bool = False,
) -> Score:
    """Compare links (columns family, from 0; network; part; optionally linked) of families with planted ones.

    A family stands for every planted one that its time course has |r| ≥ 0.7 with; a negative r turns the part. Parts
    are not compared where links are not `signed`. `reproducible` leaves the other planted families out of what could
    be found; a link of one of them still counts as true.
    """
    r = correlation(courses, planted_courses)

    def key(family: int, network: str, part: str) -> tuple[int, str, str]:
        return int(family), network, part if signed else "either"

    def keys(table: pd.DataFrame) -> set[tuple[int, str, str]]:
        return {key(*row) for row in zip(table["family"], table["network"], table["part"], strict=True)}

    truth = keys(planted)
    asked = keys(planted[planted["reproducible"]]) if reproducible else truth
    found = links[links["linked"].astype(bool)] if "linked" in links else links
    true, covered = 0, set()
    for family, network, part in zip(found["family"].astype(int), found["network"], found["part"], strict=True):
        meant = {
            key(int(number), network, part if r[family, number] > 0 else OPPOSITE[part])
            for number in np.flatnonzero(np.abs(r[family]) >= SAME)
        }
        true += bool(meant & truth)
        covered |= meant & asked
    return Score(len(found), true, len(covered), len(asked))
