"""A local server with the few answers of the Kubernetes API that list Workflows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"


def workflow(run: str, phase: str) -> dict[str, Any]:
    """Return a Workflow of a run as the cluster returns it."""
    return {
        "metadata": {"name": run, "labels": {"dvc-bridge/run": run}},
        "status": {"phase": phase},
    }


@contextmanager
def serving(
    folder: Path,
    workflows: Sequence[dict[str, Any]],
    *,
    space: str = "team",
    uid: str = "u1",
    refuses: bool = False,
) -> Iterator[dict[str, str]]:
    """Start the server, write a kubeconfig to `folder`, and yield the cluster's identity.

    Parameters
    ----------
    uid
        The uid of the namespace kube-system, which identifies a cluster.
    refuses
        Whether it rejects all credentials.
    """
    answers: dict[str, dict[str, Any]] = {
        WORKFLOWS.format(space): {"items": list(workflows), "metadata": {}},
        WORKFLOWS.format(space).replace("workflows", "workflowtemplates"): {
            "items": [],
            "metadata": {},
        },
        "/api/v1/namespaces/kube-system": {"metadata": {"uid": uid, "name": "kube-system"}},
    }

    def answer(path: str) -> tuple[int, dict[str, Any]]:
        if refuses:
            return 401, {"kind": "Status", "message": "Unauthorized"}
        if path in answers:
            return 200, answers[path]
        return 404, {"kind": "Status", "message": f"{path} not found"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answer(self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        host = f"http://127.0.0.1:{server.server_port}"
        config = {
            "clusters": [{"name": "c", "cluster": {"server": host}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [
                {"name": "x", "context": {"cluster": "c", "user": "u", "namespace": space}}
            ],
            "current-context": "x",
        }
        (folder / "kubeconfig").write_text(json.dumps(config))
        yield {"uid": uid, "host": host, "namespace": space}
        server.shutdown()
