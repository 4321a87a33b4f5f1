"""Lesions: what breaks in the model, and in its fit to each network, without a network's sub-group of neurons."""
