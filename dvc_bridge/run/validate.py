"""A manifest, held against Argo's own schema before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dvc_bridge.errors import BridgeError, UsageError
from dvc_bridge.render.argo_check import problems

_SHOWN = 10


class ManifestError(BridgeError):
    """A manifest that Argo would not take is a bug of ours, not of the user."""

    exit_code = 5


def validate(made: Mapping[str, Any]) -> None:
    """See that a manifest is one that Argo takes and runs.

    Raises
    ------
    UsageError
        Its size, its names or its values are not right; all problems in one message.
    ManifestError
        It has a field that Argo does not know, or one of the wrong type.
    """
    if found := problems(made):
        more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        raise UsageError(
            "\n".join(found[:_SHOWN] + more), "mend dvc-bridge.yaml, or run fewer stages at once"
        )
    if unknown := _unlike_schema(made):
        raise ManifestError(
            "the manifest is not of Argo's schema: " + "; ".join(unknown[:_SHOWN]),
            "report this as a bug of dvc-bridge",
        )


def _unlike_schema(made: Mapping[str, Any]) -> list[str]:
    try:
        from hera.workflows import models  # noqa: PLC0415  takes a second
        from pydantic import ValidationError  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        raise UsageError(f"{exc.name} is not installed", "pip install 'dvc-bridge[argo]'") from exc
    model = getattr(models, made["kind"])
    try:
        # Names of Python are not names of Argo: by_name would let them pass.
        model.model_validate(made, extra="forbid", by_alias=True, by_name=False)
    except ValidationError as exc:
        return [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()]
    return []
