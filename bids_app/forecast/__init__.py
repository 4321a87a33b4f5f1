"""Distance, depth and uniqueness of the prediction of the brain from words ahead."""
