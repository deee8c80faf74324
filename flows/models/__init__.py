"""Candidates, scores, gates, plots, and the bundle that the server loads."""
