"""The file of the settings, for commands that need no settings without it."""

from __future__ import annotations

FILE = "dvc-bridge.yaml"
