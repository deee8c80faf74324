"""Patches that batch DVC's records: written once per run instead of once per stage.

Each patch keeps DVC's result and changes only when or how often DVC writes it. One more refuses an
out that DVC would store damaged.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import dvc.rwlock
import dvc.utils.serialize
from dvc.stage.cache import _get_stage_hash
from dvc.utils import relpath

from dvc_bridge.dvcio.recording.copy_check import checked_copies
from dvc_bridge.dvcio.recording.gitignore import GitignoreFiles, ordered_ignores
from dvc_bridge.dvcio.recording.lock_yaml import entry_text
from dvc_bridge.dvcio.recovery import RecoveryLog


@contextmanager
def batched(repo: Any, recovery_log: RecoveryLog | None) -> Iterator[GitignoreFiles | None]:
    """Apply all patches in the block; yield the .gitignore writer (None without git)."""
    with ExitStack() as stack:
        stack.enter_context(_without_rwlock())
        stack.enter_context(_buffered_links(repo.state))
        stack.enter_context(_fast_run_cache_entries())
        stack.enter_context(_without_empty_entries(repo.stage_cache))
        stack.enter_context(checked_copies(repo.cache.local, repo.root_dir))
        yield stack.enter_context(ordered_ignores(repo, recovery_log))


@contextmanager
def _without_rwlock() -> Iterator[None]:
    """Disable DVC's path locks, which edit a JSON file 18 times per stage: the run has its own."""

    @contextmanager
    def unlocked(*_: object) -> Iterator[None]:
        yield

    original = dvc.rwlock.rwlock
    dvc.rwlock.rwlock = unlocked
    try:
        yield
    finally:
        dvc.rwlock.rwlock = original


@contextmanager
def _fast_run_cache_entries() -> Iterator[None]:
    """Write run-cache entries with `entry_text`: the same bytes in a tenth of the time."""

    def dump_yaml(path: str, data: Any, *args: Any, **kwargs: Any) -> None:
        if args or kwargs or not isinstance(data, dict) or "cmd" not in data:
            original(path, data, *args, **kwargs)
            return
        Path(path).write_text(entry_text(data), encoding="utf-8")

    original = dvc.utils.serialize.dump_yaml
    dvc.utils.serialize.dump_yaml = dump_yaml
    try:
        yield
    finally:
        dvc.utils.serialize.dump_yaml = original


@contextmanager
def _without_empty_entries(stage_cache: Any) -> Iterator[None]:
    """Remove an entry's folder that a kill left empty: DVC would fail on it in every run."""

    def load(stage: Any) -> Any:
        if key := _get_stage_hash(stage):
            with suppress(OSError):  # the folder is not empty, or does not exist
                Path(stage_cache._get_cache_dir(key)).rmdir()
        return original(stage)

    original = stage_cache._load
    stage_cache._load = load
    try:
        yield
    finally:
        del stage_cache._load


@contextmanager
def _buffered_links(state: Any) -> Iterator[None]:
    """Save links in one transaction; DVC opens and closes the state database for each link."""
    links: dict[str, tuple[int, str]] = {}

    def set_link(path: str, inode: int, mtime: str) -> None:
        links[relpath(path, state.root_dir)] = (inode, mtime)

    state.set_link = set_link
    try:
        yield
    finally:
        del state.set_link
        if links:
            with state.links as database, database.transact():
                for path, link in links.items():
                    database[path] = link


@contextmanager
def unprompted() -> Iterator[None]:
    """Refuse what DVC would ask the user about, because a view owns the terminal."""
    from dvc import prompt  # noqa: PLC0415  the caller has opened DVC

    original = prompt.confirm
    prompt.confirm = lambda _: False
    try:
        yield
    finally:
        prompt.confirm = original
