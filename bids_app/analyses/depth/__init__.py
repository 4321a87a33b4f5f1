"""Forecast depth: the layer whose words ahead add most."""
