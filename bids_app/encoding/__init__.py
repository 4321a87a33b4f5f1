"""Arrays in, arrays out: delays, folds, dictionary, lasso, ridge, scores, permutations."""
