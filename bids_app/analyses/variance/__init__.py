"""Unique variance of present, future and past words."""
