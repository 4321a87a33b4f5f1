"""Evidence for the scores: nuisance band, leaks, timing, what drives an atom, and a panel of all checks."""
