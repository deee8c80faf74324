"""Validation of manifests with Argo's own schema before anything is sent."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from dvc_bridge.engines.argo.pod_template import PENDING_TIMEOUT
from dvc_bridge.errors import BridgeError, UsageError

_SHOWN = 10
_NEWER_FIELDS = (PENDING_TIMEOUT,)


class ManifestError(BridgeError):
    """A manifest that Argo would refuse, which is a bug of dvc-bridge, not an error of the user."""

    exit_code = 5


def validate(manifest: Mapping[str, Any]) -> None:
    """Check that a manifest has only fields of Argo's schema, each of the right type.

    Raises
    ------
    UsageError
        The models of Argo's objects are not installed.
    ManifestError
        It has invalid fields; one message lists them.
    """
    try:
        from hera.workflows import models  # noqa: PLC0415  takes a second
        from pydantic import ValidationError  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        raise UsageError(f"{exc.name} is not installed", "pip install 'dvc-bridge[argo]'") from exc
    try:
        # by_name would accept the names that the models use in Python, which Argo does not.
        getattr(models, manifest["kind"]).model_validate(
            _without_newer_fields(manifest), extra="forbid", by_alias=True, by_name=False
        )
    except ValidationError as exc:
        invalid = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()[:_SHOWN]]
        raise ManifestError(
            "the manifest does not conform to Argo's schema: " + "; ".join(invalid),
            "report this as a bug of dvc-bridge",
        ) from exc


def _without_newer_fields(value: Any) -> Any:
    """Return a manifest without the fields that Argo has and the models do not know yet."""
    if isinstance(value, Mapping):
        items = value.items()
        return {k: _without_newer_fields(v) for k, v in items if k not in _NEWER_FIELDS}
    return [_without_newer_fields(item) for item in value] if isinstance(value, list) else value


def validate_all(manifests: Sequence[Mapping[str, Any]]) -> None:
    """Validate several manifests, in the process of `schema_process` if there is one."""
    if _SERVERS:
        _SERVERS[-1].validate_all(manifests)
        return
    for manifest in manifests:
        validate(manifest)


class _SchemaServer:
    """A process that validates one list of manifests."""

    def __init__(self) -> None:
        fork = get_context("fork")
        self._ours, theirs = fork.Pipe()
        self._process = fork.Process(target=_serve, args=(theirs, self._ours), daemon=True)
        self._process.start()
        theirs.close()

    def validate_all(self, manifests: Sequence[Mapping[str, Any]]) -> None:
        try:
            self._ours.send(manifests)
            error = self._ours.recv()
        except (EOFError, OSError):  # the process was killed
            for manifest in manifests:
                validate(manifest)
            return
        if error:
            raise error

    def close(self) -> None:
        self._process.terminate()
        self._process.join()
        self._ours.close()


_SERVERS: list[_SchemaServer] = []


@contextmanager
def schema_process() -> Iterator[None]:
    """Load the schema in a separate process while the caller prepares a submit.

    Importing the models takes half a second. Enter the context before any thread or lock exists.
    """
    server = _SchemaServer()
    _SERVERS.append(server)
    try:
        yield
    finally:
        _SERVERS.remove(server)
        server.close()


def _serve(theirs: Connection, ours: Connection) -> None:
    ours.close()  # otherwise this process would not notice that the other end is closed
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    with suppress(ModuleNotFoundError):  # `validate` raises the error
        from hera.workflows import models  # noqa: PLC0415, F401
    try:
        manifests = theirs.recv()
    except EOFError:
        return
    try:
        for manifest in manifests:
            validate(manifest)
    except BridgeError as error:
        theirs.send(error)
    else:
        theirs.send(None)
