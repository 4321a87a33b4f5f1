"""The analyses, one folder each, and what they share: the writer, the collection over participants, scoring, curves."""
