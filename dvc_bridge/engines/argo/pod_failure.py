"""Why a pod failed or cannot start, and what the user can do about it.

Kubernetes and Argo put the reason into a message of the pod's node. After the last attempt, the
node above it only says that there are no more retries.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dvc_bridge.engines.argo.rbac_file import render_apply_command
from dvc_bridge.pipeline.quantity import multiply
from dvc_bridge.pipeline.settings_file import FILE

_RBAC = render_apply_command("NAMESPACE")
# Messages of Argo that only say that it does not try again.
_NO_REASON = ("No more retries left", "retryStrategy.expression evaluated to false")
_OUT_OF_MEMORY = "OOMKilled"


def is_out_of_memory(message: str) -> bool:
    """Return whether a pod with this message was killed because it needed more memory."""
    return _OUT_OF_MEMORY in message


@dataclass(frozen=True, slots=True)
class Limits:
    """What the template of a pod asks for, by attempt; the last value holds for all later ones.

    Parameters
    ----------
    memories
        Kubernetes quantities; empty: no limit.
    timeouts_s
        In seconds; empty: no limit.
    """

    memories: tuple[str, ...] = ()
    timeouts_s: tuple[int, ...] = ()

    def at(self, attempt: int) -> Limits:
        """Return the limits of the attempts up to this one, which is counted from 0."""
        return Limits(self.memories[: attempt + 1], self.timeouts_s[: attempt + 1])


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of failure: how to recognize its message, what to say and what to do.

    Parameters
    ----------
    text, fix
        May refer to the groups of the pattern and to the limits of the pod.
    blocks
        Whether the pod never starts unless the user does something.
    """

    pattern: str
    text: str
    fix: str
    blocks: bool = False


_KINDS = (
    _Kind(
        _OUT_OF_MEMORY,
        "out of memory: it needs more than its limit{memory}",
        f"{{more_memory}} for these stages in {FILE}",
    ),
    _Kind(
        r"Error \(exit code 124\)",
        "timeout: it ran longer than{timeout}",
        f"write timeout: {{more_time}} for these stages in {FILE}",
    ),
    _Kind(
        r"active on the node longer than the specified deadline",
        "timeout: the pod was active for longer than{timeout} and half an hour for its start",
        f"write timeout: {{more_time}} for these stages in {FILE}",
    ),
    _Kind(
        r"^timeout$",
        "pending timeout: the pod waited for its start for too long",
        f"raise pending_timeout for these stages in {FILE}, or ask for less: a node with room"
        " was not found",
    ),
    _Kind(
        r"serviceaccounts? \"(?P<a>[^\"]+)\" not found",
        "the namespace has no service account {a}",
        f"{_RBAC}; or name another account with argo.service_account",
    ),
    _Kind(
        r"exceeded quota: (?P<a>[^,]+), requested: (?P<b>.+), used: (?P<c>.+), limited: (?P<d>.+)",
        "the quota {a} has no room: requested {b}, used {c}, limited to {d}",
        f"wait, lower cpu and memory in {FILE}, or ask for a larger quota",
    ),
    _Kind(
        r"failed quota: (?P<a>[^:]+): must specify (?P<b>.+)",
        "the quota {a} demands values that the pod does not have: {b}",
        f"set cpu, memory and cpu_limit in {FILE}; for the containers init and wait, set"
        " argo.executor_cpu and argo.executor_memory",
    ),
    _Kind(
        r"(?P<a>maximum|minimum) (?P<b>\w+) usage per (?P<c>Container|Pod) is (?P<d>[^,]+),"
        r" but (?P<e>limit|request) is (?P<f>[^.\s,\]]+)",
        "the namespace has a {a} of {d} {b} per {c}, and the {e} of the pod is {f}",
        f"change {{b}} for these stages in {FILE}",
    ),
    _Kind(
        r"violates PodSecurity \"(?P<a>[^\"]+)\": (?P<b>.+)",
        "the namespace demands the Pod Security Standard {a}: {b}",
        "the pods of dvc-bridge conform to the standard `restricted`: find what else adds to them"
        " in this namespace, such as a sidecar",
    ),
    _Kind(
        r"(?P<a>\w+)\.argoproj\.io .*is forbidden:"
        r" User \"system:serviceaccount:[^:]+:(?P<b>[^\"]+)\"",
        "the service account {b} may not write {a}",
        _RBAC,
    ),
    _Kind(
        r"(ErrImage|ImagePullBackOff).*",
        "{0}",
        f"name an image in {FILE} that the nodes can pull",
        blocks=True,
    ),
    _Kind(r"InvalidImageName.*", "{0}", f"correct image in {FILE}", blocks=True),
    _Kind(
        r"secret \"(?P<a>[^\"]+)\.service-account-token\" not found",
        "the namespace has no Secret {a}.service-account-token, the token of the account {a}",
        f"{_RBAC}, which has this Secret for dvc-bridge; write one like it for another account",
        blocks=True,
    ),
    _Kind(
        r"^SchedulingGated: (?P<a>.+)",
        "the pod waits until its scheduling gate is opened: {a}",
        "wait: a queue such as Kueue opens it when its quota has room; `kubectl get workloads`"
        " shows the queue",
    ),
    _Kind(
        r"(?P<a>secret|configmap|persistentvolumeclaim) \"(?P<b>[^\"]+)\" not found",
        "the namespace has no {a} {b}",
        f"create it, or correct its name in {FILE}",
        blocks=True,
    ),
    _Kind(
        r"no PriorityClass with name (?P<a>\S+) was found",
        "the cluster has no PriorityClass {a}",
        f"correct priority_class in {FILE}",
    ),
    _Kind(
        r"(FailedMount|FailedAttachVolume|FailedCreatePodSandBox): .*",
        "{0}",
        "see what the cluster's administrator says of the volume or the node",
    ),
    _Kind(
        r"CreateContainerConfigError.*",
        "{0}",
        f"create the Secret that `secrets` in {FILE} names",
        blocks=True,
    ),
    _Kind(
        r"Unschedulable: .*",
        "{0}",
        f"lower cpu, memory or gpu, or correct node_selector and tolerations in {FILE}",
    ),
)
_COMPILED = tuple((re.compile(kind.pattern, re.DOTALL), kind) for kind in _KINDS)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a pod failed or waits; `fix` is empty if we know none."""

    message: str = ""
    fix: str = ""
    blocks: bool = False


def explain(messages: Sequence[str], limits: Limits) -> Explanation:
    """Return why a pod failed or waits; it is empty if Argo does not say it.

    Parameters
    ----------
    messages
        The messages of the node of the task and of its last attempt.
    limits
        The limits of all attempts up to the last one.
    """
    reasons = [text for text in messages if text and text not in _NO_REASON]
    for reason in reasons:
        for pattern, kind in _COMPILED:
            if match := pattern.search(reason):
                text, fix = _fill(kind.text, match, limits), _fill(kind.fix, match, limits)
                return Explanation(text, fix, kind.blocks)
    return Explanation(reasons[0].removeprefix("main: ") if reasons else "")


def _fill(text: str, match: re.Match[str], limits: Limits) -> str:
    groups = {name: value for name, value in match.groupdict().items() if value is not None}
    values = {
        "memory": _tried(" of ", limits.memories),
        "timeout": _tried(" ", [f"{seconds} s" for seconds in limits.timeouts_s]) or " allowed",
        "more_memory": _more_memory(limits.memories),
        "more_time": f"{2 * limits.timeouts_s[-1]}" if limits.timeouts_s else "SECONDS",
    }
    return text.format(match[0], **groups, **values)


def _tried(before: str, values: Sequence[str]) -> str:
    if not values:
        return ""
    earlier = f" (earlier attempts: {', '.join(values[:-1])})" if len(values) > 1 else ""
    return f"{before}{values[-1]}{earlier}"


def _more_memory(memories: Sequence[str]) -> str:
    """Return what to write; how much a killed command would have used is not known."""
    if not memories:
        return "set memory"
    double, quadruple = multiply(memories[-1], 2), multiply(memories[-1], 4)
    return f"write memory: {double}, or memory: [{double}, {quadruple}] to raise it by attempt,"
