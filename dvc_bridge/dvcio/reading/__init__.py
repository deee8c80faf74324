"""Readers of dvc.yaml, params files and dvc-bridge.yaml."""
