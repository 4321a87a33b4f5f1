"""The machine of a run: memory, folders, locks, shared artefacts, completeness of OUT_DIR."""
