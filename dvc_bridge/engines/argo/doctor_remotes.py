"""Check that pods can reach the DVC remotes at all."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from dvc_bridge.engines.base import Finding
from dvc_bridge.pipeline.argo_settings import ArgoSettings

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def check_remotes(
    config: Mapping[str, Any], names: Collection[str], argo: ArgoSettings
) -> Iterator[Finding]:
    """Yield a finding for each remote that only this machine has.

    Parameters
    ----------
    config
        DVC's settings.
    names
        The remotes of outs, in addition to the default one.
    """
    default = config["core"].get("remote")
    for name in dict.fromkeys(filter(None, [default, *sorted(names)])):
        options = {**config["remote"].get(name, {}), **dict(dict(argo.remotes).get(name, ()))}
        url = str(options.get("url", ""))
        if url and "://" not in url:
            yield Finding(
                "pods",
                False,
                f"remote {name} is the folder {url} of this machine, which pods do not have",
                "use a remote that pods reach, such as a bucket: dvc remote add -d NAME URL; if"
                ' pods mount this folder (stages: {"*": {volumes: ...}}), ignore this',
            )
        address = str(options.get("endpointurl") or url)
        if urlsplit(address).hostname in _LOOPBACK:
            yield Finding(
                "pods",
                False,
                f"remote {name} is at {address}, which means another machine in a pod",
                f"name an address that pods reach: argo: {{remotes: {{{name}: {{endpointurl:"
                " URL}}} in dvc-bridge.yaml",
            )
