"""Statistics over participants, as maps: means, signed-rank tests against zero, q."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bids_app.analyses.collection import Collection
from bids_app.stats.arrays import Floats
from bids_app.stats.fdr import fdr
from bids_app.stats.signed_rank import signed_rank

FEWEST_FOR_STATISTICS = 2


def write_statistics(collection: Collection, out_dir: Path, desc: str, **extra: object) -> Floats | None:
    """Write mean, signed-rank test against zero and FDR for each map; returns q (n_maps, n_targets) or None."""
    writer, names = collection.writer(out_dir), collection.names
    fields = {**collection.shared_fields, **extra}
    q = None
    if len(collection.members) >= FEWEST_FOR_STATISTICS:
        w, p = collection.maps.of_maps(signed_rank)
        q = fdr(p, axis=1).astype(np.float32)
        writer.maps(desc, "w", w, names, **fields)
        writer.maps(desc, "p", p, names, **fields)
        writer.maps(desc, "q", q, names, **fields)
    fields = {"Participants": collection.participants, **fields}
    writer.maps(desc, "mean", collection.mean(), names, **fields)
    return q
