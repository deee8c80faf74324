"""Decisions about a pipeline, without input or output."""
