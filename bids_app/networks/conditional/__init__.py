"""Links of families with networks: which family carries a response, and not merely resembles one that does."""

from bids_app.networks.conditional._design import Design, shifted_rows
from bids_app.networks.conditional._gate import Gate, open_gate
from bids_app.networks.conditional._links import conditional_links, expected_false_share
from bids_app.networks.conditional._probabilities import MEANINGFUL, link_probabilities
from bids_app.networks.conditional._space import conditional_maps, spatial_p

__all__ = [
    "MEANINGFUL",
    "Design",
    "Gate",
    "conditional_links",
    "conditional_maps",
    "expected_false_share",
    "link_probabilities",
    "open_gate",
    "shifted_rows",
    "spatial_p",
]
