"""Metrics and params of a git revision, as DVC reads them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import UsageError

# Path of a file from the project's root -> its content.
Values = Mapping[str, Any]


def revision_values(project: Project, revision: str) -> tuple[Values, Values]:
    """Return the metrics and the params of a revision, by file.

    Raises
    ------
    UsageError
        There is no such revision, or DVC cannot read it.
    """
    from dvc.exceptions import DvcException  # noqa: PLC0415  half a second
    from dvc.repo import Repo  # noqa: PLC0415
    from dvc.scm import SCMError  # noqa: PLC0415

    try:
        with closing(Repo(str(project.root))) as repo:
            metrics = repo.metrics.show(revs=[revision])
            params = repo.params.show(revs=[revision], deps_only=True)
    except (DvcException, SCMError) as exc:
        raise UsageError(
            f"DVC cannot read revision {revision}: {exc}", "name another: --base REV"
        ) from exc
    return _of_revision(project, metrics), _of_revision(project, params)


def _of_revision(project: Project, shown: Mapping[str, Any]) -> Values:
    """Return the content of each file that could be read; DVC's paths start at this folder."""
    found = [files for name, files in shown.items() if name not in ("", "workspace")]
    files = found[0].get("data", {}) if found else {}
    return {
        Path(os.path.relpath(Path.cwd() / path, project.root)).as_posix(): file["data"]
        for path, file in files.items()
        if "data" in file
    }
