"""The settings of a stage's pod: image, resources, node, timeout, retries, secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

USUAL_RETRIES = 2
# Without requests the needs of a stage are unknown; two stages overlap each other's I/O waits.
USUAL_JOBS = 2

_QUANTITY = re.compile(r"(\d+(\.\d+)?|\.\d+)([kMGTPE]i?|[num])?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_TIME = re.compile(r"(\d+)([smhd]?)")
_UNIT_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_TOLERATION = {"key": str, "operator": str, "value": str, "effect": str, "tolerationSeconds": int}

Pairs = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Resources:
    """The settings of a pod; stages with equal settings may share a pod.

    Parameters
    ----------
    cpu, memory
        Kubernetes quantities of the requests; memory is also the limit. None: no request.
    gpu
        Number of `nvidia.com/gpu`.
    timeout
        How long one stage may take in a pod, in seconds; None: no limit.
    retries
        How often the engine retries after a lost pod or a storage error. It never retries a failing
        command.
    node_selector, tolerations
        Sorted pairs, so that equal settings compare equal.
    secret_env
        Names of Secrets that become environment variables.
    """

    image: str = ""
    cpu: str | None = None
    memory: str | None = None
    gpu: int = 0
    timeout: int | None = None
    retries: int = USUAL_RETRIES
    node_selector: Pairs = ()
    tolerations: tuple[Pairs, ...] = ()
    secret_env: tuple[str, ...] = ()

    @property
    def jobs(self) -> int:
        """How many stages run at a time in the pod: requests are the needs of one stage."""
        return 1 if self.cpu or self.memory or self.gpu else USUAL_JOBS


KEYS = tuple(field.name for field in fields(Resources))


class InvalidValueError(Exception):
    """The value is invalid; the message describes a valid value."""


def parse_resources(values: Mapping[str, Any], where: str, problems: list[str]) -> dict[str, Any]:
    """Read the settings that are present.

    Parameters
    ----------
    where
        The path of the mapping in the file, for messages.
    problems
        A list to which messages are appended.
    """
    resources: dict[str, Any] = {}
    for key in KEYS:
        if values.get(key) is None:
            continue
        try:
            resources[key] = _READERS[key](values[key])
        except InvalidValueError as exc:
            problems.append(f"{where}.{key} must be {exc}")
    return resources


def text(value: Any) -> str:
    """Read text that Argo takes unchanged."""
    if not isinstance(value, str) or not value.strip() or value != value.strip():
        raise InvalidValueError("text; numbers and true or false need quotes")
    if "{{" in value:
        raise InvalidValueError("text without {{, which Argo would read as an expression")
    return value


def image(value: Any) -> str:
    """Read an image name."""
    if not re.fullmatch(r"[\w.:/@+-]+", text(value)):
        raise InvalidValueError("an image name such as registry/name:tag")
    return str(value)


def name(value: Any) -> str:
    """Read the name of a Kubernetes object."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise InvalidValueError("a Kubernetes name: lowercase letters, digits, - and .")
    return value


def names(value: Any) -> tuple[str, ...]:
    """Read a name or a list of names."""
    return tuple(dict.fromkeys(name(v) for v in (value if isinstance(value, list) else [value])))


def at_least(least: int) -> Callable[[Any], int]:
    """Return a reader of integers that are at least `least`."""

    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InvalidValueError(f"an integer, {least} or more")
        return value

    return read


def _parse_quantity(value: Any) -> str:
    quantity = str(value) if isinstance(value, int | float | str) else ""
    match = _QUANTITY.fullmatch(quantity)
    if isinstance(value, bool) or not match or not float(match[1]):
        raise InvalidValueError("a Kubernetes quantity: 2, 0.5, 500m, 512Mi, 4Gi")
    return quantity


def _parse_seconds(value: Any) -> int:
    match = _TIME.fullmatch(str(value))
    if isinstance(value, bool) or not match or not int(match[1]):
        raise InvalidValueError("a duration: seconds, or 90m, 2h, 1d")
    return int(match[1]) * _UNIT_S[match[2]]


def _parse_selector(value: Any) -> Pairs:
    if not isinstance(value, dict):
        raise InvalidValueError("a mapping of labels to strings")
    return tuple(sorted((text(key), text(label_value)) for key, label_value in value.items()))


def _parse_tolerations(value: Any) -> tuple[Pairs, ...]:
    items = value if isinstance(value, list) else [value]
    for item in items:
        if not isinstance(item, dict) or not item.keys() <= _TOLERATION.keys():
            raise InvalidValueError(f"a list of mappings with {', '.join(_TOLERATION)}")
        for key, field_value in item.items():
            if _TOLERATION[key] is int:
                at_least(0)(field_value)
            else:
                text(field_value)
    return tuple(tuple(sorted(item.items())) for item in items)


_READERS: dict[str, Callable[[Any], Any]] = {
    "image": image,
    "cpu": _parse_quantity,
    "memory": _parse_quantity,
    "gpu": at_least(0),
    "timeout": _parse_seconds,
    "retries": at_least(0),
    "node_selector": _parse_selector,
    "tolerations": _parse_tolerations,
    "secret_env": names,
}
