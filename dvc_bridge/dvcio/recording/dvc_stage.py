"""One stage, in the steps that `dvc repro` takes, with the command left to the caller."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from packaging.version import Version

from dvc_bridge.dvcio.atomic_files import remove_tree
from dvc_bridge.dvcio.hashes import LARGE_BYTES, Hashes, signature_of
from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import IntegrityError, MissingInputError
from dvc_bridge.pipeline.stage import DVC_YAML, Stage

# Tried: 3.48.4 does not tell a command which stage it is, 3.55.2 does.
STAGE_NAMED_SINCE = "3.49"


class DvcOutcome(Enum):
    """What a stage needs after its state has been looked at."""

    UNCHANGED = "unchanged"
    RECORDED = "recorded"
    RESTORED = "restored"
    COMMAND = "command"


@dataclass(frozen=True)
class Command:
    """The shells of one stage, to be started one after the other."""

    lines: list[str]
    argv: list[list[str]]
    cwd: str
    env: Mapping[str, str]


def clear(project: Project, stage: Stage) -> None:
    """Remove what an earlier run left at the stage's outs, but for those that persist."""
    for out in stage.outs:
        if out.persist or not out.local:
            continue
        remove_tree(project.root / out.at)


def begin(stage: Any, *, force: bool) -> DvcOutcome:
    """Let DVC look at the stage and clear the way for its command.

    COMMAND: run `command(stage)`, then `finish`. RESTORED: the run cache had it, call `finish`.
    RECORDED: DVC has dealt with it (data, imports, frozen stages). UNCHANGED: nothing to do.
    """
    from dvc.stage.cache import RunCacheNotFoundError  # noqa: PLC0415  the caller has opened DVC
    from dvc.stage.exceptions import MissingDataSource  # noqa: PLC0415

    if not stage.cmd or stage.frozen:
        try:
            return DvcOutcome.RECORDED if stage.reproduce(force=force) else DvcOutcome.UNCHANGED
        except MissingDataSource as exc:
            raise MissingInputError(str(exc), f"dvc pull {stage.addressing}") from exc
    if not force and not stage.changed():
        return DvcOutcome.UNCHANGED
    stage.remove_outs(ignore_remove=False, force=False)
    if force:
        return DvcOutcome.COMMAND
    try:
        stage.repo.stage_cache.restore(stage)
    except RunCacheNotFoundError:
        stage.save_deps()
        return DvcOutcome.COMMAND
    return DvcOutcome.RESTORED


def command(project: Project, stage: Stage, env: Mapping[str, str]) -> Command:
    """What to start for this stage, as DVC would start it (dvc/stage/run.py).

    Parameters
    ----------
    env
        The environment that every command of the run gets.
    """
    cmd = stage.cmd or ""
    lines = cmd if isinstance(cmd, list) else cmd.splitlines()
    shell = os.environ.get("SHELL") or "/bin/sh"
    options = {"zsh": ["--no-rcs"], "bash": ["--noprofile", "--norc"]}.get(
        posixpath.basename(shell).lower(), []
    )
    shown = project.shown(stage.file)
    own = {"DVC_ROOT": env.get("DVC_ROOT", str(project.root))}
    if _names_stages():
        own["DVC_STAGE"] = stage.name if shown == DVC_YAML else f"{shown}:{stage.name}"
    return Command(
        lines,
        [[shell, *options, "-c", line] for line in lines],
        str(project.root / stage.wdir),
        {**env, **own},
    )


@cache
def _names_stages() -> bool:
    """Whether this DVC tells commands which stage they are; asked once, since it reads a file."""
    return Version(version("dvc")) >= Version(STAGE_NAMED_SINCE)


def finish(stage: Any) -> None:
    """Hash and store what the command left, with its run-cache entry."""
    stage.save(run_cache=all(travels(out) for out in stage.outs))
    stage.commit()


def entry(stage: Any) -> dict[str, Any]:
    """What dvc.lock says of the stage as it is now."""
    from dvc.stage.serialize import to_single_stage_lockfile  # noqa: PLC0415  as in `begin`

    found: dict[str, Any] = to_single_stage_lockfile(stage)
    return found


def learn(stage: Any, hashes: Hashes) -> None:
    """Remember what DVC has hashed, so that the next run need not."""
    state, fs = stage.repo.state, stage.repo.fs
    for path, md5 in _files(stage):
        with suppress(OSError):
            info = os.stat(path)  # noqa: PTH116  a string
            if info.st_size <= LARGE_BYTES:
                hashes.learn(path, md5)
                continue
            # Reading it again takes long: DVC's memory is as good as DVC itself.
            _, known = state.get(path, fs)
            if known and known.value == md5:
                hashes.trust(path, signature_of(info), md5)


def check(stage: Any, hashes: Hashes, cache: Path) -> None:
    """Check what has come out of the cache: DVC trusts the names of its objects.

    Raises
    ------
    IntegrityError
        The bytes of an object are not what its name says.
    """
    wrong = [
        f"{cache / 'files' / 'md5' / md5[:2] / md5[2:]}: its bytes are not what its name says"
        for path, md5 in _files(stage)
        if (hashes.pointer(path, large=True) or {}).get("md5") != md5
    ]
    if wrong:
        raise IntegrityError("\n".join(wrong), "delete it, then dvc pull, or run again")


def _files(stage: Any) -> Iterator[tuple[str, str]]:
    """The files of a stage's outs as DVC's object has them: path and md5."""
    for out in stage.outs:
        if not out.is_in_repo or out.hash_name != "md5" or not out.hash_info:
            continue
        if out.hash_info.isdir:
            for parts, _, info in out.obj or ():
                yield str(Path(out.fs_path, *parts)), info.value
        else:
            yield out.fs_path, out.hash_info.value


def travels(out: Any) -> bool:
    """Whether DVC's run cache can hold the out: cached, or else a metric or plot."""
    return bool(out.use_cache or out.is_metric or out.is_plot)


def base_environment() -> dict[str, str]:
    """The environment of commands, without what pyenv's launcher put into it."""
    if "PYENV_ROOT" in os.environ or "PYENV_DIR" in os.environ or _is_frozen():
        from dvc.utils import fix_env  # noqa: PLC0415  a twentieth of a second

        fixed: dict[str, str] = fix_env(None)
        return fixed
    return dict(os.environ)


def _is_frozen() -> bool:
    return bool(os.environ.get("LD_LIBRARY_PATH_ORIG"))
