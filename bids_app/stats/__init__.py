"""Statistics of arrays: correlations, permutation tests, q, tests and intervals over participants."""
