"""Atlases, correspondence, sub-groups and the organisation of a model."""
