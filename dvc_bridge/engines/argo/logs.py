"""The logs of the pods of a run: the lines so far, or the stream of all pods during the run."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from queue import SimpleQueue
from threading import Thread

from dvc_bridge.engines.argo.client import Cluster
from dvc_bridge.engines.argo.waiting_pods import USUAL_MESSAGES
from dvc_bridge.engines.argo.workflow_chain import watch_run
from dvc_bridge.engines.base import LogLine
from dvc_bridge.engines.kubernetes.errors import NOT_FOUND, ApiError
from dvc_bridge.engines.kubernetes.pod_logs import pod_log
from dvc_bridge.errors import BridgeError
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.run_status import Phase, RunStatus, TaskStatus

# Argo's keys come in any order.
_ARGO = re.compile(r"time=\S+ .*\bargo=true\b")
_ARGO_ENDED = 'msg="sub-process exited"'
_ARGO_ERROR = re.compile(r"Error: exit status \d+")
_GONE = "its pod is gone, and its log with it; Argo removes the pods of runs that succeed"


def command_lines(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of the command, without the lines of Argo's executor.

    "Error: exit status 1" comes from Argo after its message that the command has ended; before
    that, the command printed it.
    """
    has_ended = False
    for line in lines:
        if _ARGO.match(line):
            has_ended = has_ended or _ARGO_ENDED in line
        elif not (has_ended and _ARGO_ERROR.fullmatch(line)):
            yield line


def read_logs(
    cluster: Cluster, state: RunStatus, tasks: Collection[TaskNumber] | None
) -> Iterator[LogLine]:
    """Yield the lines that the pods of a run have printed so far.

    Parameters
    ----------
    tasks
        The tasks whose pods to read; None: all tasks.
    """
    for task in state.tasks:
        if not task.place or (tasks is not None and task.task not in tasks):
            continue
        try:
            for line in command_lines(pod_log(cluster.connection, task.place, follow=False)):
                yield LogLine(task.task, line)
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise
            yield LogLine(task.task, _GONE, is_note=True)


def follow_logs(
    cluster: Cluster, workflow: str, tasks: Collection[TaskNumber] | None
) -> Iterator[LogLine]:
    """Yield every line of the pods of a Workflow and of its next parts, until the run ends.

    Parameters
    ----------
    tasks
        As for `read_logs`.
    """
    lines: SimpleQueue[LogLine | BaseException | None] = SimpleQueue()
    Thread(target=_follow_run, args=(cluster, workflow, tasks, lines), daemon=True).start()
    while (line := lines.get()) is not None:
        if isinstance(line, BaseException):
            raise line
        yield line


def _follow_run(
    cluster: Cluster,
    workflow: str,
    tasks: Collection[TaskNumber] | None,
    lines: SimpleQueue[LogLine | BaseException | None],
) -> None:
    threads: dict[str, Thread] = {}
    reported: set[tuple[str, str]] = set()
    try:
        for state in watch_run(cluster, workflow):
            for task in state.tasks:
                if tasks is not None and task.task not in tasks:
                    continue
                if task.place and task.place not in threads:
                    thread = Thread(target=_follow_pod, args=(cluster, task, lines), daemon=True)
                    threads[task.place] = thread
                    thread.start()
                reason = (task.place, task.message)
                is_usual = task.message in USUAL_MESSAGES
                if task.phase is Phase.PENDING and not is_usual and reason not in reported:
                    reported.add(reason)
                    lines.put(LogLine(task.task, task.message, is_note=True))
        for thread in threads.values():
            thread.join()
    except BaseException as exc:  # the reader raises it
        lines.put(exc)
    lines.put(None)


def _follow_pod(
    cluster: Cluster, task: TaskStatus, lines: SimpleQueue[LogLine | BaseException | None]
) -> None:
    try:
        for line in command_lines(pod_log(cluster.connection, task.place, follow=True)):
            lines.put(LogLine(task.task, line))
    except BridgeError as exc:
        lines.put(LogLine(task.task, exc.message, is_note=True))
