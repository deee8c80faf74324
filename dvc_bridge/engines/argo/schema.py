"""A manifest, held against Argo's own schema before anything is sent."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from dvc_bridge.errors import BridgeError, UsageError

_SHOWN = 10


class ManifestError(BridgeError):
    """A manifest that Argo would not take is a bug of ours, not of the user."""

    exit_code = 5


def validate(made: Mapping[str, Any]) -> None:
    """Check that a manifest has only fields that Argo knows, each of its type.

    Raises
    ------
    UsageError
        The models of Argo's objects are not installed.
    ManifestError
        It has others; all of them in one message.
    """
    try:
        from hera.workflows import models  # noqa: PLC0415  takes a second
        from pydantic import ValidationError  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        raise UsageError(f"{exc.name} is not installed", "pip install 'dvc-bridge[argo]'") from exc
    try:
        # Names of Python are not names of Argo: by_name would let them pass.
        getattr(models, made["kind"]).model_validate(
            made, extra="forbid", by_alias=True, by_name=False
        )
    except ValidationError as exc:
        found = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()[:_SHOWN]]
        raise ManifestError(
            "the manifest is not of Argo's schema: " + "; ".join(found),
            "report this as a bug of dvc-bridge",
        ) from exc


def validate_all(made: Sequence[Mapping[str, Any]]) -> None:
    """Validate several manifests, in the process of `schema_process` if there is one."""
    if _SERVERS:
        _SERVERS[-1].validate_all(made)
        return
    for one in made:
        validate(one)


class _SchemaServer:
    """A process that validates manifests once."""

    def __init__(self) -> None:
        fork = get_context("fork")
        self._ours, theirs = fork.Pipe()
        self._process = fork.Process(target=_serve, args=(theirs, self._ours), daemon=True)
        self._process.start()
        theirs.close()

    def validate_all(self, made: Sequence[Mapping[str, Any]]) -> None:
        try:
            self._ours.send(made)
            refused = self._ours.recv()
        except (EOFError, OSError):  # the process was killed
            for one in made:
                validate(one)
            return
        if refused:
            raise refused

    def close(self) -> None:
        self._process.terminate()
        self._process.join()
        self._ours.close()


_SERVERS: list[_SchemaServer] = []


@contextmanager
def schema_process() -> Iterator[None]:
    """Load the schema in a process of its own, while the caller prepares a submit.

    The models take half a second to import. Enter it before there is a thread or a lock.
    """
    server = _SchemaServer()
    _SERVERS.append(server)
    try:
        yield
    finally:
        _SERVERS.remove(server)
        server.close()


def _serve(theirs: Connection, ours: Connection) -> None:
    ours.close()  # else its end would never be seen here
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that waits for us ends us
    with suppress(ModuleNotFoundError):  # `validate` will say so
        from hera.workflows import models  # noqa: PLC0415, F401
    try:
        made = theirs.recv()
    except EOFError:
        return
    try:
        for one in made:
            validate(one)
    except BridgeError as refused:
        theirs.send(refused)
    else:
        theirs.send(None)
