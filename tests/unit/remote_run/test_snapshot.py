"""A snapshot contains the current code, has reproducible bytes, and contains no secrets."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.errors import IntegrityError, UsageError
from dvc_bridge.remote_run.secret_scan import secret_in
from dvc_bridge.remote_run.snapshot import take, unpack
from tests.support.paths import REPOSITORY


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    files = {
        "dvc.yaml": "stages: {}",
        "code/run.py": "print(1)",
        "data/out.csv": "tracked by DVC",
        "ignored.txt": "ignored",
        ".gitignore": "ignored.txt",
        ".env": "PASSWORD=1",
        "deploy.pem": "key",
        ".dvc/config": "",
        ".dvc/config.local": "secret",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "code/run.py").chmod(0o755)
    (root / "link").symlink_to("code/run.py")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    subprocess.run(["git", "add", "dvc.yaml", "code", ".dvc/config"], cwd=root, check=True)
    return Project(root, root, {})


def test_it_holds_what_git_tracks_or_would_track_but_no_outs_and_no_secrets(
    project: Project,
) -> None:
    snapshot = take(project, ["data/out.csv"])
    assert snapshot.files == {"dvc.yaml", "code/run.py", ".gitignore", ".dvc/config", "link"}
    left_out = {w.split(": ")[1] for w in snapshot.warnings if w.startswith("left out")}
    assert left_out == {".env", "deploy.pem", ".dvc/config.local"}


def test_the_same_files_give_the_same_bytes_whenever_and_by_whom(project: Project) -> None:
    before = take(project, [])
    os.utime(project.root / "dvc.yaml", (1, 1))
    assert take(project, []).archive == before.archive
    (project.root / "dvc.yaml").write_text("stages: {a: {cmd: b}}")
    assert take(project, []).sha256 != before.sha256


def test_it_unpacks_to_what_was_there_with_links_and_modes(
    project: Project, tmp_path: Path
) -> None:
    snapshot = take(project, [])
    unpack(snapshot.archive, snapshot.sha256, tmp_path / "pod")
    assert (tmp_path / "pod/code/run.py").read_text() == "print(1)"
    assert os.access(tmp_path / "pod/code/run.py", os.X_OK)
    assert os.readlink(tmp_path / "pod/link") == "code/run.py"  # noqa: PTH115


def test_a_damaged_snapshot_is_not_unpacked(project: Project, tmp_path: Path) -> None:
    snapshot = take(project, [])
    damaged = snapshot.archive[:-1] + b"x"
    with pytest.raises(IntegrityError, match="damaged"):
        unpack(damaged, snapshot.sha256, tmp_path / "pod")
    assert not (tmp_path / "pod").exists()


_BASE64 = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" * 3
KEY = f"-----BEGIN PRIVATE KEY-----\n{_BASE64}\n-----END PRIVATE KEY-----\n"
SECRETS = {
    "id_ecdsa": "x",
    "deploy.txt": KEY,
    "service-account.json": f'{{"private_key": "{KEY}"}}'.replace("\n", "\\n"),
    ".aws/credentials": "[default]\naws_secret_access_key = short\n",
    ".docker/config.json": '{"auths": {"x": {"auth": VALUE}}}'.replace(
        "VALUE", '"bWU6c2VjcmV0cGFzc3dvcmQ="'
    ),
    ".pgpass": "h:5432:db:me:hunter2",
    "deep/er/prod.env": "SECRET=x",
    ".env.production": "SECRET=x",
    ".npmrc": f"//registry.npmjs.org/:_auth{'Token'}=npm_{'a1' * 18}\n",
    ".streamlit/secrets.toml": "password = 'x'",
    "settings.py": f'aws = {{"aws_secret_access_key": "{"aZ3k/9xQ" * 5}"}}',
    "notes.md": f"the token is ghp_{'A1b2' * 9}.",
    "run.py": f"client = OpenAI(key='sk-proj-{'aB3_' * 12}')",
    "conf.yaml": f"storage: DefaultEndpointsProtocol=https;AccountKey={'Ab1+' * 21}Ab==;",
}
HARMLESS = {
    "docs/argo.md": "kubectl create secret ... --from-literal=AWS_SECRET_ACCESS_KEY=...\n"
    "aws_secret_access_key = <your key>\n-----BEGIN PRIVATE KEY-----\n...\n",
    "aws.md": "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ".env.example": "PASSWORD=",
    "ca.pem": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "secrets.yaml": "password: ENC[AES256_GCM,data:x,type:str]\n",
    ".npmrc": "//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n",
    "hash.txt": "aZ3kP9xQ7mW2vB8nL5tR1yC6uD4sF0gHjKeXiOo" * 3,
    "model.py": "sk-learn = 1  # sk-learn is scikit-learn",
    "deploy.pub": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ me@here",
}


def _write(project: Project, name: str, text: str) -> None:
    path = project.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(("name", "text"), SECRETS.items(), ids=SECRETS)
def test_a_secret_is_left_out_where_git_does_not_track_it(
    project: Project, name: str, text: str
) -> None:
    _write(project, name, text)
    snapshot = take(project, [])
    assert name not in snapshot.files
    assert any(warning.startswith(f"left out: {name}: it") for warning in snapshot.warnings)


@pytest.mark.parametrize(("name", "text"), SECRETS.items(), ids=SECRETS)
def test_a_secret_in_git_is_refused_unless_it_is_allowed(
    project: Project, name: str, text: str
) -> None:
    _write(project, name, text)
    subprocess.run(["git", "add", "-f", name], cwd=project.root, check=True)
    with pytest.raises(UsageError, match=f"{re.escape(name)} is in git: it"):
        take(project, [])
    assert name in take(project, [], [name]).files


@pytest.mark.parametrize(("name", "text"), HARMLESS.items(), ids=HARMLESS)
def test_what_is_no_secret_is_sent_without_a_word(project: Project, name: str, text: str) -> None:
    _write(project, name, text)
    snapshot = take(project, [])
    assert name in snapshot.files
    assert not any(name in warning for warning in snapshot.warnings)


def test_nothing_of_this_repository_is_taken_for_a_secret() -> None:
    project = find_project(Path(__file__).parent)
    names = take(project, [], ["tests/unit/remote_run/test_snapshot.py"]).secrets
    assert not names


def test_nothing_in_this_repository_looks_like_a_secret() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    names = listed.stdout.strip("\0").split("\0")
    assert {name: why for name in names if (why := secret_in(REPOSITORY, name))} == {}


def test_a_secret_in_the_committed_settings_of_a_remote_is_refused(project: Project) -> None:
    config = project.root / ".dvc" / "config"
    public = "['remote \"s\"']\n    url = s3://b\n    access_key_id = me\n    # token = x\n"
    config.write_text(public)
    take(project, [])
    config.write_text(f"{public}    secret_access_key = hidden\n")
    with pytest.raises(UsageError, match=r"\.dvc/config has secret_access_key") as refused:
        take(project, [])
    assert "hidden" not in str(refused.value)
    take(project, [], [".dvc/config"])
