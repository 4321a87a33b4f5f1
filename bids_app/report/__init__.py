"""Figures and HTML, from files in OUT_DIR only."""
