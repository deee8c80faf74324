"""The DVC project inside of Metaflow's code package: packed here, unpacked in a pod."""

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
    """What a pod must know of the project beside its files."""

    sha256: str  # of the archive
    root: str  # the project's folder within it
    git: bool
    revision: str | None
    dirty: bool
    settings: dict[str, dict[str, str]]  # of the DVC remotes, without secrets


def pack(root: Path, folder: Path, *, ask_remote: bool) -> None:
    """Write the project at `root`, as it stands, into a folder: archive and facts.

    The archive holds what git tracks or would track: nothing that git ignores, no file that DVC
    tracks, nothing that is called like a secret.

    Parameters
    ----------
    ask_remote
        Check that the DVC remote answers, and has the data that stages read.

    Raises
    ------
    UsageError
        There is no project, it has no remote by which pods get its data, or that lacks data.
    StorageError
        The remote does not answer.
    """
    # Imported late: steps need none of it.
    from dvc_bridge.dvcio.locks import RepositoryLock  # noqa: PLC0415
    from dvc_bridge.dvcio.project import find_project  # noqa: PLC0415
    from dvc_bridge.dvcio.reading.bridge_settings import read_settings  # noqa: PLC0415
    from dvc_bridge.dvcio.reading.pipeline import read_pipeline  # noqa: PLC0415
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
    """Return what the code package says of the project; None where the code is not out of one."""
    file = _in_package(FACTS)
    if file is None:
        return None
    facts: Packed = json.loads(file.read_bytes())
    return facts


def project_folder(root: Path) -> Path:
    """Return the folder of the DVC project, wherever the step runs.

    In a pod that is the project out of the code package, in a folder of its own that may be
    written to; else `root` itself.

    Raises
    ------
    UsageError
        There is no project at `root`, and none in the code package.
    IntegrityError
        The code package is damaged.
    """
    if (facts := packed()) is not None:
        return _unpacked(facts["sha256"])
    if not (root / ".dvc").is_dir():
        raise UsageError(
            f"{root} is no DVC project, and there is none in the code package",
            "decorate the flow with @dvc_project(root=...), the folder that holds .dvc",
        )
    return root


@cache
def _unpacked(sha256: str) -> Path:
    from dvc_bridge.worker.checkout import unpack_code  # noqa: PLC0415  a laptop needs none of it

    facts, archive = packed(), _in_package(ARCHIVE)
    if facts is None or archive is None:
        raise IntegrityError(f"the code package has lost its {ARCHIVE}", "run or create again")
    code = Path(_scratch().name).resolve() / "code"
    project = unpack_code(
        archive.read_bytes(), sha256, code, facts["root"], facts["settings"], git=facts["git"]
    )
    return project.root


@cache
def _scratch() -> TemporaryDirectory[str]:
    """Make a folder that lasts as long as the process."""
    return TemporaryDirectory(prefix="dvc-project-", ignore_cleanup_errors=True)


def _in_package(name: str) -> Path | None:
    found = MetaflowCodeContent.get_filename(name, ContentType.OTHER_CONTENT)
    return Path(found) if found else None


def _warn(text: str) -> None:
    print(f"dvc-bridge: {text}", file=sys.stderr)
