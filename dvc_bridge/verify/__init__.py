"""Checks that a run ends where `dvc repro` ends."""
