"""Gain: what training a model to forecast its own states adds to its brain score."""
