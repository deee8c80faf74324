"""A manifest on its way out: cut into what Argo takes, and looked at before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dvc_bridge.engines.argo.lint import check
from dvc_bridge.engines.argo.schema import validate_all
from dvc_bridge.engines.argo.workflow_split import parts


def checked(
    made: Mapping[str, Any],
    validated: Callable[[Sequence[Mapping[str, Any]]], None] = validate_all,
) -> list[dict[str, Any]]:
    """Give the parts of a manifest; see `dvc_bridge.engines.argo.workflow_split.parts`.

    Parameters
    ----------
    validated
        Holds them against Argo's own schema.

    Raises
    ------
    UsageError
        Argo would not run one of them.
    """
    found = parts(made)
    for part in found:
        check(part)
    validated(found)
    return found
