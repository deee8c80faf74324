"""The output of the main container of a pod."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from dvc_bridge.engines.kubernetes.connection import READ_S, Connection
from dvc_bridge.engines.kubernetes.errors import NOT_FOUND, ApiError

CONTAINER = "main"
# A command may print nothing for long, so a new stream is opened after this silence.
SILENCE_S = 30.0
_POLL_S = 0.5
# How much earlier a new stream begins; known lines are recognized by their time.
_OVERLAP_S = 30
_NOT_STARTED = 400


def pod_log(connection: Connection, pod: str, *, follow: bool) -> Iterator[str]:
    """Return the lines of a pod, even if the API server is unreachable for a while.

    Parameters
    ----------
    follow
        Whether to wait until the pod has started and ended. Otherwise: the lines so far.

    Raises
    ------
    ApiError
        NOT_FOUND: the pod does not exist, or was deleted.
    """
    return _PodLog(connection, pod).lines(follow=follow)


class _PodLog:
    def __init__(self, connection: Connection, pod: str) -> None:
        from kubernetes import client  # noqa: PLC0415  an extra

        self._connection, self._pod = connection, pod
        self._core = client.CoreV1Api(connection.api)
        self._last = ""  # time of the newest line
        self._same = 0  # number of lines with that time
        self._received_at: float | None = None  # when that line arrived, by this machine's clock

    def lines(self, *, follow: bool) -> Iterator[str]:
        while True:
            try:
                yield from self._stream(follow=follow)
            except ApiError as error:
                if error.status == _NOT_STARTED and not follow:
                    return
                if error.status == NOT_FOUND and self._received_at is not None:
                    return
                if not error.transient and error.status != _NOT_STARTED:
                    raise
                time.sleep(_POLL_S)
            else:
                if not follow or self._ended():
                    return

    def _stream(self, *, follow: bool) -> Iterator[str]:
        from urllib3.exceptions import HTTPError, ReadTimeoutError  # noqa: PLC0415

        response = self._open(follow=follow)
        # The number of repeated lines with that time that must be left out.
        last, repeated = self._last, self._same
        try:
            for raw in response:
                timestamp, _, text = raw.decode(errors="replace").rstrip("\n").partition(" ")
                if timestamp < last or (timestamp == last and repeated > 0):
                    repeated -= timestamp == last
                    continue
                self._same = self._same + 1 if timestamp == self._last else 1
                self._last, self._received_at = timestamp, time.monotonic()
                yield text
        except ReadTimeoutError:
            pass
        except (HTTPError, OSError) as exc:
            raise self._connection.unreached(exc) from exc
        finally:
            response.close()

    def _open(self, *, follow: bool) -> Any:
        since = {}
        if self._received_at is not None:
            since["since_seconds"] = int(time.monotonic() - self._received_at) + _OVERLAP_S
        return self._connection.ask(
            self._core.read_namespaced_pod_log,
            self._pod,
            self._connection.namespace,
            container=CONTAINER,
            follow=follow,
            timestamps=True,
            _preload_content=False,
            _request_timeout=(READ_S, SILENCE_S),
            **since,
        )

    def _ended(self) -> bool:
        """Return whether the container has ended: a stream also ends if the API server does."""
        try:
            pod = self._connection.ask(
                self._core.read_namespaced_pod, self._pod, self._connection.namespace
            )
        except ApiError as error:
            if error.status == NOT_FOUND:
                return True
            raise
        if pod.status.phase in ("Succeeded", "Failed"):
            return True
        states = [c.state for c in pod.status.container_statuses or () if c.name == CONTAINER]
        return any(state.terminated for state in states)
