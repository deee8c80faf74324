"""Servers of other projects with the same model and rows, each in its own environment."""
