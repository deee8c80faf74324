"""Measure what a run in pods costs, against targets; docs/scale.md has the results."""
