"""The group level of unique variance, over participants."""

from __future__ import annotations

import pandas as pd

from bids_app.analyses.collection import Collection
from bids_app.analyses.comparison import Row, summarise
from bids_app.analyses.region_tables import of_region, too_few
from bids_app.analyses.significance import write_statistics
from bids_app.analyses.variance.options import VarianceOptions


def summarise_variance(collection: Collection, settings: VarianceOptions) -> list[Row]:
    """Write the maps and the table of the unique variance."""
    desc, out_dir = collection.entities["desc"], settings.out_dir
    write_statistics(collection, out_dir, desc, **too_few(collection, settings))
    tables = [
        of_region(region, summarise(values).assign(space=collection.names))
        for region, values in collection.region_means(out_dir).items()
    ]
    collection.writer(out_dir).table(desc, pd.concat(tables))
    return []
