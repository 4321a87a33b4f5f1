"""The synthetic data set with known truth."""
