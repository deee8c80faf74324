"""Messages of Argo and Kubernetes about pods become reasons with a fix."""

from __future__ import annotations

import pytest

from dvc_bridge.engines.argo.pod_failure import Limits, explain

NO_MORE = "No more retries left"
LIMITS = Limits(("64Mi",), (90,))


@pytest.mark.parametrize(
    ("message", "reason", "fix"),
    [
        (
            "main: OOMKilled (exit code 137)",
            "out of memory: it needs more than its limit of 64Mi",
            "write memory: 128Mi, or memory: [128Mi, 256Mi] to raise it by attempt,",
        ),
        (
            "SchedulingGated: kueue.x-k8s.io/admission",
            "the pod waits until its scheduling gate is opened: kueue.x-k8s.io/admission",
            "its quota has room",
        ),
        ("main: Error (exit code 124)", "timeout: it ran longer than 90 s", "write timeout: 180"),
        (
            "timeout",
            "pending timeout: the pod waited for its start for too long",
            "raise pending_timeout",
        ),
        (
            "Pod was active on the node longer than the specified deadline",
            "timeout: the pod was active for longer than 90 s and half an hour for its start",
            "write timeout: 180 for these stages",
        ),
        (
            'pods "r-p0-1" is forbidden: error looking up service account team/dvc-bridge:'
            ' serviceaccount "dvc-bridge" not found',
            "the namespace has no service account dvc-bridge",
            "argo-rbac.yaml",
        ),
        (
            'pods "r-p0-1" is forbidden: exceeded quota: q, requested: limits.memory=1Gi, used:'
            " limits.memory=1Gi, limited: limits.memory=1Gi",
            "the quota q has no room: requested limits.memory=1Gi, used limits.memory=1Gi, limited"
            " to limits.memory=1Gi",
            "larger quota",
        ),
        (
            'pods "r" is forbidden: failed quota: q: must specify limits.memory for: init,wait',
            "the quota q demands values that the pod does not have: limits.memory for: init,wait",
            "argo.executor_cpu",
        ),
        (
            'pods "r-p0-1" is forbidden: maximum memory usage per Container is 256Mi, but limit is'
            " 1Gi",
            "the namespace has a maximum of 256Mi memory per Container, and the limit of the pod is"
            " 1Gi",
            "change memory for these stages",
        ),
        (
            'pods "r-p0-1" is forbidden: violates PodSecurity "restricted:latest":'
            " allowPrivilegeEscalation != false",
            "the namespace demands the Pod Security Standard restricted:latest:"
            " allowPrivilegeEscalation != false",
            "such as a sidecar",
        ),
        (
            "wait: Error (exit code 64): workflowtaskresults.argoproj.io is forbidden: User"
            ' "system:serviceaccount:team:other" cannot create resource "workflowtaskresults"',
            "the service account other may not write workflowtaskresults",
            "argo-rbac.yaml",
        ),
    ],
)
def test_the_reason_of_the_last_attempt_is_named_with_a_fix(
    message: str, reason: str, fix: str
) -> None:
    explanation = explain([NO_MORE, message], LIMITS)
    assert explanation.message == reason
    assert fix in explanation.fix
    assert not explanation.blocks


def test_a_reason_without_a_known_fix_is_passed_on() -> None:
    assert explain([NO_MORE, "main: Error (exit code 3)"], LIMITS).message == "Error (exit code 3)"
    assert explain(["pod deleted", ""], LIMITS).message == "pod deleted"
    assert explain(["retryStrategy.expression evaluated to false", ""], LIMITS).message == ""


def test_the_limits_of_earlier_attempts_are_named() -> None:
    limits = Limits(("1Gi", "2Gi", "4Gi"), (60, 120)).at(1)
    assert explain(["OOMKilled (exit code 137)"], limits).message.endswith(
        "than its limit of 2Gi (earlier attempts: 1Gi)"
    )
    late = explain(["main: Error (exit code 124)"], limits)
    assert late.message == "timeout: it ran longer than 120 s (earlier attempts: 60 s)"


def test_without_a_limit_the_reason_names_none() -> None:
    assert explain(["OOMKilled (exit code 137)"], Limits()).message.endswith("than its limit")


@pytest.mark.parametrize(
    "message",
    ["ImagePullBackOff: Back-off pulling image x", "ErrImageNeverPull", "InvalidImageName"],
)
def test_a_pod_without_an_image_is_blocked(message: str) -> None:
    explanation = explain([message, ""], LIMITS)
    assert explanation.message == message
    assert "image in dvc-bridge.yaml" in explanation.fix
    assert explanation.blocks


def test_a_pod_that_waits_for_a_node_is_not_blocked() -> None:
    message = "Unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
    explanation = explain(["", message], LIMITS)
    assert (explanation.message, explanation.blocks) == (message, False)
    assert "node_selector" in explanation.fix
