"""Retries of a pod: which failures Argo retries, and with which memory and time.

Argo evaluates `retries` and `lastRetry` in the expression of a retry strategy, and `retries` in the
rest of a template, where it is the number of the attempt, from 0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from dvc_bridge.engines.base import TaskSpec
from dvc_bridge.remote_run.worker_contract import KILLED, OUT_OF_TIME, TRY_AGAIN

# A lost pod shows as Error, as the exit code of a signal, or, if evicted, without one (-1). The
# worker returns 75 after a fault of storage or network. A failed command is not retried.
_CODES = ",".join(map(str, (-1, *KILLED, TRY_AGAIN)))
_LOST = f"(lastRetry.status == 'Error' or asInt(lastRetry.exitCode) in [{_CODES}])"
# Kubernetes refused to create the pod, and refuses it again.
_REFUSED = "(lastRetry.message matches 'is forbidden|serviceaccounts? .* not found')"
# The same memory or time would end the same way.
_MEMORY = "(lastRetry.message contains 'OOMKilled')"
_TIME = (
    f"(asInt(lastRetry.exitCode) == {OUT_OF_TIME}"
    " or lastRetry.message contains 'longer than the specified deadline')"
)

_CHOICE = re.compile(r"\{\{=\[(?P<values>[^\[\]{}]+)\]\[min\(asInt\(retries\), \d+\)\]\}\}")


def retry_strategy(task: TaskSpec) -> dict[str, Any] | None:
    """Return the retry strategy of a pod; None: it has one attempt."""
    pod = task.resources
    raises = ((_MEMORY, len(pod.memories)), (_TIME, len(pod.timeouts)))
    limit = max(pod.retries, *(attempts - 1 for _, attempts in raises))
    if not limit:
        return None
    hopeless = [_REFUSED, _MEMORY, *([_TIME] if pod.timeout else [])]
    lost = " and not ".join([_LOST, *hopeless])
    reasons = [f"asInt(retries) < {pod.retries} and {lost}" if pod.retries < limit else lost]
    reasons += [
        f"asInt(retries) < {attempts - 1} and {reason}" for reason, attempts in raises if attempts
    ]
    return {
        "limit": str(limit),
        "retryPolicy": "Always",
        "expression": " or ".join(f"({r})" for r in reasons) if len(reasons) > 1 else reasons[0],
    }


def by_attempt(values: Sequence[str]) -> str:
    """Return the expression for the value of an attempt; the last value is for all later ones."""
    listed = ", ".join(f"'{value}'" for value in values)
    return f"{{{{=[{listed}][min(asInt(retries), {len(values) - 1})]}}}}"


def is_by_attempt(text: str) -> bool:
    """Return whether all expressions in a text, if any, are of `by_attempt`."""
    return "{{" not in _CHOICE.sub("", text)


def values_by_attempt(text: str) -> tuple[str, ...]:
    """Return the values of the first expression of `by_attempt` in a text; none if it has none."""
    match = _CHOICE.search(text)
    return tuple(value.strip(" '") for value in match["values"].split(",")) if match else ()
