"""A manifest, held against Argo's own schema before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dvc_bridge.errors import BridgeError, UsageError

_SHOWN = 10


class ManifestError(BridgeError):
    """A manifest that Argo would not take is a bug of ours, not of the user."""

    exit_code = 5


def validate(made: Mapping[str, Any]) -> None:
    """See that a manifest has only fields that Argo knows, each of its type.

    Raises
    ------
    UsageError
        The models of Argo's objects are not installed.
    ManifestError
        It has others; all of them in one message.
    """
    try:
        from hera.workflows import models  # noqa: PLC0415  takes a second
        from pydantic import ValidationError  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        raise UsageError(f"{exc.name} is not installed", "pip install 'dvc-bridge[argo]'") from exc
    try:
        # Names of Python are not names of Argo: by_name would let them pass.
        getattr(models, made["kind"]).model_validate(
            made, extra="forbid", by_alias=True, by_name=False
        )
    except ValidationError as exc:
        found = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()[:_SHOWN]]
        raise ManifestError(
            "the manifest is not of Argo's schema: " + "; ".join(found),
            "report this as a bug of dvc-bridge",
        ) from exc
