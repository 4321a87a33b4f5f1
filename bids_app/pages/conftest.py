"""OUT_DIRs with known values, as the tests of `report` make them."""

from bids_app.pages.conftest_browser import chromium, surface_page, volume_page  # noqa: F401
from bids_app.report.conftest import parcels_out, surface_out  # noqa: F401
