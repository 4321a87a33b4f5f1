"""Figures and HTML, from the files in OUT_DIR alone."""
