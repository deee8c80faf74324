"""In a worker, remotes have the options that were sent, whatever the code's own settings say."""

from __future__ import annotations

import shutil
from pathlib import Path

from dvc_bridge.worker.project_copy import prepare_checkout
from tests.support.commands import dvc
from tests.support.projects import MakeProject


def test_a_remote_has_exactly_the_options_that_were_sent(
    make_project: MakeProject, tmp_path: Path
) -> None:
    root = make_project({}, {})
    dvc(root, "remote", "add", "-d", "store", "s3://bucket/dvc")
    dvc(root, "remote", "modify", "store", "profile", "team")
    dvc(root, "remote", "modify", "store", "endpointurl", "http://here:1")
    dvc(root, "remote", "add", "other", "s3://other")
    dvc(root, "remote", "modify", "other", "profile", "other")
    dvc(root, "config", "core.autostage", "true")
    shutil.copytree(root, tmp_path / "code")
    sent = {"url": "s3://bucket/dvc", "endpointurl": "http://pods:1"}
    settings = {"core": {"remote": "store"}, "'remote \"store\"'": sent}
    project = prepare_checkout(tmp_path / "code", ".", settings)
    listed = dvc(project.root, "config", "--list").split()
    assert {line for line in listed if line.startswith("remote.store.")} == {
        f"remote.store.{option}={value}" for option, value in sent.items()
    } | {"remote.store.endpointurl=http://here:1"}  # `--list` shows each file's own value
    assert {"remote.other.profile=other", "core.autostage=true"} <= set(listed)
