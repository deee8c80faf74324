"""The DVC project in a flow's code package, and its use in a pod."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import textwrap
from pathlib import Path

import pytest

from tests.support.commands import dvc
from tests.support.local_flow import environment, started

FLOW = """
    from pathlib import Path
    from metaflow import FlowSpec, step
    from dvc_bridge.metaflow import dvc_project, project_folder

    ROOT = Path(__file__).resolve().parent.parent

    @dvc_project(root=ROOT)
    class Mini(FlowSpec):
        @step
        def start(self):
            root = project_folder(ROOT)
            (root / "note").write_text("a pod may write here")
            self.files = sorted(str(f.relative_to(root)) for f in root.rglob("*") if f.is_file())
            print("root", root)
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Mini()
"""
NOT_SENT = {
    ".env": "PASSWORD=1",
    "deploy.pem": "key",
    "ignored.log": "no matter",
    "project/.dvc/config.local": "['remote \"store\"']\nsecret_access_key = hidden\n",
}


REMOTE = """
[core]
remote = store
['remote "store"']
url = s3://bucket/dvc
endpointurl = http://s3.example
"""


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "repository")
    return tmp_path / "repository" / "project"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository with a project in a folder."""
    root = tmp_path_factory.mktemp("made") / "project"
    (root / "flows").mkdir(parents=True)
    git(root.parent, "init", "--quiet")
    dvc(root, "init", "--quiet", "--subdir")
    (root / ".dvc" / "config").write_text(REMOTE)
    (root / "flows" / "flow.py").write_text(textwrap.dedent(FLOW))
    stages = {"copy": {"cmd": "cp in out", "deps": ["in"], "outs": ["out"]}}
    (root / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    (root / "in").write_text("in")
    (root / "out").write_text("an out is no code")
    (root / "data").mkdir()
    (root / "data" / "large").write_text("tracked by DVC")
    dvc(root, "add", "--quiet", "data/large")
    (root.parent / ".gitignore").write_text("*.log\nout\n")
    git(root.parent, "add", ".")
    git(root.parent, "-c", "user.name=t", "-c", "user.email=t@example", "commit", "-qm", "one")
    for name, text in NOT_SENT.items():
        (root.parent / name).write_text(text)
    (root / "in").write_text("changed")
    return root.parent


def git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def flow(root: Path, *words: str, folder: Path, code: int = 0, **env: str) -> str:
    printed = started(folder, *words, code=code, flow=root / "flow.py", **env)
    assert "Traceback" not in printed, printed
    return printed


FOR_PODS = ["--datastore", "s3", "--datastore-root", "s3://nowhere/metaflow"]
FOR_PODS += ["--with", "kubernetes", "package"]


@pytest.fixture(scope="module")
def package(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code package for pods, created from a folder other than the project's."""
    folder = tmp_path_factory.mktemp("package")
    flow(made / "project" / "flows", *FOR_PODS, "save", "package.tgz", folder=folder)
    return folder / "package.tgz"


@pytest.fixture
def pod(package: Path, tmp_path: Path) -> Path:
    """A folder like the one that Metaflow creates in a pod."""
    with tarfile.open(package) as archive:
        archive.extraction_filter = getattr(tarfile, "tar_filter", lambda member, _: member)
        archive.extractall(tmp_path / "pod")  # noqa: S202
    return tmp_path / "pod"


def inside(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(name)
    assert member is not None
    return member.read()


def test_the_package_holds_the_code_and_neither_secrets_nor_data(made: Path, package: Path) -> None:
    with tarfile.open(package) as archive:
        names = archive.getnames()
        facts = json.loads(inside(archive, ".mf_meta/dvc-project.json"))
        project = inside(archive, ".mf_meta/dvc-project.tar.gz")
    assert "flow.py" in names
    assert ".mf_code/dvc_bridge/metaflow/decorator.py" in names
    with tarfile.open(fileobj=io.BytesIO(project)) as files:
        assert {member.name for member in files} == {
            ".gitignore",
            *(f"project/{name}" for name in ("dvc.yaml", "in", "flows/flow.py", ".dvcignore")),
            *(f"project/data/{name}" for name in (".gitignore", "large.dvc")),
            *(f"project/.dvc/{name}" for name in (".gitignore", "config")),
        }
    assert facts["root"] == "project"
    assert facts["revision"] == git(made, "rev-parse", "HEAD")
    assert facts["dirty"] is True
    assert "http://s3.example" in str(facts["settings"])
    assert "hidden" not in str(facts)


def test_in_a_pod_the_project_is_the_one_of_the_package_with_its_remotes(pod: Path) -> None:
    printed = flow(pod, "run", folder=pod, PYTHONPATH=str(pod / ".mf_code"))
    there = Path(printed.partition("root ")[2].split()[0])
    assert there.name == "project"
    assert not there.exists()  # removed with the process
    assert "dvc-project-" in str(there)
    read = "from metaflow import Flow; print(Flow('Mini').latest_run['start'].task.data.files)"
    done = subprocess.run(
        [sys.executable, "-c", read],
        cwd=pod,
        env=environment(pod),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "'.dvc/config.local'" in done.stdout
    assert "'in'" in done.stdout


def test_a_package_with_a_secret_that_git_tracks_is_refused(root: Path, tmp_path: Path) -> None:
    git(root.parent, "add", "--force", "deploy.pem")
    printed = flow(root / "flows", *FOR_PODS, "save", "package.tgz", folder=tmp_path, code=1)
    assert "deploy.pem is in git: its name says so" in printed
    assert "git rm --cached" in printed
    assert not (tmp_path / "package.tgz").exists()


def test_a_damaged_package_is_refused_by_its_hash(pod: Path) -> None:
    with (pod / ".mf_meta" / "dvc-project.tar.gz").open("ab") as archive:
        archive.write(b"more")
    printed = subprocess.run(
        [sys.executable, "-c", "from dvc_bridge.metaflow import *; project_folder('/')"],
        cwd=pod,
        env={**os.environ, "PYTHONPATH": str(pod / ".mf_code")},
        capture_output=True,
        text=True,
    ).stderr
    assert "is damaged" in printed


def test_a_run_on_this_machine_packs_nothing(root: Path, tmp_path: Path) -> None:
    (root / ".dvc" / "config").write_text("")  # without which no pod could get data
    printed = flow(root / "flows", "run", folder=tmp_path)
    assert f"root {root}" in printed


def test_without_a_remote_nothing_is_sent_to_pods(root: Path, tmp_path: Path) -> None:
    (root / ".dvc" / "config").write_text("")
    (root / ".dvc" / "config.local").unlink()
    printed = flow(root / "flows", *FOR_PODS, "list", folder=tmp_path, code=1)
    assert "the project has no default remote" in printed
    assert "dvc remote add" in printed
