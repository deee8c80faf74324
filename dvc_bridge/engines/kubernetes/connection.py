"""The connection to the Kubernetes API: cluster, namespace and credentials."""

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
# Timeouts, because an unreachable server shows as silence; all requests here are short.
CONNECT_S, READ_S = 4.0, 15.0
# The pauses between attempts of one request: an API server restarts within a few seconds.
PAUSES_S = (0.3, 1.0, 2.0)
# Following a log needs one connection per pod.
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
        The source of the address and the credentials, for messages.
    """

    api: Any
    namespace: str
    host: str
    context: str

    def ask(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call a method of the `kubernetes` package, with retries after transient faults.

        Raises
        ------
        ApiError
            The cluster refuses the request or cannot be reached.
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
        """Call a method of the `kubernetes` package once; see `ask`."""
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
        """Return the error for a missing or incomplete response."""
        return unreached(self.host, self.context, " ".join(str(why).split()))


def connect(namespace: str | None = None, context: str | None = None) -> Connection:
    """Read the kubeconfig or, in a pod without one, the service account of the pod.

    This sends no request to the cluster.

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

    configuration = client.Configuration()
    try:
        if context is None and _in_pod():
            config.load_incluster_config(client_configuration=configuration)
            default, source = _NAMESPACE_FILE.read_text().strip(), "the pod's service account"
        else:
            # Read now: the package only reads the environment when it is imported.
            file = os.environ.get("KUBECONFIG") or str(_USUAL_FILE)
            contexts, current = config.list_kube_config_contexts(file)
            entry = next((c for c in contexts if c["name"] == context), current)
            config.load_kube_config(file, context, configuration)
            default = entry["context"].get("namespace") or "default"
            source = f"context {context or entry['name']}"
    except (config.ConfigException, YAMLError, OSError) as exc:
        raise UsageError(
            f"no cluster is configured here: {' '.join(str(exc).split())}",
            "export KUBECONFIG=<file>; `kubectl config get-contexts` lists its contexts",
        ) from exc
    configuration.retries = False  # `ask` retries every method, without warnings
    configuration.connection_pool_maxsize = CONNECTIONS
    return Connection(
        client.ApiClient(configuration), namespace or default, configuration.host, source
    )


def _in_pod() -> bool:
    """Return whether the only configuration is the service account of a pod."""
    has_file = os.environ.get("KUBECONFIG") or _USUAL_FILE.exists()
    return not has_file and "KUBERNETES_SERVICE_HOST" in os.environ
