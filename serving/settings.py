"""Settings from environment variables SERVING_*; all that do not fit are named at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from serving.errors import SettingsError

PREFIX = "SERVING_"


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the server may be told. Sizes in bytes, times in seconds."""

    bundle: Path = Path("models/bundle")
    host: str = "127.0.0.1"
    port: int = 8000
    # More rows in one request are refused with 422.
    max_rows: int = 10_000
    # A larger body is refused with 413.
    max_body_bytes: int = 16 << 20
    # All bodies being read or answered; above it 503 with Retry-After.
    max_held_bytes: int = 128 << 20
    # Requests being answered; above it 503 with Retry-After.
    max_concurrent: int = 64
    # A header or body that takes longer to arrive: the connection ends (408 for a body). An answer
    # that takes longer: 503.
    timeout_s: float = 10.0
    # How long a server that was told to stop goes on accepting, so that load balancers notice.
    drain_s: float = 0.0
    # How long it then waits for requests in progress.
    grace_s: float = 20.0
    # Rows that the drift gauges look back on.
    drift_rows: int = 10_000
    # JSON lines, one a request; "-" is stdout. Empty: none.
    request_log: str = ""
    # Columns whose values the request log leaves out, separated by commas.
    redact: frozenset[str] = frozenset()


_READERS: dict[str, Callable[[str], Any]] = {
    "Path": Path,
    "str": str,
    "int": int,
    "float": float,
    "frozenset[str]": lambda text: frozenset(filter(None, (n.strip() for n in text.split(",")))),
}
_MAY_BE_ZERO = {"port", "drain_s"}


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read every SERVING_* variable.

    Raises
    ------
    SettingsError
        Unknown names, values of the wrong type, numbers out of range.
    """
    fields = {f.name: f for f in dataclasses.fields(Settings)}
    found: dict[str, Any] = {}
    problems = []
    for variable in sorted(v for v in environ if v.startswith(PREFIX)):
        name, text = variable.removeprefix(PREFIX).lower(), environ[variable]
        if name not in fields:
            problems.append(
                f"{variable} is unknown; one of"
                f" {', '.join(PREFIX + known.upper() for known in fields)}"
            )
            continue
        try:
            found[name] = _READERS[str(fields[name].type)](text)
        except ValueError:
            problems.append(f"{variable}={text!r} is not of type {fields[name].type}")
            continue
        if isinstance(found[name], int | float) and not _in_range(name, found[name]):
            problems.append(f"{variable}={text!r} is out of range")
    if problems:
        raise SettingsError(problems)
    return Settings(**found)


def _in_range(name: str, value: float) -> bool:
    low_enough = value <= (65_535 if name == "port" else float(1 << 40))
    return low_enough and (value > 0 or (value == 0 and name in _MAY_BE_ZERO))
