"""Engines, which carry out the tasks of remote runs."""
