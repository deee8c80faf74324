"""A local server with the few answers of the Kubernetes API that a run asks for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
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


def worker_commands(workflow: Mapping[str, Any]) -> list[tuple[str, str, dict[str, str]]]:
    """Return the name of each task of a Workflow, and the reference and variables of its worker."""
    templates = {template["name"]: template for template in workflow["spec"]["templates"]}
    variables = {
        name: {v["name"]: v["value"] for v in template["container"]["env"]}
        for name, template in templates.items()
        if "container" in template
    }
    return [
        (task["name"], task["arguments"]["parameters"][0]["value"], variables[task["template"]])
        for task in templates["run"]["dag"]["tasks"]
    ]


@contextmanager
def serving(
    folder: Path,
    workflows: list[dict[str, Any]],
    *,
    space: str = "team",
    uid: str = "u1",
    refuses: bool = False,
    logs: Mapping[str, str] | None = None,
) -> Iterator[dict[str, str]]:
    """Start the server, write a kubeconfig to `folder`, and yield the cluster's identity.

    Parameters
    ----------
    workflows
        The Workflows of the namespace; the server appends those that a client creates.
    uid
        The uid of the namespace kube-system, which identifies a cluster.
    refuses
        Whether it rejects all credentials.
    logs
        The logs of pods, by name; each line begins with its time.
    """
    collection = WORKFLOWS.format(space)
    answers: dict[str, dict[str, Any] | str] = {
        collection: {"items": workflows, "metadata": {}},
        collection.replace("workflows", "workflowtemplates"): {"items": [], "metadata": {}},
        "/api/v1/namespaces/kube-system": {"metadata": {"uid": uid, "name": "kube-system"}},
    }
    for pod, text in (logs or {}).items():
        answers[f"/api/v1/namespaces/{space}/pods/{pod}/log"] = text

    def answer(path: str) -> tuple[int, dict[str, Any] | str]:
        if refuses:
            return 401, {"kind": "Status", "message": "Unauthorized"}
        if path in answers:
            return 200, answers[path]
        return 404, {"kind": "Status", "message": f"{path} not found"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.respond(*answer(self.path.partition("?")[0]))

        def do_POST(self) -> None:
            created = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path.partition("?")[0] == collection:
                workflows.append(created)
            self.respond(201, created)

        def respond(self, status: int, body: dict[str, Any] | str) -> None:
            self.send_response(status)
            kind = "text/plain" if isinstance(body, str) else "application/json"
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write((body if isinstance(body, str) else json.dumps(body)).encode())

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
