"""The stage that an entry of a dvc.yaml describes; this module reads no file."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dvc_bridge.pipeline.lock_entry import LockEntry
from dvc_bridge.pipeline.stage import Dependency, Output, Params, Stage

DEFAULT_PARAMS = "params.yaml"
SECTIONS = ("outs", "metrics", "plots")


def stage_of_entry(
    root: Path,
    file: str,
    name: str,
    data: Mapping[str, Any],
    lock: LockEntry | None,
    group: str = "",
) -> Stage:
    """Return the stage of an entry of a dvc.yaml.

    Parameters
    ----------
    root
        The project's root; paths in it are made relative to it, and no file is read.
    file
        The dvc.yaml, from the root.
    data
        The entry with its templates resolved, after `schema.check_entry`.
    lock
        The stage's entry in dvc.lock; None if there is none.
    group
        The name of the foreach or matrix that generates the stage.
    """
    wdir = posixpath.normpath(posixpath.join(posixpath.dirname(file), data.get("wdir") or "."))
    return Stage(
        file=file,
        name=name,
        cmd=data["cmd"],
        wdir=wdir,
        deps=tuple(Dependency(*resolve_path(root, wdir, path)) for path in data.get("deps") or ()),
        params=tuple(
            _params_of_file(root, wdir, path, keys)
            for path, keys in _keys_by_file(data.get("params") or ()).items()
        ),
        outs=tuple(_outs(root, wdir, data)),
        frozen=bool(data.get("frozen", False)),
        always_changed=bool(data.get("always_changed", False)),
        group=group,
        data=data,
        lock=lock,
    )


def resolve_path(root: Path, wdir: str, path: str) -> tuple[str, str, bool]:
    """Return the path as in dvc.lock, its location, and whether that is in the project.

    The location is relative to the root if it is in the project or a parent folder of it.
    """
    if "://" in path:
        return path, path, False
    base = str(root)
    absolute = os.path.normpath(os.path.join(base, wdir, path))  # noqa: PTH118  thousands of strings
    if f"{base}/".startswith(f"{absolute}/".replace("//", "/")) and absolute != base:
        return path, os.path.relpath(absolute, base), False
    if not f"{absolute}/".startswith(f"{base}/"):
        return path, absolute, False
    location = os.path.relpath(absolute, base)
    if os.path.isabs(path):  # noqa: PTH117  a string
        path = os.path.relpath(absolute, os.path.join(base, wdir))  # noqa: PTH118
    return path, location, True


def _params_of_file(root: Path, wdir: str, path: str, keys: tuple[str, ...]) -> Params:
    resolved, location, is_local = resolve_path(root, wdir, path)
    lock_path = posixpath.relpath(location, wdir) if is_local else resolved
    return Params(path, location, keys, lock_path if lock_path != path else "")


def _keys_by_file(items: Any) -> dict[str, tuple[str, ...]]:
    """Return the keys that a stage reads of each params file; no keys: the whole file."""
    mappings = [item for item in items if isinstance(item, dict)]
    whole_files = {path for item in mappings for path, keys in item.items() if not keys}
    keys_by_file: dict[str, list[str]] = {}
    for item in items:
        if isinstance(item, str):
            if DEFAULT_PARAMS not in whole_files:
                keys_by_file.setdefault(DEFAULT_PARAMS, []).append(item)
            continue
        for path, keys in item.items():
            keys_by_file.setdefault(path, []).extend([] if path in whole_files else keys)
    return {path: tuple(keys) for path, keys in keys_by_file.items()}


def _outs(root: Path, wdir: str, data: Mapping[str, Any]) -> Iterator[Output]:
    for section in SECTIONS:
        merged: dict[str, dict[str, Any]] = {}
        for item in data.get(section) or ():
            for path, flags in item.items() if isinstance(item, dict) else [(item, {})]:
                merged.setdefault(path, {}).update(flags)
        for path, flags in merged.items():
            cached, persist = flags.get("cache", True), flags.get("persist", False)
            yield Output(*resolve_path(root, wdir, path), cached, persist, section != "outs")
