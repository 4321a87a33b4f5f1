"""The levels of a run in order: what is checked, which jobs there are, what is left behind."""
