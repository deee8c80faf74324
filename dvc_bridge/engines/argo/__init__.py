"""Argo Workflows as an engine."""
