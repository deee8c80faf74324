"""Errors of the Kubernetes API, with the next step."""

from __future__ import annotations

import json
import re
from typing import Any

from dvc_bridge.errors import UsageError

ROLES = "docs/argo.md of dvc-bridge has the complete Roles"
_FORBIDDEN = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]*)"'
    r' in API group "(?P<group>[^"]*)"'
)
UNREACHED, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT = 0, 401, 403, 404, 409
_TOO_MANY, _TOO_LARGE, _BROKEN = 429, 413, 500


class ApiError(UsageError):
    """The cluster refuses, or cannot be reached.

    Parameters
    ----------
    status
        The HTTP status; 0 if there was no response.
    transient
        Whether the same request may succeed when it is sent again.
    """

    def __init__(self, status: int, message: str, fix: str = "", *, transient: bool = False):
        super().__init__(message, fix)
        self.status = status
        self.transient = transient


def unreached(host: str, context: str, why: str) -> ApiError:
    """Return the error for a missing response."""
    return ApiError(
        UNREACHED,
        f"the cluster at {host} does not respond: {why}",
        f"check that this is the right cluster ({context}) and is reachable: kubectl cluster-info",
        transient="certificate" not in why.lower(),
    )


def refusal(  # noqa: PLR0911  a line a status
    status: int, body: str, host: str, context: str
) -> ApiError:
    """Return the error for a response whose status is not a success.

    Parameters
    ----------
    body
        The body of the response: a `Status` of Kubernetes as JSON, or any text.
    """
    content = _status(body)
    message = str(content.get("message") or body.strip() or f"HTTP status {status}")
    if status == UNAUTHORIZED:
        return ApiError(
            status,
            f"the cluster at {host} does not accept these credentials ({context})",
            "log in again; `kubectl auth whoami` shows the current user",
        )
    if status == FORBIDDEN:
        return _forbidden(message)
    if status == NOT_FOUND:
        return _not_found(message, content.get("details") or {}, host)
    if status == CONFLICT:
        return ApiError(status, message, "choose another name, or delete the old one")
    if status == _TOO_LARGE or "too large" in message:
        return ApiError(
            status,
            f"the cluster does not accept objects of this size: {message}",
            "use `fuse: auto`",
        )
    if status == _TOO_MANY or status >= _BROKEN:
        return ApiError(
            status, f"the cluster at {host} reports a fault: {message}", "try again", transient=True
        )
    return ApiError(status, f"the cluster at {host} refuses the request: {message}")


def role_rule(group: str, resource: str, *verbs: str) -> str:
    """Return a rule of a Role as YAML on one line."""
    return f'{{apiGroups: ["{group}"], resources: [{resource}], verbs: [{", ".join(verbs)}]}}'


def _forbidden(message: str) -> ApiError:
    match = _FORBIDDEN.search(message)
    if match is None:  # a quota, an admission policy, a namespace that is being deleted
        return ApiError(FORBIDDEN, f"the cluster forbids the request: {message}")
    rule = role_rule(match["group"], match["resource"], match["verb"])
    return ApiError(
        FORBIDDEN,
        f"{match['user']} may not {match['verb']} {match['resource']}: {message}",
        f"add to a Role that is bound to this user: {rule}; {ROLES}",
    )


def _not_found(message: str, details: Any, host: str) -> ApiError:
    if details.get("kind") == "namespaces":
        name = details.get("name")
        return ApiError(
            NOT_FOUND,
            f"the cluster at {host} has no namespace {name}",
            f"kubectl create namespace {name}, or name another as argo.namespace in"
            " dvc-bridge.yaml",
        )
    if details.get("name"):
        return ApiError(NOT_FOUND, message)
    return ApiError(
        NOT_FOUND,
        f"Argo Workflows is not installed on the cluster at {host}",
        "install it: https://argo-workflows.readthedocs.io/en/latest/installation/",
    )


def _status(body: str) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
