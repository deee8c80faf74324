"""The way to the Kubernetes API: which cluster, which namespace, as whom."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc_bridge.engines.kubernetes.errors import ApiError, refusal, unreached
from dvc_bridge.errors import UsageError

INSTALL = "pip install 'dvc-bridge[argo]'"
# A server that is gone shows as silence; nothing asked here takes long to answer.
CONNECT_S, READ_S = 4.0, 15.0
# Between the tries of one request: an API server that restarts is back in a few seconds.
PAUSES_S = (0.3, 1.0, 2.0)
# Every pod whose log is followed has a connection of its own.
CONNECTIONS = 256
_USUAL_FILE = Path(os.environ.get("HOME", "/"), ".kube", "config")
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True)
class Connection:
    """A client of one cluster.

    Parameters
    ----------
    api
        A `kubernetes.client.ApiClient`; threads may share it.
    context
        Where the address and the credentials come from, for messages.
    """

    api: Any
    namespace: str
    host: str
    context: str

    def ask(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call a method of the `kubernetes` package, a few times if the fault may pass.

        Raises
        ------
        ApiError
        """
        for pause in PAUSES_S:
            try:
                return self.ask_once(call, *args, **options)
            except ApiError as error:
                if not error.transient:
                    raise
                time.sleep(pause)
        return self.ask_once(call, *args, **options)

    def ask_once(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call it one time."""
        from kubernetes.client import ApiException  # noqa: PLC0415  an extra
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        try:
            return call(*args, **{"_request_timeout": (CONNECT_S, READ_S), **options})
        except ApiException as exc:
            if not exc.status:
                raise self.unreached(exc.reason) from exc
            body = exc.body.decode(errors="replace") if isinstance(exc.body, bytes) else exc.body
            raise refusal(exc.status, body or "", self.host, self.context) from exc
        except (HTTPError, OSError) as exc:
            raise self.unreached(exc) from exc

    def unreached(self, why: object) -> ApiError:
        """Say that there was no answer, or half a one."""
        return unreached(self.host, self.context, " ".join(str(why).split()))


def connect(namespace: str | None = None, context: str | None = None) -> Connection:
    """Read the kubeconfig, or, inside of a pod that has none, what the pod is given.

    Nothing is asked of the cluster yet.

    Parameters
    ----------
    namespace, context
        Default: the kubeconfig's.

    Raises
    ------
    UsageError
        The `kubernetes` package or a configuration is missing.
    """
    try:
        from kubernetes import client, config  # noqa: PLC0415  an extra, and 0.3 s
    except ImportError as exc:
        raise UsageError("the Python package kubernetes is not installed", INSTALL) from exc
    from yaml import YAMLError  # noqa: PLC0415

    wanted = client.Configuration()
    try:
        if context is None and _in_pod():
            config.load_incluster_config(client_configuration=wanted)
            found, source = _NAMESPACE_FILE.read_text().strip(), "the pod's service account"
        else:
            # Read now: the package knows the environment of its import alone.
            file = os.environ.get("KUBECONFIG") or str(_USUAL_FILE)
            contexts, current = config.list_kube_config_contexts(file)
            chosen = next((c for c in contexts if c["name"] == context), current)
            config.load_kube_config(file, context, wanted)
            found = chosen["context"].get("namespace") or "default"
            source = f"context {context or chosen['name']}"
    except (config.ConfigException, YAMLError, OSError) as exc:
        raise UsageError(
            f"no cluster is configured here: {' '.join(str(exc).split())}",
            "export KUBECONFIG=<file>; `kubectl config get-contexts` shows what it holds",
        ) from exc
    wanted.retries = False  # ours do not depend on the method, and are silent
    wanted.connection_pool_maxsize = CONNECTIONS
    return Connection(client.ApiClient(wanted), namespace or found, wanted.host, source)


def _in_pod() -> bool:
    """Tell whether a pod's service account is all there is."""
    named = os.environ.get("KUBECONFIG") or _USUAL_FILE.exists()
    return not named and "KUBERNETES_SERVICE_HOST" in os.environ
