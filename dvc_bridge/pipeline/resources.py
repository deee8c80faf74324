"""What the pod of a stage is given: image, resources, place, time, secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

USUAL_RETRIES = 2
# Without requests nothing is known of a stage's appetite; two hide each other's waiting.
USUAL_JOBS = 2

_QUANTITY = re.compile(r"(\d+(\.\d+)?|\.\d+)([kMGTPE]i?|[num])?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_TIME = re.compile(r"(\d+)([smhd]?)")
_UNIT_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_TOLERATION = {"key": str, "operator": str, "value": str, "effect": str, "tolerationSeconds": int}

Pairs = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Resources:
    """The settings of a pod; stages with equal ones may share it.

    Parameters
    ----------
    cpu, memory
        Kubernetes quantities, as requests; memory as the limit too. None: no request.
    gpu
        Number of `nvidia.com/gpu`.
    timeout
        Seconds that one stage may take in a pod; None: no end.
    retries
        How often a lost pod or a storage fault is tried again; a failing command never is.
    node_selector, tolerations
        As pairs, sorted, so that equal ones are equal.
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
        """How many stages run at a time in the pod: what is asked for is what one stage needs."""
        return 1 if self.cpu or self.memory or self.gpu else USUAL_JOBS


KEYS = tuple(field.name for field in fields(Resources))


class InvalidValueError(Exception):
    """The value cannot be meant; says what it must be."""


def parse_resources(values: Mapping[str, Any], where: str, problems: list[str]) -> dict[str, Any]:
    """Read those of the settings that are given.

    Parameters
    ----------
    where
        Of the mapping in the file, for messages.
    problems
        What is wrong is added here.
    """
    found: dict[str, Any] = {}
    for key in KEYS:
        if values.get(key) is None:
            continue
        try:
            found[key] = _READERS[key](values[key])
        except InvalidValueError as exc:
            problems.append(f"{where}.{key} must be {exc}")
    return found


def text(value: Any) -> str:
    """Read a word that Argo takes as it stands."""
    if not isinstance(value, str) or not value.strip() or value != value.strip():
        raise InvalidValueError("a text; numbers and true or false need quotes")
    if "{{" in value:
        raise InvalidValueError(
            "a text without {{, which Argo would take for an expression of its own"
        )
    return value


def image(value: Any) -> str:
    """Read the name of an image."""
    if not re.fullmatch(r"[\w.:/@+-]+", text(value)):
        raise InvalidValueError("the name of an image, as registry/name:tag")
    return str(value)


def name(value: Any) -> str:
    """Read the name of an object of Kubernetes."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise InvalidValueError("a name of Kubernetes: small letters, digits, - and .")
    return value


def names(value: Any) -> tuple[str, ...]:
    """Read a name or a list of them."""
    return tuple(dict.fromkeys(name(v) for v in (value if isinstance(value, list) else [value])))


def at_least(least: int) -> Callable[[Any], int]:
    """Return a reader of whole numbers."""

    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InvalidValueError(f"a whole number, {least} or more")
        return value

    return read


def _quantity(value: Any) -> str:
    said = str(value) if isinstance(value, int | float | str) else ""
    found = _QUANTITY.fullmatch(said)
    if isinstance(value, bool) or not found or not float(found[1]):
        raise InvalidValueError("a quantity of Kubernetes: 2, 0.5, 500m, 512Mi, 4Gi")
    return said


def _seconds(value: Any) -> int:
    found = _TIME.fullmatch(str(value))
    if isinstance(value, bool) or not found or not int(found[1]):
        raise InvalidValueError("a time: seconds, or 90m, 2h, 1d")
    return int(found[1]) * _UNIT_S[found[2]]


def _selector(value: Any) -> Pairs:
    if not isinstance(value, dict):
        raise InvalidValueError("a mapping of labels to texts")
    return tuple(sorted((text(key), text(word)) for key, word in value.items()))


def _tolerations(value: Any) -> tuple[Pairs, ...]:
    items = value if isinstance(value, list) else [value]
    for item in items:
        if not isinstance(item, dict) or not item.keys() <= _TOLERATION.keys():
            raise InvalidValueError(f"a list of mappings with {', '.join(_TOLERATION)}")
        for key, given in item.items():
            if _TOLERATION[key] is int:
                at_least(0)(given)
            else:
                text(given)
    return tuple(tuple(sorted(item.items())) for item in items)


_READERS: dict[str, Callable[[Any], Any]] = {
    "image": image,
    "cpu": _quantity,
    "memory": _quantity,
    "gpu": at_least(0),
    "timeout": _seconds,
    "retries": at_least(0),
    "node_selector": _selector,
    "tolerations": _tolerations,
    "secret_env": names,
}
