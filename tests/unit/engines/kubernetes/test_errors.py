"""Errors of the Kubernetes API are reported with a fix; the answers are recorded real ones."""

from __future__ import annotations

import json

import pytest

from dvc_bridge.engines.kubernetes.errors import ApiError, refusal, unreached

HOST, CONTEXT = "https://k:6443", "context test"


def refused(status: int, message: str, **details: str) -> ApiError:
    body = json.dumps({"kind": "Status", "message": message, "details": details})
    return refusal(status, body, HOST, CONTEXT)


def test_a_missing_right_is_reported_with_the_rule_that_grants_it() -> None:
    error = refused(
        403,
        'workflows.argoproj.io is forbidden: User "system:serviceaccount:ns:poor" cannot create'
        ' resource "workflows" in API group "argoproj.io" in the namespace "ns"',
        group="argoproj.io",
        kind="workflows",
    )
    assert error.message.startswith("system:serviceaccount:ns:poor may not create workflows")
    rule = '{apiGroups: ["argoproj.io"], resources: [workflows], verbs: [create]}'
    assert rule in error.fix
    assert not error.transient


def test_a_part_of_a_resource_and_the_core_group_are_named_as_roles_name_them() -> None:
    error = refused(
        403, 'pods "x" is forbidden: User "u" cannot get resource "pods/log" in API group "" in ...'
    )
    assert '{apiGroups: [""], resources: [pods/log], verbs: [get]}' in error.fix


def test_what_is_forbidden_for_another_reason_is_reported_unchanged() -> None:
    error = refused(403, 'pods "x" is forbidden: exceeded quota: small')
    assert "exceeded quota: small" in error.message
    assert "Role" not in error.fix


def test_a_missing_namespace_a_missing_argo_and_a_missing_workflow_are_distinguished() -> None:
    space = refused(404, 'namespaces "ns" not found', name="ns", kind="namespaces")
    assert "no namespace ns" in space.message
    assert "kubectl create namespace ns" in space.fix
    argo = refusal(404, "404 page not found\n", HOST, CONTEXT)
    assert "Argo Workflows is not installed" in argo.message
    assert "install it" in argo.fix
    one = refused(404, 'workflows.argoproj.io "x" not found', name="x", kind="workflows")
    assert one.message == 'workflows.argoproj.io "x" not found'


def test_credentials_that_are_not_accepted_are_named_by_where_they_come_from() -> None:
    error = refused(401, "Unauthorized")
    assert CONTEXT in error.message
    assert "log in" in error.fix


@pytest.mark.parametrize(
    ("status", "message", "transient"),
    [
        (500, "etcdserver: leader changed", True),
        (503, "apiserver not ready", True),
        (429, "too many requests", True),
        (500, "etcdserver: request is too large", False),
        (413, "Request entity too large: limit is 3145728", False),
        (422, 'Workflow "x" is invalid', False),
        (409, 'workflows "x" already exists', False),
    ],
)
def test_only_what_may_pass_is_worth_another_try(
    status: int, message: str, transient: bool
) -> None:
    error = refused(status, message)
    assert error.transient is transient
    assert message in error.message
    assert error.exit_code == 2


def test_no_answer_is_worth_another_try_unless_the_certificate_is_wrong() -> None:
    assert unreached(HOST, CONTEXT, "Connection refused").transient
    assert not unreached(HOST, CONTEXT, "certificate verify failed").transient
