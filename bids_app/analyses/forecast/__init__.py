"""Forecast: the gain from windows of words ahead, and the distance at which it is largest."""
