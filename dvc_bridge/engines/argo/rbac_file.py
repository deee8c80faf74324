"""The file with the service account and the roles that pods need."""

from __future__ import annotations

# In a clone of dvc-bridge's repository; the package does not contain it.
RBAC_FILE = "dvc-bridge/docs/argo-rbac.yaml"


def render_apply_command(namespace: str) -> str:
    """Return the command that creates the account and the roles in a namespace."""
    return f"kubectl -n {namespace} apply -f {RBAC_FILE}"
