"""The analyses, one folder each, and their shared modules: writer, collection over participants, scoring, curves."""
