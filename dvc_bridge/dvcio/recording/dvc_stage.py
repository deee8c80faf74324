"""The steps of `dvc repro` for one stage; the caller runs the command."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from packaging.version import Version

from dvc_bridge.dvcio.atomic_files import remove_tree
from dvc_bridge.dvcio.cache_layout import object_path
from dvc_bridge.dvcio.hashes import LARGE_BYTES, Hashes, signature_of
from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import IntegrityError, MissingInputError
from dvc_bridge.pipeline.lock_entry import Pointer
from dvc_bridge.pipeline.stage import DVC_YAML, Stage

# DVC 3.48.4 does not set DVC_STAGE for commands; 3.55.2 does (tested).
STAGE_NAMED_SINCE = "3.49"


class DvcOutcome(Enum):
    """What `begin` has done with a stage, or what the caller must do next."""

    UNCHANGED = "unchanged"
    RECORDED = "recorded"
    RESTORED = "restored"
    COMMAND = "command"


@dataclass(frozen=True)
class Command:
    """The shell commands of one stage, to be run one after the other."""

    lines: list[str]
    argv: list[list[str]]
    cwd: str
    env: Mapping[str, str]


def clear(project: Project, stage: Stage) -> None:
    """Remove the stage's outs of an earlier run, except those with `persist: true`."""
    for out in stage.outs:
        if out.persist or not out.local:
            continue
        remove_tree(project.root / out.at)


def begin(
    stage: Any, *, force: bool, upstream: Sequence[Any] | None = None, run_cache: bool = True
) -> DvcOutcome:
    """Let DVC check the stage and prepare it for its command.

    Parameters
    ----------
    upstream
        The stages directly upstream, if missing data do not count as changes.
    run_cache
        Whether results of earlier runs with the same inputs are restored.

    Returns
    -------
    DvcOutcome
        COMMAND: run `command(stage)`, then `finish`. RESTORED: the outs come from the run cache;
        call `finish`. RECORDED: DVC has recorded the stage (data, imports, frozen stages).
        UNCHANGED: nothing to do.

    Raises
    ------
    MissingInputError
        The source of data or of an import is missing.
    """
    from dvc.stage.cache import RunCacheNotFoundError  # noqa: PLC0415  the caller has opened DVC
    from dvc.stage.exceptions import MissingDataSource  # noqa: PLC0415

    allow_missing = upstream is not None
    if not stage.cmd or stage.frozen:
        try:
            reproduced = stage.reproduce(
                force=force, allow_missing=allow_missing, upstream=upstream
            )
        except MissingDataSource as exc:
            fix = f"run dvc pull {stage.addressing}, or run again with --pull"
            raise MissingInputError(str(exc), fix) from exc
        return DvcOutcome.RECORDED if reproduced else DvcOutcome.UNCHANGED
    if not force and not stage.changed(allow_missing, upstream):
        return DvcOutcome.UNCHANGED
    stage.remove_outs(ignore_remove=False, force=False)
    if force:
        return DvcOutcome.COMMAND
    try:
        stage.repo.stage_cache.restore(stage, run_cache=run_cache)
    except RunCacheNotFoundError:
        stage.save_deps()
        return DvcOutcome.COMMAND
    return DvcOutcome.RESTORED


def command(project: Project, stage: Stage, env: Mapping[str, str]) -> Command:
    """Return the commands of this stage as DVC starts them (dvc/stage/run.py).

    Parameters
    ----------
    env
        The environment of all commands of the run.
    """
    lines = stage.command_lines
    shell = os.environ.get("SHELL") or "/bin/sh"
    options = {"zsh": ["--no-rcs"], "bash": ["--noprofile", "--norc"]}.get(
        posixpath.basename(shell).lower(), []
    )
    dvc_yaml = project.shown(stage.file)
    variables = {"DVC_ROOT": env.get("DVC_ROOT", str(project.root))}
    if _sets_dvc_stage():
        is_root_file = dvc_yaml == DVC_YAML
        variables["DVC_STAGE"] = stage.name if is_root_file else f"{dvc_yaml}:{stage.name}"
    return Command(
        lines,
        [[shell, *options, "-c", line] for line in lines],
        str(project.root / stage.wdir),
        {**env, **variables},
    )


@cache
def _sets_dvc_stage() -> bool:
    """Return whether this DVC sets DVC_STAGE; cached, because `version` reads a file."""
    return Version(version("dvc")) >= Version(STAGE_NAMED_SINCE)


def finish(stage: Any, *, allow_missing: bool = False, commit: bool = True) -> None:
    """Hash and store the outs of the command, and write the run-cache entry.

    Parameters
    ----------
    allow_missing
        Whether deps and outs may be missing.
    commit
        Whether to store the outs; otherwise they are only hashed.
    """
    run_cache = commit and all(travels(out) for out in stage.outs)
    stage.save(allow_missing=allow_missing, run_cache=run_cache)
    if commit:
        stage.commit(allow_missing=allow_missing)


def entry(stage: Any) -> dict[str, Any]:
    """Return the dvc.lock entry of the stage as it is now."""
    from dvc.stage.serialize import to_single_stage_lockfile  # noqa: PLC0415  as in `begin`

    lock_entry: dict[str, Any] = to_single_stage_lockfile(stage)
    return lock_entry


def learn(stage: Any, hashes: Hashes) -> None:
    """Store the hashes that DVC has computed, so that the next run does not compute them again."""
    state, fs = stage.repo.state, stage.repo.fs
    for path, md5 in _files(stage):
        with suppress(OSError):
            info = os.stat(path)  # noqa: PTH116  a string
            if info.st_size <= LARGE_BYTES:
                hashes.learn(path, md5)
                continue
            # Reading a large file again takes long, so trust the hash in DVC's state database.
            _, hash_info = state.get(path, fs)
            if hash_info and hash_info.value == md5:
                hashes.trust(path, signature_of(info), md5)


def check(stage: Any, hashes: Hashes, cache: Path) -> None:
    """Check outs that came from the cache: DVC does not verify the bytes of its objects.

    Raises
    ------
    IntegrityError
        The bytes of an object do not match its name.
    """
    damaged = [
        f"{cache / object_path(md5)}: its bytes do not match its name"
        for path, md5 in _files(stage)
        if (hashes.pointer(path, large=True) or Pointer({})).get("md5") != md5
    ]
    if damaged:
        raise IntegrityError("\n".join(damaged), "delete it, then run dvc pull, or run again")


def _files(stage: Any) -> Iterator[tuple[str, str]]:
    """Yield path and md5 of each file of the stage's outs, from DVC's stage object."""
    for out in stage.outs:
        if not out.is_in_repo or out.hash_name != "md5" or not out.hash_info:
            continue
        if out.hash_info.isdir:
            for parts, _, info in out.obj or ():
                yield str(Path(out.fs_path, *parts)), info.value
        else:
            yield out.fs_path, out.hash_info.value


def travels(out: Any) -> bool:
    """Return whether DVC's run cache can hold the out: it is cached, or a metric or plot."""
    return bool(out.use_cache or out.is_metric or out.is_plot)


def base_environment() -> dict[str, str]:
    """Return the environment of commands, without the changes of pyenv's launcher."""
    if "PYENV_ROOT" in os.environ or "PYENV_DIR" in os.environ or _is_frozen():
        from dvc.utils import fix_env  # noqa: PLC0415  a twentieth of a second

        environment: dict[str, str] = fix_env(None)
        return environment
    return dict(os.environ)


def _is_frozen() -> bool:
    return bool(os.environ.get("LD_LIBRARY_PATH_ORIG"))
