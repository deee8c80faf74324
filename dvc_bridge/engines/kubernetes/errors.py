"""What the Kubernetes API refuses, in words that say what to do."""

from __future__ import annotations

import json
import re
from typing import Any

from dvc_bridge.errors import UsageError

ROLES = "docs/argo.md of dvc-bridge has the whole Roles"
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
        Of HTTP; 0 if there was no answer.
    transient
        Whether the same request may succeed in a moment.
    """

    def __init__(self, status: int, message: str, fix: str = "", *, transient: bool = False):
        super().__init__(message, fix)
        self.status = status
        self.transient = transient


def unreached(host: str, context: str, why: str) -> ApiError:
    """Say that there was no answer."""
    return ApiError(
        UNREACHED,
        f"the cluster at {host} does not answer: {why}",
        f"see that it is the right one ({context}) and can be reached: kubectl cluster-info",
        transient="certificate" not in why.lower(),
    )


def refusal(  # noqa: PLR0911  a line a status
    status: int, body: str, host: str, context: str
) -> ApiError:
    """Return an answer that is not the one asked for as an error.

    Parameters
    ----------
    body
        Of the answer: a `Status` of Kubernetes as JSON, or any text.
    """
    said = _status(body)
    message = str(said.get("message") or body.strip() or f"HTTP status {status}")
    if status == UNAUTHORIZED:
        return ApiError(
            status,
            f"the cluster at {host} does not accept these credentials ({context})",
            "log in to it again; `kubectl auth whoami` shows who you are to it",
        )
    if status == FORBIDDEN:
        return _forbidden(message)
    if status == NOT_FOUND:
        return _not_found(message, said.get("details") or {}, host)
    if status == CONFLICT:
        return ApiError(status, message, "choose another name, or delete the old one")
    if status == _TOO_LARGE or "too large" in message:
        return ApiError(
            status, f"the cluster takes no object of this size: {message}", "use `fuse: auto`"
        )
    if status == _TOO_MANY or status >= _BROKEN:
        return ApiError(
            status, f"the cluster at {host} is in trouble: {message}", "try again", transient=True
        )
    return ApiError(status, f"the cluster at {host} refuses: {message}")


def role_rule(group: str, resource: str, *verbs: str) -> str:
    """Write a rule of a Role as YAML on one line."""
    return f'{{apiGroups: ["{group}"], resources: [{resource}], verbs: [{", ".join(verbs)}]}}'


def _forbidden(message: str) -> ApiError:
    found = _FORBIDDEN.search(message)
    if found is None:  # a quota, an admission policy, a namespace that is being deleted
        return ApiError(FORBIDDEN, f"the cluster forbids it: {message}")
    rule = role_rule(found["group"], found["resource"], found["verb"])
    return ApiError(
        FORBIDDEN,
        f"{found['user']} may not {found['verb']} {found['resource']}: {message}",
        f"add to a Role that is bound to it: {rule}; {ROLES}",
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
        f"the cluster at {host} has no Argo Workflows: there is no such thing as a Workflow in it",
        "install it: https://argo-workflows.readthedocs.io/en/latest/installation/",
    )


def _status(body: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
