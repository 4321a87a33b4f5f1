"""The machine that a run meets: memory, folders, locks, artefacts made once, what stands in OUT_DIR and is whole."""
