"""DVC's bookkeeping, batched: what it does once a stage is done once a run.

Each replacement keeps DVC's result and only changes when or how often it is written.
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

from dvc_bridge.dvcio.recording.gitignore import GitignoreFiles, ordered_ignores
from dvc_bridge.dvcio.recording.lock_yaml import entry_text
from dvc_bridge.dvcio.recovery import RecoveryLog


@contextmanager
def batched(repo: Any, unfinished: RecoveryLog | None) -> Iterator[GitignoreFiles | None]:
    """All replacements, for the time of a run; yields the .gitignore one (None without git)."""
    with ExitStack() as stack:
        stack.enter_context(_without_rwlock())
        stack.enter_context(_buffered_links(repo.state))
        stack.enter_context(_quick_entries())
        stack.enter_context(_without_empty_runs(repo.stage_cache))
        yield stack.enter_context(ordered_ignores(repo, unfinished))


@contextmanager
def _without_rwlock() -> Iterator[None]:
    """The run takes the locks of its stages itself; DVC would edit a JSON file 18 times a stage."""

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
def _quick_entries() -> Iterator[None]:
    """Entries of the run cache are written by `emit`: the same bytes in a tenth of the time."""

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
def _without_empty_runs(stage_cache: Any) -> Iterator[None]:
    """Drop the folder that a kill has left without its entry: DVC would fail on it for ever."""

    def load(stage: Any) -> Any:
        if key := _get_stage_hash(stage):
            with suppress(OSError):  # it holds something, or is not there
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
    """Links go to the state database in one transaction: DVC opens and closes it for each."""
    links: dict[str, tuple[int, str]] = {}

    def set_link(path: str, inode: int, mtime: str) -> None:
        links[relpath(path, state.root_dir)] = (inode, mtime)

    state.set_link = set_link
    try:
        yield
    finally:
        del state.set_link
        if links:
            with state.links as known, known.transact():
                for path, link in links.items():
                    known[path] = link
