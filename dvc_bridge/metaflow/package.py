"""Pack the DVC project into Metaflow's code package, and unpack it in a pod."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict

from metaflow.packaging_sys import ContentType, MetaflowCodeContent

from dvc_bridge.errors import IntegrityError, UsageError

ARCHIVE, FACTS = "dvc-project.tar.gz", "dvc-project.json"


class Packed(TypedDict):
    """Facts about the project that a pod needs in addition to its files."""

    sha256: str  # the hash of the archive
    root: str  # the project's folder within the archive
    git: bool
    revision: str | None
    dirty: bool
    settings: dict[str, dict[str, str]]  # the settings of the DVC remotes, without secrets


def pack(root: Path, folder: Path, *, ask_remote: bool) -> None:
    """Write the current project at `root` into a folder, as an archive and a file of facts.

    The archive contains the files that git tracks or would track. It excludes files that git
    ignores, files that DVC tracks, and files whose names suggest a secret.

    Parameters
    ----------
    ask_remote
        Check that the DVC remote responds and has the data that stages read.

    Raises
    ------
    UsageError
        There is no project, it has no remote that pods can read, or the remote lacks data.
    StorageError
        The remote does not respond.
    """
    # Imported late: steps do not need these modules.
    from dvc_bridge.dvcio.locks import RepositoryLock  # noqa: PLC0415
    from dvc_bridge.dvcio.project import find_project  # noqa: PLC0415
    from dvc_bridge.dvcio.reading.pipeline import read_pipeline  # noqa: PLC0415
    from dvc_bridge.dvcio.reading.settings import read_settings  # noqa: PLC0415
    from dvc_bridge.dvcio.remotes.config import pod_settings  # noqa: PLC0415
    from dvc_bridge.dvcio.remotes.transfer import Objects  # noqa: PLC0415
    from dvc_bridge.dvcio.session import Session  # noqa: PLC0415
    from dvc_bridge.metaflow.stage_specs import revision_of  # noqa: PLC0415
    from dvc_bridge.remote_run.upload import (  # noqa: PLC0415
        check_sent,
        remote_names,
        snapshot_of,
    )

    project = find_project(root)
    with RepositoryLock(project).held(), Session(project, _warn) as session:
        pipeline = read_pipeline(project)
        settings = pod_settings(session.repo.config, remote_names(pipeline), None)
        if ask_remote:
            check_sent(pipeline, Objects(session, ""))
        allow = read_settings(project, pipeline).allow
        snapshot = snapshot_of(project, pipeline, allow, _warn)
    revision, dirty = revision_of(project)
    facts = Packed(
        sha256=snapshot.sha256,
        root=project.root.relative_to(project.git_root or project.root).as_posix(),
        git=project.git_root is not None,
        revision=revision,
        dirty=dirty,
        settings=settings,
    )
    (folder / ARCHIVE).write_bytes(snapshot.archive)
    (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")


def packed() -> Packed | None:
    """Return the facts in the code package; None if the code does not run from a code package."""
    file = _package_file(FACTS)
    if file is None:
        return None
    facts: Packed = json.loads(file.read_bytes())
    return facts


def project_folder(root: Path) -> Path:
    """Return the folder of the DVC project, on this machine or in a pod.

    In a pod, this is a writable folder with the project from the code package; otherwise it is
    `root` itself.

    Raises
    ------
    UsageError
        There is no project at `root`, and none in the code package.
    IntegrityError
        The code package is damaged.
    """
    if (facts := packed()) is not None:
        return _unpack_project(facts["sha256"])
    if not (root / ".dvc").is_dir():
        raise UsageError(
            f"{root} is not a DVC project, and the code package does not contain one",
            "decorate the flow with @dvc_project(root=...), where root is the folder with .dvc",
        )
    return root


@cache
def _unpack_project(sha256: str) -> Path:
    from dvc_bridge.worker.project_copy import unpack_code  # noqa: PLC0415  only pods need it

    facts, archive = packed(), _package_file(ARCHIVE)
    if facts is None or archive is None:
        raise IntegrityError(
            f"the code package does not contain {ARCHIVE}", "run or create the flow again"
        )
    code = Path(_create_scratch().name).resolve() / "code"
    project = unpack_code(
        archive.read_bytes(), sha256, code, facts["root"], facts["settings"], git=facts["git"]
    )
    return project.root


@cache
def _create_scratch() -> TemporaryDirectory[str]:
    """Create a folder that exists as long as the process."""
    return TemporaryDirectory(prefix="dvc-project-", ignore_cleanup_errors=True)


def _package_file(name: str) -> Path | None:
    filename = MetaflowCodeContent.get_filename(name, ContentType.OTHER_CONTENT)
    return Path(filename) if filename else None


def _warn(text: str) -> None:
    print(f"dvc-bridge: {text}", file=sys.stderr)
