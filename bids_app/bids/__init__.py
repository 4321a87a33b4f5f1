"""Find runs, read words and BOLD, write derivatives: the only rooms that know BIDS and file formats."""
