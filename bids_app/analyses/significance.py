"""Statistics over participants, as maps: means, tests against zero, corrections, prevalence."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import numpy as np

from bids_app.analyses.collection import Collection, outputs_of
from bids_app.stats.arrays import Floats
from bids_app.stats.conjunction import partial_conjunction
from bids_app.stats.fdr import fdr
from bids_app.stats.prevalence import LEVEL, MASS, prevalence
from bids_app.stats.sign_flips import family_wise
from bids_app.stats.signed_rank import signed_rank

log = logging.getLogger("neurons2networks")

FEWEST_FOR_STATISTICS = 2
MOST_FOR_PREVALENCE = 10  # beyond, tests over participants say more
FEWEST_FOR_SIGNED_RANK = 6  # with which its two-sided p can be below 0.05
PREVALENCE_STATS = ("prevalence", "prevalencelow", "prevalencehigh")


def write_statistics(
    collection: Collection, out_dir: Path, desc: str, *, is_family_wise: bool = True, **extra: object
) -> Floats | None:
    """Write mean, signed-rank test against zero and its corrections for each map; returns q (n_maps, n_targets).

    q and family-wise p (sign flips, `is_family_wise`) are corrected within each map. None for a single participant.
    """
    writer, names = collection.writer(out_dir), collection.names
    fields = {**collection.shared_fields, **extra}
    q = None
    if len(collection.members) >= FEWEST_FOR_STATISTICS:
        w, p = collection.maps.of_maps(signed_rank)
        q = fdr(p, axis=1).astype(np.float32)
        writer.maps(desc, "w", w, names, **fields)
        writer.maps(desc, "p", p, names, **fields)
        writer.maps(desc, "q", q, names, **fields)
        if is_family_wise:
            writer.maps(desc, "pfwe", _family_wise(collection), names, **fields)
    fields = {"Participants": collection.participants, **fields}
    writer.maps(desc, "mean", collection.mean(), names, **fields)
    return q


def _family_wise(collection: Collection) -> Floats:
    """p corrected over the targets of each map by sign flips, (n_maps, n_targets), NaN where a participant has none."""
    stored, complete = collection.maps, collection.complete
    seed = int(collection.result_settings.get("random_seed", 0))
    p = np.full(stored.shape[1:], np.nan, dtype=np.float32)
    for row, corrected in enumerate(p):
        corrected[complete] = family_wise(stored.blocks(row), seed=seed, apply=stored.apply)
    return p


def write_few_participants(scores: Collection, out_dir: Path, desc: str) -> None:
    """Write what the p maps of few participants beside their `scores` show: prevalence, and q of the majority.

    Nothing without p maps, or with many participants. The majority is tested where the signed-rank test cannot be
    significant: is the effect in at least half of the participants, corrected within each map?
    """
    if not FEWEST_FOR_STATISTICS <= len(scores.members) <= MOST_FOR_PREVALENCE:
        return
    try:
        tests = scores.beside(out_dir, stat="p")
    except FileNotFoundError:
        return
    if tests.participants != scores.participants:
        log.warning(
            "%s: no prevalence and no test of the majority: not every participant with a score has p-values; run the "
            "participant level of those without them again",
            desc,
        )
        return
    recordings = Counter(output.participant for output in outputs_of(out_dir, tests.entities))
    # Of several recordings, twice the mean p is a valid p (Vovk and Wang 2020, Biometrika 107, 791–808).
    factor = np.array([1 + (recordings[label] > 1) for label in tests.participants])
    p = np.minimum(np.stack(list(tests.maps.participants())) * factor[:, None, None], 1)
    counts = np.where(tests.complete, (p < LEVEL).sum(axis=0), np.nan)
    fields = {
        **tests.shared_fields,
        "Participants": tests.participants,
        "LevelWithinParticipants": LEVEL,
        "IntervalMass": MASS,
    }
    writer, names = tests.writer(out_dir), None if tests.names == ["p"] else tests.names
    for stat, values in zip(PREVALENCE_STATS, prevalence(counts, len(tests.members)), strict=True):
        writer.maps(desc, stat, values, names, **fields)
    if len(tests.members) < FEWEST_FOR_SIGNED_RANK:
        of_majority = partial_conjunction(p, -(-len(p) // 2))
        q = fdr(np.where(tests.complete, of_majority, np.nan), axis=1).astype(np.float32)
        writer.maps(desc, "qmajority", q, names, Participants=tests.participants, **tests.shared_fields)
