"""The image, the manifests, the alert rules and the dashboard say what the code says."""

from __future__ import annotations

import ast
import dataclasses
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from serving.settings import Settings, read_settings
from tests.conftest import REPOSITORY
from tests.serving.conftest import Rows, ServerProcess

DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
HEAVY = (
    "dvc",
    "dvc_bridge",
    "metaflow",
    "onnx",
    "pandas",
    "pyarrow",
    "pydantic",
    "sklearn",
    "skl2onnx",
    "yaml",
)


def imported(start: Path) -> set[Path]:
    """Return the files of this repository that `start` imports, directly or indirectly."""
    seen: set[Path] = set()
    todo = [start]
    while todo:
        file = todo.pop()
        seen.add(file)
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.ImportFrom):
                continue
            base = REPOSITORY if not node.level else file.parents[node.level - 1]
            folder = base.joinpath(*(node.module or "").split("."))
            candidates = [folder.with_suffix(".py"), *(folder / f"{a.name}.py" for a in node.names)]
            inside = [f for f in candidates if f.is_file() and f.is_relative_to(REPOSITORY)]
            todo += [f for f in inside if ".venv" not in f.parts and f not in seen]
    return seen


def test_the_image_holds_the_pipeline_s_files_that_the_server_imports_and_no_other() -> None:
    copied = set(re.findall(r"flows/\S+\.py", DOCKERFILE))
    needed = {str(f.relative_to(REPOSITORY)) for f in imported(REPOSITORY / "serving/__main__.py")}
    packages = {f"flows/{package}__init__.py" for package in ("", "features/", "models/")}
    assert copied == {path for path in needed if path.startswith("flows/")} | packages


def test_the_server_starts_without_the_heavy_packages(bundle: Path) -> None:
    """Imports what a request needs, in a process in which importing them fails."""
    script = f"""
import sys
for name in {HEAVY!r}: sys.modules[name] = None
from pathlib import Path
from serving.lifecycle import Server
from serving.model.model import load_model
from serving.settings import Settings
load_model(Path({str(bundle)!r}))
Server(Settings())
"""
    subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=True)


def test_the_packages_of_the_image_take_no_more_than_200_mb() -> None:
    lock = (REPOSITORY / "serving/deploy/requirements.lock").read_text()
    pinned = [Requirement(line) for line in re.findall(r"^([a-z].*?) \\$", lock, re.MULTILINE)]
    here = [r for r in pinned if r.marker is None or r.marker.evaluate()]
    size = 0
    for requirement in here:
        distribution = importlib.metadata.distribution(requirement.name)
        assert distribution.version in requirement.specifier
        files = [Path(str(f.locate())) for f in distribution.files or []]
        size += sum(f.stat().st_size for f in files if f.exists() and f.suffix != ".map")
    assert 100e6 < size <= 200e6


def test_the_lock_of_the_image_pins_what_the_project_s_lock_pins() -> None:
    pin = re.compile(r"^([a-z0-9-]+==\S+)", re.MULTILINE)
    ours = set(pin.findall((REPOSITORY / "serving/deploy/requirements.lock").read_text()))
    assert ours <= set(pin.findall((REPOSITORY / "requirements.lock").read_text()))


def documents() -> dict[str, Any]:
    text = (REPOSITORY / "serving/deploy/kubernetes.yaml").read_text()
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def test_the_pod_is_locked_down_and_its_probes_succeed(server: ServerProcess) -> None:
    pod = documents()["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    security = container["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["automountServiceAccountToken"] is False
    assert security["readOnlyRootFilesystem"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert server.request("GET", container[probe]["httpGet"]["path"]).status == 200
    settings = read_settings({e["name"]: e["value"] for e in container["env"]})
    assert settings.drain_s + settings.grace_s < pod["terminationGracePeriodSeconds"]
    assert container["ports"][0]["containerPort"] == Settings().port


def exported(server: ServerProcess) -> set[str]:
    text = server.request("GET", "/metrics").body.decode()
    return {line.split(" ")[0].split("{")[0] for line in text.splitlines() if line[0] != "#"}


def queries() -> list[str]:
    rules = yaml.safe_load((REPOSITORY / "serving/deploy/prometheus-rules.yaml").read_text())
    board = json.loads((REPOSITORY / "serving/deploy/grafana-dashboard.json").read_text())
    rule_queries = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    return rule_queries + [t["expr"] for panel in board["panels"] for t in panel["targets"]]


@pytest.mark.parametrize("query", queries())
def test_every_metric_of_the_rules_and_the_dashboard_is_exported(
    query: str, server: ServerProcess, rows: Rows
) -> None:
    server.request("POST", "/predict", {"rows": rows[:1]})
    named = set(re.findall(r"\b(?:serving|process)_[a-z_]+", query))
    assert named
    assert named <= exported(server)


@pytest.mark.skipif(
    not shutil.which("promtool"), reason="needs promtool: apt-get install prometheus"
)
def test_promtool_accepts_rules_and_metrics(server: ServerProcess) -> None:
    rules = str(REPOSITORY / "serving/deploy/prometheus-rules.yaml")
    subprocess.run(["promtool", "check", "rules", rules], check=True, capture_output=True)
    text = server.request("GET", "/metrics").body
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, check=False
    )
    # 3 is for remarks on style; process_* are Prometheus's own names.
    assert done.returncode in (0, 3), done.stderr
    assert b"serving_" not in done.stderr, done.stderr


def test_the_example_of_the_readme_predicts_a_disruption(server: ServerProcess) -> None:
    command = "curl http://127.0.0.1:8000/predict -H 'content-type: application/json'"
    assert f"$ {command} -d @serving/example.json" in (REPOSITORY / "README.md").read_text()
    body = (REPOSITORY / "serving/example.json").read_bytes()
    assert server.request("POST", "/predict", body).json["labels"] == ["disrupted"]


def test_every_setting_is_documented() -> None:
    text = (REPOSITORY / "docs/serving.md").read_text()
    named = set(re.findall(r"`SERVING_([A-Z_]+)`", text))
    assert named == {field.name.upper() for field in dataclasses.fields(Settings)}
