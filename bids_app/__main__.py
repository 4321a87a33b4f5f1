"""`python -m bids_app` is `neurons2networks`."""

from bids_app.cli import main

raise SystemExit(main())
