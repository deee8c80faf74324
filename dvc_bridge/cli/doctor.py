"""`dvc-bridge doctor`: what is wrong here, each with the command that fixes it."""

from __future__ import annotations

import os
import secrets
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dvc_bridge.app.remote_run import warn
from dvc_bridge.dvcio.atomic_files import check_writable
from dvc_bridge.dvcio.dvc_version import check_version, installed, missing
from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.dvcio.project import Project, config_as_dvc, find_project
from dvc_bridge.dvcio.reading.bridge_settings import read_settings
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.remotes.remote import Remote
from dvc_bridge.dvcio.session import Session
from dvc_bridge.engines.argo.client import Cluster
from dvc_bridge.engines.argo.doctor import check_cluster
from dvc_bridge.errors import BridgeError, UsageError, VersionMismatchError, of_system
from dvc_bridge.pipeline.settings import FILE, ArgoSettings, Settings
from dvc_bridge.pipeline.stage import Pipeline
from dvc_bridge.remote_run.run_store import FOLDER
from dvc_bridge.remote_run.upload import settings_for_pods

Check = Callable[[], str]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `fix` is empty where it is right."""

    what: str
    said: str
    fix: str = ""
    wrong: bool = False
    unsure: bool = False

    @property
    def mark(self) -> str:
        """The word that its line begins with."""
        return "wrong" if self.wrong else "?" if self.unsure else "ok"


def doctor(args: Namespace) -> int:
    """Look at everything that a run here needs, and print it."""
    del args
    findings = list(examine())
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        first, *more = [*finding.said.splitlines(), *([f"fix: {finding.fix}"] * bool(finding.fix))]
        print(f"{finding.mark:<5}  {finding.what:<{width}}  {first}")
        for line in more:
            print(f"{'':<5}  {'':<{width}}  {line}")
    if any(finding.wrong for finding in findings):
        raise UsageError("a run here would not work, see above")
    return 0


def examine() -> Iterator[Finding]:
    """Check what can be checked; what needs a thing that is wrong is left out."""
    yield _look("DVC", _dvc)
    found = _look("project", lambda: str(find_project().root))
    yield found
    if found.wrong:
        return
    project = find_project()
    yield _look("cache", lambda: _cache(project))
    pipeline = _look("pipeline", lambda: _pipeline(project))
    yield pipeline
    if not pipeline.wrong:
        yield _look("settings", lambda: _settings(project))
    yield _look("lock", lambda: _lock(project))
    yield _look("shell", _shell)
    if not pipeline.wrong:
        yield from _cluster(project)


def _look(what: str, check: Check) -> Finding:
    try:
        return Finding(what, check())
    except BridgeError as exc:
        return Finding(what, exc.message, exc.fix, wrong=True)
    except OSError as exc:
        if refused := of_system(exc):
            return Finding(what, refused.message, refused.fix, wrong=True)
        raise


def _dvc() -> str:
    check_version()
    if gone := missing():
        raise VersionMismatchError(
            f"DVC {installed()} lacks {', '.join(gone)}", "pip install 'dvc~=3.67.0'"
        )
    return f"version {installed()}"


def _cache(project: Project) -> str:
    check_writable(project.cache)
    above = next(up for up in (project.cache, *project.cache.parents) if up.exists())
    status = os.statvfs(above)
    return f"{project.cache}, {status.f_bavail * status.f_frsize / 1e9:.1f} GB free"


def _settings(project: Project) -> str:
    if not (project.root / FILE).exists():
        return f"no {FILE} is needed"
    settings = read_settings(project, read_pipeline(project))
    words = ", ".join(settings.mutexes)
    return f"{FILE}: mutexes {words}" if words else f"{FILE}: nothing wrong"


def _pipeline(project: Project) -> str:
    pipeline = read_pipeline(project)
    files = len({stage.file for stage in pipeline.stages})
    return f"{_count(len(pipeline.stages), 'stage')} in {_count(files, 'file')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _lock(project: Project) -> str:
    with RepositoryLock(project).held():
        return "no other DVC process is at work here"


def _image(settings: Settings, pipeline: Pipeline) -> str:
    """Say what the image must have; whether a node can start it, only a pod can tell."""
    stages = (stage.address for stage in pipeline.stages if stage.for_pods)
    if not (images := settings.images(stages)):
        return "no stage needs one"
    return f"{', '.join(images)}: must have dvc {installed()}, as here, and dvc-bridge"


def _remote(project: Project) -> str:
    """Write a file into the remote, and remove it: pods will do that from where they are."""
    with RepositoryLock(project).held(), Session(project, warn) as session:
        remote = Remote(session.repo)
        path = remote.path(FOLDER, f"doctor-{secrets.token_hex(4)}")
        remote.put(path, b"")
        remote.remove(path)
        return f"{remote.name}, {remote.url}, can be written to from here"


def _credentials(project: Project, pipeline: Pipeline, argo: ArgoSettings) -> str:
    settings = settings_for_pods(pipeline, config_as_dvc(project.root), argo)
    names = ", ".join(section.split('"')[1] for section in settings if '"' in section)
    return f"pods get the settings of {names}; secrets come from {_secrets(argo)}"


def _secrets(argo: ArgoSettings) -> str:
    named = [*argo.secrets, *(secret for secret, _ in argo.secret_files)]
    return ", ".join(named) or f"the account {argo.service_account}"


def _cluster(project: Project) -> Iterator[Finding]:
    """Look at the cluster if dvc-bridge.yaml has to do with one and is right otherwise."""
    pipeline = read_pipeline(project)
    try:
        settings = read_settings(project, pipeline)
    except BridgeError:
        return
    argo = settings.argo
    if argo == ArgoSettings():
        return
    yield _look("image", lambda: _image(settings, pipeline))
    yield _look("remote", lambda: _remote(project))
    yield _look("credentials", lambda: _credentials(project, pipeline, argo))
    try:
        cluster = Cluster.connect(argo.namespace)
    except BridgeError as exc:
        yield Finding("cluster", exc.message, exc.fix, wrong=True)
        return
    for check in check_cluster(cluster, argo.service_account, argo.secrets):
        wrong, unsure = check.ok is False, check.ok is None
        yield Finding(check.what, check.said, check.fix, wrong, unsure)


def _shell() -> str:
    shell = os.environ.get("SHELL") or "/bin/sh"
    if not os.access(shell, os.X_OK):
        raise UsageError(f"$SHELL is {shell}, which cannot be run", "export SHELL=/bin/sh")
    return shell
