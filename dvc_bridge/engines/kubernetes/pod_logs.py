"""What the command of a pod has printed, without what Argo prints between."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from typing import Any

from dvc_bridge.engines.kubernetes.connection import READ_S, Connection
from dvc_bridge.engines.kubernetes.errors import NOT_FOUND, ApiError

CONTAINER = "main"
# A quiet command is no dead connection, so a stream is opened anew after this silence.
SILENCE_S = 30.0
_POLL_S = 0.5
# How much further back a new stream begins; lines that were seen are recognized by their time.
_OVERLAP_S = 30
_NOT_STARTED = 400
# Argo's keys come in any order.
_ARGO = re.compile(r"time=\S+ .*\bargo=true\b")
_ARGO_ENDED = 'msg="sub-process exited"'
_ARGO_ERROR = re.compile(r"Error: exit status \d+")


def own_lines(lines: Iterable[str]) -> Iterator[str]:
    """Leave out the lines of Argo's executor, which has the command's output pass through it.

    "Error: exit status 1" is Argo's once it has said that the command is over; commands say
    it too.
    """
    ended = False
    for line in lines:
        if _ARGO.match(line):
            ended = ended or _ARGO_ENDED in line
        elif not (ended and _ARGO_ERROR.fullmatch(line)):
            yield line


def pod_log(connection: Connection, pod: str, *, follow: bool) -> Iterator[str]:
    """Return the lines of a pod's command; the API server may go away between.

    Parameters
    ----------
    follow
        Wait for the pod to begin, and for its end. Otherwise: what there is now.

    Raises
    ------
    ApiError
        NOT_FOUND: the pod never was, or is deleted.
    """
    return own_lines(_PodLog(connection, pod).lines(follow=follow))


class _PodLog:
    def __init__(self, connection: Connection, pod: str) -> None:
        from kubernetes import client  # noqa: PLC0415  an extra

        self._connection, self._pod = connection, pod
        self._core = client.CoreV1Api(connection.api)
        self._last = ""  # time of the newest line
        self._same = 0  # how many lines have that time
        self._heard: float | None = None  # when that line came, by this machine's clock

    def lines(self, *, follow: bool) -> Iterator[str]:
        while True:
            try:
                yield from self._stream(follow=follow)
            except ApiError as error:
                if error.status == _NOT_STARTED and not follow:
                    return
                if error.status == NOT_FOUND and self._heard is not None:
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
        # How many lines of that time to leave out, of those that come again.
        last, again = self._last, self._same
        try:
            for raw in response:
                at, _, text = raw.decode(errors="replace").rstrip("\n").partition(" ")
                if at < last or (at == last and again > 0):
                    again -= at == last
                    continue
                self._same = self._same + 1 if at == self._last else 1
                self._last, self._heard = at, time.monotonic()
                yield text
        except ReadTimeoutError:
            pass
        except (HTTPError, OSError) as exc:
            raise self._connection.unreached(exc) from exc
        finally:
            response.close()

    def _open(self, *, follow: bool) -> Any:
        since = {}
        if self._heard is not None:
            since["since_seconds"] = int(time.monotonic() - self._heard) + _OVERLAP_S
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
        """Tell whether a stream that has ended was all: it also ends with the API server."""
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
