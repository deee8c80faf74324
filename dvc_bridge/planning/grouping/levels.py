"""Groups of stages in levels: what a Metaflow flow can say, whose graph is a row of foreach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dvc_bridge.errors import UsageError
from dvc_bridge.planning.grouping.groups import Group

# Metaflow takes no more of a step.
MOST_RETRIES = 4
_UNITS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_UNITS |= {f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", 1)}
_UNITS |= {"ki": 1024.0, "n": 1e-9, "u": 1e-6, "m": 1e-3}


@dataclass(frozen=True, slots=True)
class Needs:
    """What each task of a level is given: the most that one of its groups asks for.

    Parameters
    ----------
    cpu
        Cores; None: nothing is asked for.
    memory
        Megabytes (10**6 bytes); None: nothing is asked for.
    timeout
        Seconds; None: no end.
    """

    cpu: float | None
    memory: int | None
    gpu: int
    timeout: int | None
    retries: int


def levels_of(groups: Sequence[Group]) -> list[list[Group]]:
    """Divide groups into levels: each waits for groups of earlier levels alone.

    Parameters
    ----------
    groups
        A group comes after those that it waits for.
    """
    level: dict[int, int] = {}
    levels: list[list[Group]] = []
    for group in groups:
        place = 1 + max((level[n] for n in (*group.needs, *group.after)), default=-1)
        level[group.number] = place
        if place == len(levels):
            levels.append([])
        levels[place].append(group)
    return levels


def needs_of(level: Sequence[Group]) -> Needs:
    """Return what the tasks of a level need; all of them get the same."""
    pods = [group.pod for group in level]
    times = [g.pod.timeout and g.pod.timeout * len(g.positions) for g in level]
    return Needs(
        cpu=max((_amount(pod.cpu) for pod in pods if pod.cpu), default=None),
        memory=max((round(_amount(pod.memory) / 1e6) for pod in pods if pod.memory), default=None),
        gpu=max(pod.gpu for pod in pods),
        timeout=max(time or 0 for time in times) if all(times) else None,
        retries=min(MOST_RETRIES, max(pod.retries for pod in pods)),
    )


def check_settings(groups: Sequence[Group]) -> None:
    """Check that pods differ in nothing that a step cannot say.

    Raises
    ------
    UsageError
        They have images, places or Secrets of their own.
    """
    keys = ("image", "node_selector", "tolerations", "secret_env")
    own = [key for key in keys if len({getattr(group.pod, key) for group in groups}) > 1]
    if own:
        raise UsageError(
            f"dvc-bridge.yaml gives some stages {', '.join(own)} of their own, which the steps"
            " of a generated flow have in common",
            "say it there for all, and to Metaflow: --with kubernetes:image=...; or dvc-bridge"
            " submit, whose pods may differ",
        )


def _amount(quantity: str) -> float:
    number = quantity.rstrip("kKMGTPEinum")
    return float(number) * _UNITS[quantity[len(number) :]]
