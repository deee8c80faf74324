"""`submit --wait` downloads results while other tasks still run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from dvc_bridge.app.early_download import EarlyDownload
from dvc_bridge.dvcio.cache_layout import object_path
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.numbering import TaskNumber
from tests.support.commands import add_remote, bridge
from tests.support.projects import MakeProject

# The last stage waits for an object, but not for longer than the machine of a test may need.
STAGES: Mapping[str, Any] = {
    "one": {
        "cmd": "echo 1 > one; mkdir d; echo 2 > d/two; echo 3 > metric",
        "outs": ["one", "d", {"metric": {"cache": False}}],
    },
    "last": {
        "cmd": "for i in $(seq 300); do test -e $OBJECT && break; sleep 0.1; done;"
        " test -e $OBJECT && cat one d/two > last",
        "deps": ["one", "d"],
        "outs": ["last"],
    },
}


@pytest.mark.parametrize("content", [b"1\n", b"2\n"], ids=["file", "file-of-a-folder"])
def test_outs_are_in_the_cache_while_a_later_task_still_runs(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    root = make_project(STAGES, {})
    add_remote(root)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    monkeypatch.setenv("OBJECT", str(root / ".dvc/cache" / object_path(md5)))
    bridge(root, "submit", "--engine", "processes", "--fuse", "none", "--wait")
    assert (root / "last").read_text() == "1\n2\n"
    assert (root / "metric").read_text() == "3\n"


class _Remote:
    """A remote that fails for the first task, and then answers when the test allows it."""

    def __init__(self) -> None:
        self.requests = 0
        self.is_asked, self.may_answer, self.has_answered = Event(), Event(), Event()

    def results(self, _stages: object) -> dict[str, object]:
        self.requests += 1
        if self.requests == 1:
            raise UsageError("cannot be reached", "wait")
        self.is_asked.set()
        self.may_answer.wait(60)
        self.has_answered.set()
        return {}


def _early_download(remote: _Remote) -> EarlyDownload:
    session: Any = SimpleNamespace(repo=SimpleNamespace(cache=SimpleNamespace(local=None)))
    store: Any = remote
    objects: Any = None
    return EarlyDownload(session, store, objects, [[], []])


def test_a_fault_of_the_remote_is_left_to_the_merge() -> None:
    remote = _Remote()
    remote.may_answer.set()
    early_download = _early_download(remote)
    with early_download.running():
        early_download.add(TaskNumber(0))
        early_download.add(TaskNumber(1))
        assert remote.is_asked.wait(60)


def test_an_error_does_not_wait_for_a_transfer() -> None:
    remote = _Remote()
    early_download = _early_download(remote)
    with pytest.raises(KeyboardInterrupt), early_download.running():
        early_download.add(TaskNumber(0))
        early_download.add(TaskNumber(1))
        assert remote.is_asked.wait(60)
        raise KeyboardInterrupt
    assert not remote.has_answered.is_set()
    remote.may_answer.set()
