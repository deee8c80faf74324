"""Settings from environment variables SERVING_*; one error lists everything that is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from serving.errors import SettingsError

PREFIX = "SERVING_"


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of the server. Sizes in bytes, times in seconds."""

    bundle: Path = Path("models/bundle")
    host: str = "127.0.0.1"
    port: int = 8000
    # A request with more rows gets 422.
    max_rows: int = 10_000
    # A larger body gets 413.
    max_body_bytes: int = 16 << 20
    # Of all bodies that are being read; a request that would exceed it gets 503 with Retry-After.
    max_held_bytes: int = 128 << 20
    # Predictions at the same time; a request above it gets 503 with Retry-After.
    max_concurrent: int = 64
    # A connection ends if a header or a body takes longer to arrive (408 for a body). A prediction
    # that takes longer gets 503.
    timeout_s: float = 10.0
    # How long the server accepts requests after SIGTERM, so that load balancers notice.
    drain_s: float = 0.0
    # How long it then waits for the requests in progress.
    grace_s: float = 20.0
    # How many of the most recent rows the drift gauges cover.
    drift_rows: int = 10_000
    # A file of JSON lines, one for each request; "-" is stdout. Empty: no log.
    request_log: str = ""
    # Columns whose values the request log leaves out, separated by commas.
    redact: frozenset[str] = frozenset()


_PARSERS: dict[str, Callable[[str], Any]] = {
    "Path": Path,
    "str": str,
    "int": int,
    "float": float,
    "frozenset[str]": lambda text: frozenset(filter(None, (n.strip() for n in text.split(",")))),
}
_MAY_BE_ZERO = {"port", "drain_s"}


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read all SERVING_* variables.

    Raises
    ------
    SettingsError
        Unknown names, values of the wrong type, numbers out of range.
    """
    fields = {f.name: f for f in dataclasses.fields(Settings)}
    values: dict[str, Any] = {}
    problems = []
    for variable in sorted(v for v in environ if v.startswith(PREFIX)):
        name, text = variable.removeprefix(PREFIX).lower(), environ[variable]
        if name not in fields:
            variables = ", ".join(PREFIX + field.upper() for field in fields)
            problems.append(f"{variable} is unknown; the variables are {variables}")
            continue
        try:
            values[name] = _PARSERS[str(fields[name].type)](text)
        except ValueError:
            problems.append(f"{variable}={text!r} is not of type {fields[name].type}")
            continue
        if isinstance(values[name], int | float) and not _in_range(name, values[name]):
            problems.append(f"{variable}={text!r} is out of range")
    if problems:
        raise SettingsError(problems)
    return Settings(**values)


def _in_range(name: str, value: float) -> bool:
    low_enough = value <= (65_535 if name == "port" else float(1 << 40))
    return low_enough and (value > 0 or (value == 0 and name in _MAY_BE_ZERO))
