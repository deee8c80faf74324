"""Checks that a run leaves the same state as `dvc repro`."""
