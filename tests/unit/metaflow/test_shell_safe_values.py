"""Inputs of a flow are checked before they are sent: parameters, tags, datastore, profile."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dvc_bridge.errors import StorageError, UsageError
from dvc_bridge.metaflow.check_services import check_datastore, warnings
from dvc_bridge.metaflow.profile import profile, write_profile
from dvc_bridge.metaflow.shell_safe_values import check_origin, check_tags, check_value
from tests.support.local_flow import started
from tests.support.paths import REPOSITORY

FLOW = """
    from pathlib import Path
    from metaflow import FlowSpec, JSONType, Parameter, step
    from dvc_bridge.metaflow import dvc_project

    @dvc_project(root=Path(__file__).parent)
    class Mini(FlowSpec):
        note = Parameter("note", default=DEFAULT)
        more = Parameter("more", type=JSONType, default="{}")
        rows = Parameter("rows", default=5)

        @step
        def start(self):
            print("got", self.note, self.more, self.rows)
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Mini()
"""
TRIGGER = ("argo-workflows", "trigger")
CREATE = ("--datastore=s3", "--datastore-root=s3://nowhere/x", "argo-workflows", "create")


def flow(folder: Path, *words: str, code: int, default: str = "'plain'") -> str:
    (folder / "flow.py").write_text(textwrap.dedent(FLOW).replace("DEFAULT", default))
    printed = started(folder, *words, code=code)
    assert "Traceback" not in printed, printed
    return printed


@pytest.mark.parametrize("text", ["$(id)", "$HOME", "`id`", 'a"b', "it's", "a\\b", "a\nb", "\0"])
def test_a_value_that_a_shell_would_change_is_refused_by_name(text: str) -> None:
    for value in (text, {"key": [text]}, {text: 1}):
        with pytest.raises(UsageError, match="parameter note: "):
            check_value("note", value)


@pytest.mark.parametrize("value", ["", "a b, c; d & e | f > g #! *", "ü 日本", 5, 1.5, True, None])
def test_any_other_value_is_taken(value: object) -> None:
    check_value("note", value)


@pytest.mark.parametrize("command", [("run",), TRIGGER])
@pytest.mark.parametrize("option", ["--note=x$(id)", '--more={"a": ["`id`"]}'])
def test_a_command_line_with_such_a_value_ends_before_anything_is_sent(
    tmp_path: Path, command: tuple[str, ...], option: str
) -> None:
    printed = flow(tmp_path, *command, option, code=1)
    assert f"parameter {option[2:6]}: " in printed
    assert "which a shell in a pod would change or run" in printed


def test_such_a_default_is_not_deployed(tmp_path: Path) -> None:
    for default in ("'x$(id)'", "lambda context: 'x$(id)'"):
        command = CREATE if "lambda" not in default else ("run",)
        assert "parameter note: " in flow(tmp_path, *command, default=default, code=1)


def test_good_values_reach_the_step_with_their_types(tmp_path: Path) -> None:
    printed = flow(tmp_path, "run", "--note=a b", '--more={"a": [1]}', "--rows=7", code=0)
    assert "got a b {'a': [1]} 7" in printed
    assert "is not a valid integer" in flow(tmp_path, "run", "--rows=many", code=2)


@pytest.mark.parametrize(
    "words",
    [
        ["create", "--tag", "note:a b"],
        ["create", "--tag=x:$(id)"],
        ["create", "--tag", "fine", "--tag", "x;y"],
        ["create", "--namespace", "user:`id`"],
    ],
)
def test_a_tag_that_a_shell_would_read_is_refused(words: list[str]) -> None:
    with pytest.raises(UsageError, match="has characters other than letters, digits and"):
        check_tags(words)


def test_a_tag_is_refused_on_the_command_line_and_a_good_one_is_not(tmp_path: Path) -> None:
    assert "--tag: 'x:$(id)'" in flow(tmp_path, *CREATE, "--tag", "x:$(id)", code=1)
    check_tags(["create", "--tag", "team:a/b.c_d=e@f-1", "--max-workers", "x y"])


def test_an_origin_with_credentials_is_refused_before_metaflow_sends_it(tmp_path: Path) -> None:
    def origin(url: str) -> None:
        command = ["git", "config", "remote.origin.url", url]
        subprocess.run(command, cwd=tmp_path, check=True)

    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    check_origin(tmp_path)
    for url in ("git@example.com:a/b.git", "https://example.com/a/b", "ssh://git@example.com/a"):
        origin(url)
        check_origin(tmp_path)
    for url in ("https://me:t0ken@example.com/a/b", "https://t0ken@example.com/a/b"):
        origin(url)
        with pytest.raises(UsageError, match="contains credentials") as caught:
            check_origin(tmp_path)
        assert "t0ken" not in str(caught.value)


Answer = Callable[[int, str], str]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answer]:
    """Return a function that starts an S3 server with one answer for everything."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    servers = []

    def start(status: int, code: str) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = f"<Error><Code>{code}</Code><Message>said so</Message></Error>".encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr("metaflow.metaflow_config.S3_ENDPOINT_URL", url)
        return url

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (404, "NoSuchBucket", "there is no such bucket"),
        (403, "SignatureDoesNotMatch", "refuses: .*SignatureDoesNotMatch"),
        (403, "InvalidAccessKeyId", "refuses: .*InvalidAccessKeyId"),
    ],
)
def test_a_datastore_that_refuses_is_reported_at_once(
    s3: Answer, status: int, code: str, said: str
) -> None:
    s3(status, code)
    start = time.monotonic()
    with pytest.raises(UsageError, match=said) as caught:
        check_datastore("s3://bucket/metaflow")
    assert time.monotonic() - start < 30
    assert "s3://bucket/metaflow" in str(caught.value)
    assert caught.value.fix


def test_a_missing_datastore_is_reported_within_seconds(
    s3: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3(200, "")
    monkeypatch.setattr("metaflow.metaflow_config.S3_ENDPOINT_URL", "http://127.0.0.1:9")
    start = time.monotonic()
    with pytest.raises(StorageError, match="does not respond"):
        check_datastore("s3://bucket/metaflow")
    assert time.monotonic() - start < 30


def test_missing_credentials_are_reported(
    s3: Answer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    s3(200, "")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(UsageError, match="there are no credentials here"):
        check_datastore("s3://bucket/metaflow")


def test_an_address_or_an_image_that_cannot_work_in_pods_is_reported() -> None:
    assert not list(warnings("my/image:1", "http://s3.example:8333"))
    (said,) = warnings("my/image:1", "http://127.0.0.1:8333")
    assert "which is the pod itself" in said
    assert len(list(warnings("python:3.11", "http://localhost:1"))) == 2


GOOD = {"bucket": "team-data/a", "image": "registry.example/team/image:1", "secret": "s3-a,s3-b"}


def test_metaflow_takes_the_profile(tmp_path: Path) -> None:
    file = write_profile("cluster", {**GOOD, "endpoint": "http://s3.example:9000"}, tmp_path)
    assert file == tmp_path / "config_cluster.json"
    names = ("DATASTORE_SYSROOT_S3", "S3_ENDPOINT_URL", "KUBERNETES_NAMESPACE", "S3_RETRY_COUNT")
    code = f"import metaflow.metaflow_config as c; print([getattr(c, n) for n in {names}])"
    env = {k: v for k, v in os.environ.items() if not k.startswith("METAFLOW_")}
    env |= {"METAFLOW_HOME": str(tmp_path), "METAFLOW_PROFILE": "cluster"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    expected = ["s3://team-data/a/metaflow", "http://s3.example:9000", "default", 2]
    assert done.stdout.strip() == str(expected)
    assert "secret_access" not in json.dumps(profile(GOOD)).lower()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bucket", "s3://team-data"),
        ("bucket", "Team"),
        ("bucket", ""),
        ("image", ""),
        ("image", "my image"),
        ("endpoint", "s3.example:9000"),
        ("endpoint", "https://key:secret@s3.example"),
        ("namespace", "My_Space"),
        ("secret", "$(id)"),
        ("pull-policy", "Sometimes"),
        ("service-account", "a/b"),
    ],
)
def test_nonsense_is_refused_by_name_and_nothing_is_written(
    tmp_path: Path, name: str, value: str
) -> None:
    with pytest.raises(UsageError, match=f"^{name} "):
        write_profile("cluster", {**GOOD, name: value}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_make_reports_all_errors_at_once(tmp_path: Path) -> None:
    root = REPOSITORY
    env = {**os.environ, "METAFLOW_HOME": str(tmp_path), "BUCKET": "a;touch x", "NAMESPACE": "A"}
    command = ["make", "--silent", "--assume-old=.venv/.installed", "metaflow-config"]
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True)
    assert done.returncode
    for said in ("bucket 'a;touch x'", "namespace 'A'", "image is missing"):
        assert said in done.stderr
    assert not (root / "x").exists()
