"""All analyses, in the order in which they are computed and told of in a methods section."""

from __future__ import annotations

from bids_app.analyses.brainscore.analysis import BRAINSCORE
from bids_app.analyses.depth.analysis import DEPTH
from bids_app.analyses.forecast.analysis import FORECAST
from bids_app.analyses.networks.analysis import NETWORKS
from bids_app.analyses.record import Analysis
from bids_app.analyses.variance.analysis import VARIANCE

ANALYSES: tuple[Analysis, ...] = (NETWORKS, BRAINSCORE, FORECAST, DEPTH, VARIANCE)
