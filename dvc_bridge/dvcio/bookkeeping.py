"""DVC's bookkeeping, batched: what it does once a stage is done once a run.

Each replacement keeps DVC's result and only changes when or how often it is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import dvc.rwlock
from dvc.utils import relpath

from dvc_bridge.dvcio.ignore import Ignores, ordered_ignores


@contextmanager
def batched(repo: Any) -> Iterator[Ignores | None]:
    """All replacements, for the time of a run; yields the .gitignore one (None without git)."""
    with ExitStack() as stack:
        stack.enter_context(_without_rwlock())
        stack.enter_context(_buffered_links(repo.state))
        yield stack.enter_context(ordered_ignores(repo))


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
