"""Links of families with networks: which family carries a response, and does not merely resemble one that does."""

from bids_app.networks.conditional._design import Design, shifted_rows
from bids_app.networks.conditional._gate import Gate, open_gate
from bids_app.networks.conditional._links import (
    Evidence,
    conditional_links,
    expected_false_share,
    link_table,
    spatial_evidence,
    temporal_evidence,
)
from bids_app.networks.conditional._pieces import MOST_PIECES, STRIDE, NetworkSeries, consecutive_pieces, network_series
from bids_app.networks.conditional._probabilities import MEANINGFUL, Probabilities, link_probabilities
from bids_app.networks.conditional._space import conditional_maps, marginal_maps, spatial_p

__all__ = [
    "MEANINGFUL",
    "MOST_PIECES",
    "STRIDE",
    "Design",
    "Evidence",
    "Gate",
    "NetworkSeries",
    "Probabilities",
    "conditional_links",
    "conditional_maps",
    "consecutive_pieces",
    "expected_false_share",
    "link_probabilities",
    "link_table",
    "marginal_maps",
    "network_series",
    "open_gate",
    "shifted_rows",
    "spatial_evidence",
    "spatial_p",
    "temporal_evidence",
]
