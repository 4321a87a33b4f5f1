"""The small world of the links, for tests of the group."""

from bids_app.networks.conditional.conftest import world

__all__ = ["world"]
