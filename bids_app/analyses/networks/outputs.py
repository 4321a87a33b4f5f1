"""Outputs of the analysis of networks, in the order of docs/outputs.md."""

from __future__ import annotations

from bids_app.analyses.networks.dictionary_outputs import (
    ATOM_COURSES,
    FAMILIES,
    FAMILY_COURSES,
    FAMILY_LOADINGS,
    FAMILY_MEMBERS,
    LOADINGS,
    LOCALISER,
    RESTART_COURSES,
)
from bids_app.analyses.networks.link_outputs import (
    FAMILY_LINKS,
    GROUP_FAMILY_LINKS,
    GROUP_LINKS,
    LINKS,
    NETWORK_COURSES,
)
from bids_app.analyses.networks.map_outputs import (
    ATOM_MAPS,
    FAMILY_MAPS,
    FAMILY_PARCEL_MAPS,
    GROUP_ATOM_MAPS,
    GROUP_FAMILY_FIT_MAPS,
    GROUP_FAMILY_FIT_SCORES,
    GROUP_FAMILY_MAPS,
    GROUP_FIT_MAPS,
    GROUP_FIT_SCORES,
    PARCEL_MAPS,
)
from bids_app.analyses.networks.organisation_outputs import (
    ATOM_MATCHING,
    FAMILY_MATCHING,
    ORGANISATION,
    SUBGROUPS,
)

OUTPUTS = (
    FAMILY_COURSES,
    RESTART_COURSES,
    FAMILIES,
    FAMILY_MEMBERS,
    FAMILY_LOADINGS,
    LOCALISER,
    ATOM_COURSES,
    LOADINGS,
    FAMILY_MAPS,
    FAMILY_PARCEL_MAPS,
    FAMILY_LINKS,
    NETWORK_COURSES,
    ATOM_MAPS,
    PARCEL_MAPS,
    LINKS,
    SUBGROUPS,
    ORGANISATION,
    GROUP_FAMILY_MAPS,
    GROUP_FAMILY_FIT_MAPS,
    GROUP_FAMILY_LINKS,
    GROUP_FAMILY_FIT_SCORES,
    FAMILY_MATCHING,
    GROUP_ATOM_MAPS,
    GROUP_FIT_MAPS,
    GROUP_LINKS,
    GROUP_FIT_SCORES,
    ATOM_MATCHING,
)
