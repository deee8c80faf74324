"""Why a pod failed or cannot start, and what the user can do about it.

Kubernetes and Argo put the reason into a message of the pod's node. After the last attempt, the
node above it only says that there are no more retries.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SETTINGS = "dvc-bridge.yaml"
_RBAC = "kubectl apply -f docs/argo-rbac.yaml, in the namespace of the run"
# Messages of Argo that only say that it does not try again.
_NO_REASON = ("No more retries left", "retryStrategy.expression evaluated to false")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the template of a pod asks for.

    Parameters
    ----------
    memory
        As a Kubernetes quantity; empty if there is no limit.
    timeout_s
        In seconds; None: no limit.
    """

    memory: str = ""
    timeout_s: int | None = None


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
        r"OOMKilled",
        "out of memory: it needs more than its limit{memory}",
        f"raise memory for these stages in {_SETTINGS}",
    ),
    _Kind(
        r"active on the node longer than the specified deadline",
        "timeout: it ran longer than{timeout}, including the start of the pod",
        f"raise timeout for these stages in {_SETTINGS}",
    ),
    _Kind(
        r"serviceaccounts? \"(?P<a>[^\"]+)\" not found",
        "the namespace has no service account {a}",
        f"{_RBAC}; or name another account with argo.service_account",
    ),
    _Kind(
        r"exceeded quota: (?P<a>[^,]+), requested: (?P<b>.+), used: (?P<c>.+), limited: (?P<d>.+)",
        "the quota {a} has no room: requested {b}, used {c}, limited to {d}",
        f"wait, lower cpu and memory in {_SETTINGS}, or ask for a larger quota",
    ),
    _Kind(
        r"failed quota: (?P<a>[^:]+): must specify (?P<b>.+)",
        "the quota {a} demands values that the pod does not have: {b}",
        f"set cpu and memory in {_SETTINGS}; values for the containers init and wait come from"
        " the settings of Argo's controller (executor.resources)",
    ),
    _Kind(
        r"(?P<a>maximum|minimum) (?P<b>\w+) usage per (?P<c>Container|Pod) is (?P<d>[^,]+),"
        r" but (?P<e>limit|request) is (?P<f>[^.\s,\]]+)",
        "the namespace has a {a} of {d} {b} per {c}, and the {e} of the pod is {f}",
        f"change {{b}} for these stages in {_SETTINGS}",
    ),
    _Kind(
        r"violates PodSecurity \"(?P<a>[^\"]+)\": (?P<b>.+)",
        "the namespace demands the Pod Security Standard {a}: {b}",
        "use a namespace that allows the pods of Argo, or see docs/argo.md",
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
        f"name an image in {_SETTINGS} (argo.image) that the nodes can pull",
        blocks=True,
    ),
    _Kind(r"InvalidImageName.*", "{0}", f"correct argo.image in {_SETTINGS}", blocks=True),
    _Kind(
        r"CreateContainerConfigError.*",
        "{0}",
        "create the Secret that argo.secrets names: docs/argo.md",
        blocks=True,
    ),
    _Kind(
        r"Unschedulable: .*",
        "{0}",
        f"lower cpu, memory or gpu, or correct node_selector and tolerations in {_SETTINGS}",
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
    memory = f" of {limits.memory}" if limits.memory else ""
    timeout = f" {limits.timeout_s} s" if limits.timeout_s else " allowed"
    return text.format(match[0], **groups, memory=memory, timeout=timeout)
