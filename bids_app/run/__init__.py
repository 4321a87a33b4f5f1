"""The levels of a run: checks, jobs, records."""
