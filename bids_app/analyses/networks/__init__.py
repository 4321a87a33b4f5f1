"""Atoms of a model's neurons, fitted to the brain and linked to its networks."""
