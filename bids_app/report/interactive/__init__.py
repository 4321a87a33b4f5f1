"""Maps that readers turn, threshold and click in the page: what the scripts of the page are given."""
