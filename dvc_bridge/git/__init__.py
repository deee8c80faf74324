"""Revisions and what to commit."""
