"""Which remote a stage's out belongs to, by what dvc.yaml or its .dvc file says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dvc_bridge.pipeline.stage import Stage


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the objects of an out go.

    Parameters
    ----------
    remote
        The name of its own remote; None: the default one.
    pushed
        Whether `dvc push` may send it (`push: false` says no).
    """

    remote: str | None = None
    pushed: bool = True


def home(stage: Stage, path: str) -> Destination:
    """Return where the out with this path, as the stage names it, belongs."""
    found: dict[str, Any] = {}
    for name, flags in _outs(stage):
        if name == path:
            found.update(flags)
    return Destination(found.get("remote"), bool(found.get("push", True)))


def remotes(stage: Stage) -> set[str]:
    """Return the names of the remotes that its outs ask for."""
    return {str(flags["remote"]) for _, flags in _outs(stage) if flags.get("remote")}


def _outs(stage: Stage) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for section in ("outs", "metrics", "plots"):
        for item in stage.data.get(section) or ():
            if isinstance(item, str):
                yield item, {}
            elif not stage.name:
                yield item.get("path", ""), item
            else:
                yield from ((path, flags or {}) for path, flags in item.items())
