"""Metrics and params of a git revision, as DVC reads them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import UsageError

# Path of a file from the project's root -> its content.
Values = Mapping[str, Any]


def revision_values(project: Project, revision: str, name: str) -> tuple[Values, Values]:
    """Return the metrics and the params of a revision, by file.

    Parameters
    ----------
    name
        The name of the revision in messages.

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
            metrics = _only(repo.metrics.show(revs=[revision]))
            params = _only(repo.params.show(revs=[revision], deps_only=True))
        if error := metrics.get("error") or params.get("error"):
            raise error
    except (DvcException, SCMError, AttributeError) as exc:  # the last: it names no commit
        raise UsageError(
            f"DVC cannot read revision {name}: {exc}", "name another: --base REV"
        ) from exc
    return _values(metrics), _values(params)


def _only(shown: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what DVC found for the one revision; it can add the current files."""
    found = (files for name, files in shown.items() if name not in ("", "workspace"))
    return next(found, {})


def _values(shown: Mapping[str, Any]) -> Values:
    """Return the content of each file that could be read."""
    return {path: file["data"] for path, file in shown.get("data", {}).items() if "data" in file}
