"""The selection as seen from the current folder, and the type of warnings.

This module stays apart from `context`, whose imports would slow down `plan` and `repro`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from dvc_bridge.dvcio.project import Project
from dvc_bridge.planning.targets import Selection

# Receives each warning of a use case.
Warn = Callable[[str], object]


def from_here(selection: Selection, project: Project) -> Selection:
    """Return the selection as seen from the current directory, with the folders in its targets."""
    targets = selection.targets if selection.recursive else ()
    folders = frozenset(target for target in targets if Path(target).is_dir())
    folder = os.path.relpath(Path.cwd().resolve(), project.root)
    return replace(selection, folder=folder, folders=folders)
