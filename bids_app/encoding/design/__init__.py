"""What predicts: words per volume, responses to them, delays, components; and the folds of the volumes."""
