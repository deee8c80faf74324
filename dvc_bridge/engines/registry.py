"""The installed engines: the entry points of the group `dvc_bridge.engines`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from dvc_bridge.engines.base import Engine
from dvc_bridge.errors import UsageError

GROUP = "dvc_bridge.engines"


def engine_names() -> list[str]:
    """Return the names of all engines."""
    return sorted({point.name for point in entry_points(group=GROUP)})


@cache
def engine_type(name: str) -> type[Engine]:
    """Return the class of an engine; to look through all installed packages takes a while.

    Raises
    ------
    UsageError
        No engine has this name, or it cannot be imported.
    """
    points = entry_points(group=GROUP, name=name)
    if not points:
        raise UsageError(
            f"there is no engine {name}", f"name one of these: {', '.join(engine_names())}"
        )
    try:
        engine: type[Engine] = next(iter(points)).load()
    except ImportError as exc:
        raise UsageError(
            f"engine {name} cannot be imported: {exc}", f"pip install 'dvc-bridge[{name}]'"
        ) from exc
    return engine
