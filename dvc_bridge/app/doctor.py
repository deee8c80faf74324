"""Checks of everything that a run needs, each with the command that fixes a problem."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator

from dvc_bridge.app.current_folder import Warn
from dvc_bridge.dvcio.cache_check import check_writable
from dvc_bridge.dvcio.dvc_version import check_version, installed, missing
from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.dvcio.project import Project, config_as_dvc, find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.reading.settings import read_settings
from dvc_bridge.dvcio.remotes.remote import Remote
from dvc_bridge.dvcio.session import Session
from dvc_bridge.engines.base import Engine, Finding
from dvc_bridge.engines.registry import engine_type
from dvc_bridge.errors import BridgeError, UsageError, VersionMismatchError, of_system
from dvc_bridge.pipeline.argo_settings import ArgoSettings
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.pipeline.settings_file import FILE
from dvc_bridge.pipeline.stage import Pipeline
from dvc_bridge.remote_run.run_store import FOLDER
from dvc_bridge.remote_run.upload import remote_names


def examine(engine: str | None = None, *, warn: Warn) -> Iterator[Finding]:
    """Yield the result of each check, without checks that depend on a failed one.

    Parameters
    ----------
    engine
        The engine to check; None: the one that dvc-bridge.yaml names.
    warn
        Receives each warning.
    """
    yield _check("DVC", _dvc)
    root = _check("project", lambda: str(find_project().root))
    yield root
    if root.is_ok is False:
        return
    project = find_project()
    yield _check("cache", lambda: _cache(project))
    pipeline = _check("pipeline", lambda: _pipeline(project))
    yield pipeline
    if pipeline.is_ok:
        yield _check("settings", lambda: _settings(project))
    yield _check("lock", lambda: _lock(project))
    yield _check("shell", _shell)
    if pipeline.is_ok:
        yield from _remote_run(project, engine, warn)


def _check(subject: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, True, check())
    except BridgeError as exc:
        return Finding(subject, False, exc.message, exc.fix)
    except OSError as exc:
        if error := of_system(exc):
            return Finding(subject, False, error.message, error.fix)
        raise


def _dvc() -> str:
    check_version()
    if names := missing():
        raise VersionMismatchError(
            f"DVC {installed()} lacks {', '.join(names)}", "pip install 'dvc~=3.67.0'"
        )
    return f"version {installed()}"


def _cache(project: Project) -> str:
    check_writable(project.cache)
    existing = next(up for up in (project.cache, *project.cache.parents) if up.exists())
    status = os.statvfs(existing)
    return f"{project.cache}, {status.f_bavail * status.f_frsize / 1e9:.1f} GB free"


def _settings(project: Project) -> str:
    if not (project.root / FILE).exists():
        return f"no {FILE}; it is optional"
    settings = read_settings(project, read_pipeline(project))
    mutexes = ", ".join(settings.mutexes)
    return f"{FILE}: mutexes {mutexes}" if mutexes else f"{FILE}: valid"


def _pipeline(project: Project) -> str:
    pipeline = read_pipeline(project)
    files = len({stage.file for stage in pipeline.stages})
    return f"{_count(len(pipeline.stages), 'stage')} in {_count(files, 'file')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _lock(project: Project) -> str:
    with RepositoryLock(project).held():
        return "no other DVC process is running here"


def _shell() -> str:
    shell = os.environ.get("SHELL") or "/bin/sh"
    if not os.access(shell, os.X_OK):
        raise UsageError(f"$SHELL is {shell}, which cannot be run", "export SHELL=/bin/sh")
    return shell


def _remote_run(project: Project, name: str | None, warn: Warn) -> Iterator[Finding]:
    """Check remote and engine, if dvc-bridge.yaml has settings for a remote run."""
    try:
        pipeline = read_pipeline(project)
        settings = read_settings(project, pipeline)
    except BridgeError:
        return
    if name is None and settings.argo == ArgoSettings() and not settings.is_remote:
        return
    try:
        engine = engine_type(name or settings.engine)
    except BridgeError as exc:
        yield Finding("engine", False, exc.message, exc.fix)
        return
    yield _check("remote", lambda: _remote(project, warn))
    yield _check("credentials", lambda: _credentials(project, pipeline, engine, settings))
    yield from engine.doctor(project, settings)


def _remote(project: Project, warn: Warn) -> str:
    """Check that this machine can write a file to the remote and remove it."""
    with RepositoryLock(project).held(), Session(project, warn) as session:
        remote = Remote(session.repo)
        path = remote.path(FOLDER, f"doctor-{secrets.token_hex(4)}")
        remote.put(path, b"")
        remote.remove(path)
        return f"{remote.name}, {remote.url}, is writable from here"


def _credentials(
    project: Project, pipeline: Pipeline, engine: type[Engine], settings: Settings
) -> str:
    names = remote_names(pipeline)
    sections = engine.store_settings(config_as_dvc(project.root), names, settings)
    remotes = ", ".join(section.split('"')[1] for section in sections if '"' in section)
    return f"workers get the settings of {remotes}; {engine.credentials(settings)}"
