"""Find runs, read words and BOLD, write derivatives: the only package that knows BIDS and file formats."""
