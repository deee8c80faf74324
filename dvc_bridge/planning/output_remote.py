"""The remote of a stage's out, as set in dvc.yaml or its .dvc file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dvc_bridge.pipeline.stage import Stage


@dataclass(frozen=True, slots=True)
class Destination:
    """The destination of the objects of an out.

    Parameters
    ----------
    remote
        The name of the out's remote; None: the default remote.
    pushed
        Whether `dvc push` sends it; false for `push: false`.
    """

    remote: str | None = None
    pushed: bool = True


def home(stage: Stage, path: str) -> Destination:
    """Return the destination of the out with this path in the stage's definition."""
    options: dict[str, Any] = {}
    for name, flags in _read_outs(stage):
        if name == path:
            options.update(flags)
    return Destination(options.get("remote"), bool(options.get("push", True)))


def remotes(stage: Stage) -> set[str]:
    """Return the names of the remotes that the stage's outs name."""
    return {str(flags["remote"]) for _, flags in _read_outs(stage) if flags.get("remote")}


def _read_outs(stage: Stage) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for section in ("outs", "metrics", "plots"):
        for item in stage.data.get(section) or ():
            if isinstance(item, str):
                yield item, {}
            elif not stage.name:
                yield item.get("path", ""), item
            else:
                yield from ((path, flags or {}) for path, flags in item.items())
