"""Remotes with credentials of this machine: refused with a fix, or replaced in pods."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.config_schema import REMOTE_SCHEMAS

from dvc_bridge.dvcio.remotes.config import pod_settings
from dvc_bridge.errors import UsageError
from dvc_bridge.git.revision import check_url
from dvc_bridge.pipeline.argo_settings import ArgoSettings
from dvc_bridge.pipeline.parse_settings import parse_settings
from dvc_bridge.pipeline.remote_secrets import SECRET, for_pods, travels
from tests.e2e.test_convert import URL, commit
from tests.e2e.test_doctor import findings
from tests.support.commands import git
from tests.support.projects import CallBridge, MakeProject
from tests.unit.engines.argo.test_manifest import pods_of

OPTIONS = sorted(
    {name for schema in REMOTE_SCHEMAS.values() for name in map(str, schema) if name.isidentifier()}
)
SSH = "git@git.example:team/project.git"
# The remotes of the project below -> the option of each that pods cannot use.
PRIVATE = {"keyed": "keyfile", "profiled": "profile", "google": "credentialpath"}
CONFIG = """\
[core]
    no_scm = false
    remote = store
['remote "store"']
    url = ../../remote
['remote "keyed"']
    url = ssh://host.example/data
    keyfile = /home/me/.ssh/id_ed25519
['remote "profiled"']
    url = s3://bucket/data
    profile = team
    region = eu-west-1
['remote "google"']
    url = gs://bucket/data
    credentialpath = /home/me/key.json
"""
NO_FILES = "argo: {image: 'team:1'}\n"
FILES = """\
argo:
  image: team:1
  secrets: [s3]
  secret_files: {ssh-key: /secrets/ssh, gcs-key: /secrets/gcs}
  remotes:
    keyed: {keyfile: /secrets/ssh/id}
    profiled: {profile: ''}
    google: {credentialpath: /secrets/gcs/key.json}
"""


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_of_dvc_reaches_pods_or_is_refused_with_its_name(option: str) -> None:
    passed_options, problems = for_pods("r", {option: "x"}, {}, has_secrets=False)
    assert passed_options == ({option: "x"} if travels(option, "x") else {})
    assert len(problems) == (0 if passed_options else 1)
    assert (SECRET.get(option) or option) in "".join(problems) or passed_options


@pytest.mark.parametrize("option", [name for name in OPTIONS if not travels(name, "x")])
def test_an_option_that_is_another_one_in_pods_is_right(option: str) -> None:
    assert for_pods("r", {option: "x"}, {option: "y"}, has_secrets=False) == ({option: "y"}, [])
    assert for_pods("r", {option: "x"}, {option: ""}, has_secrets=False) == ({}, [])


@pytest.mark.parametrize(
    ("options", "passed_options"),
    [
        ({"ssl_verify": "false"}, {"ssl_verify": "false"}),
        ({"ask_password": "False"}, {}),
        ({"use_ssl": True}, {"use_ssl": "True"}),
    ],
)
def test_words_are_not_files_and_a_password_that_is_not_asked_for_needs_no_user(
    options: dict[str, Any], passed_options: dict[str, str]
) -> None:
    assert for_pods("r", options, {}, has_secrets=False) == (passed_options, [])


def test_keys_need_a_secret_whose_variables_are_named() -> None:
    keys = {"url": "s3://x", "access_key_id": "a", "secret_access_key": "hidden"}
    passed_options, problems = for_pods("r", keys, {}, has_secrets=False)
    assert passed_options == {"url": "s3://x"}
    (said,) = problems
    assert "a Secret with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY" in said
    assert "hidden" not in said
    assert for_pods("r", keys, {}, has_secrets=True) == ({"url": "s3://x"}, [])


def test_all_that_pods_cannot_have_is_reported_at_once_but_not_for_pods_of_other_starters() -> None:
    config = {
        "core": {"remote": "a"},
        "remote": {
            "a": {"url": "ssh://h/x", "keyfile": "k", "ask_passphrase": "true"},
            "b": {"url": "webdavs://h/x", "password": "hidden"},
        },
    }
    with pytest.raises(UsageError) as raised:
        pod_settings(config, ["b"], ArgoSettings())
    assert [line.partition(";")[0] for line in raised.value.message.splitlines()] == [
        "remote a: keyfile refers to a file on this machine",
        "remote a: ask_passphrase prompts the user, which is not possible in a pod",
        "remote b: password is a secret that DVC cannot read from the environment, and a manifest"
        " must not contain it: use a remote with other credentials",
    ]
    sections = pod_settings(config, ["b"], None)
    assert sections["'remote \"a\"'"] == {"url": "ssh://h/x"}
    assert sections["'remote \"b\"'"] == {"url": "webdavs://h/x"}


@pytest.fixture
def project(make_project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed project whose outs go to remotes with credentials of this machine."""
    stages = {
        name: {"cmd": f"cat raw > {name}", "deps": ["raw"], "outs": [{name: {"remote": name}}]}
        for name in PRIVATE
    }
    root = make_project(stages, {"raw": "1"})
    (root / ".dvc/config").write_text(CONFIG)
    git(root, "init", "--quiet")
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    return root


def configure(root: Path, settings: str) -> None:
    (root / "dvc-bridge.yaml").write_text(settings)
    commit(root)


def test_without_settings_it_is_refused_before_anything_is_sent(
    project: Path, call_bridge: CallBridge
) -> None:
    configure(project, NO_FILES)
    texts = [
        call_bridge(project, "convert", "--repo", URL, code=2),
        call_bridge(project, "submit", code=2),
        findings(call_bridge(project, "doctor", code=2))["credentials"][1],
    ]
    for text in texts:
        for remote, option in PRIVATE.items():
            assert f"remote {remote}: {option} refers to " in text
            assert f"argo.remotes.{remote}.{option}" in text or f"{{{remote}: {{{option}:" in text
        assert "fix: see Credentials in docs/argo.md of dvc-bridge" in text
    assert [path for path in project.parent.glob("remote/**/*") if path.is_file()] == []


def test_with_settings_the_manifest_mounts_the_secrets_and_names_what_is_in_them(
    project: Path, call_bridge: CallBridge
) -> None:
    configure(project, FILES)
    made = yaml.safe_load(call_bridge(project, "convert", "--repo", SSH))
    volumes = {v["name"]: v["secret"]["secretName"] for v in made["spec"]["volumes"][2:]}
    (pod,) = pods_of(made)
    mounts = {volumes.get(m["name"]): m["mountPath"] for m in pod["container"]["volumeMounts"]}
    assert mounts.items() >= {("ssh-key", "/secrets/ssh"), ("gcs-key", "/secrets/gcs")}
    assert pod["container"]["envFrom"] == [{"secretRef": {"name": "s3"}}]
    env = {item["name"]: item.get("value", "") for item in pod["container"]["env"]}
    assert env["DVC_BRIDGE_REPO"] == SSH
    store = json.loads(env["DVC_BRIDGE_STORE"])
    assert store["'remote \"keyed\"'"]["keyfile"] == "/secrets/ssh/id"
    assert store["'remote \"google\"'"]["credentialpath"] == "/secrets/gcs/key.json"
    profiled = store["'remote \"profiled\"'"]
    assert (profiled["region"], "profile" in profiled) == ("eu-west-1", False)
    assert "/home/me" not in json.dumps(made)
    assert "no cluster is configured here" in call_bridge(project, "submit", code=2)
    mark, said = findings(call_bridge(project, "doctor", code=2))["credentials"]
    assert mark == "ok"
    assert said.endswith("secrets come from s3, gcs-key, ssh-key")


@pytest.mark.parametrize(
    "url",
    [
        *(SSH, "host:project.git", "ssh://host/project", "ssh://git@host:22/project.git"),
        "git+ssh://host/project",
    ],
)
def test_an_address_that_needs_a_key_is_right_where_pods_have_files_of_secrets(url: str) -> None:
    with pytest.raises(UsageError, match="needs SSH with a key"):
        check_url(url)
    check_url(url, has_files=True)


@pytest.mark.parametrize("url", [URL, "http://host/x", "git://host:9419/x.git"])
def test_an_address_without_ssh_needs_no_key(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize("url", ["/srv/a:b.git", "./a:b", "a/b:c", "file:///srv/x", "x", "-o:x"])
def test_a_path_of_this_machine_is_no_address_with_or_without_a_key(url: str) -> None:
    with pytest.raises(UsageError, match="is not a URL that pods can reach"):
        check_url(url, has_files=True)


def test_doctor_looks_for_secrets_that_are_mounted_as_for_the_others() -> None:
    argo = parse_settings(yaml.safe_load(FILES)).argo
    assert argo.all_secrets == ("s3", "gcs-key", "ssh-key")


def test_an_origin_by_ssh_is_refused_where_pods_have_no_key(
    project: Path, call_bridge: CallBridge
) -> None:
    no_key = "secret_files"
    configure(project, "".join(line for line in FILES.splitlines(True) if no_key not in line))
    git(project, "remote", "add", "origin", SSH)
    said = call_bridge(project, "convert", code=2)
    assert f"{SSH} needs SSH with a key on this machine, which pods do not have" in said
    assert "fix: use --repo https://..., or mount a key with argo.secret_files" in said
