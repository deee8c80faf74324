"""The objects that a remote reports after some of them were lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from dvc_bridge.dvcio.remotes.remote import Remote
from dvc_bridge.errors import IntegrityError, LostObjectError
from tests.support.commands import dvc
from tests.support.projects import MakeProject

A = "60b725f10c9c85c70d97880dfe8191b3"  # of "a\n"
B = "3b5d5c3712955042212316173ccf37be"  # of "b\n"


@pytest.mark.parametrize("how", ["removed", "changed"])
def test_a_folder_that_lacks_a_file_counts_as_lost(make_project: MakeProject, how: str) -> None:
    root = make_project({}, {"folder/a": "a\n", "folder/b": "b\n"})
    dvc(root, "remote", "add", "-d", "store", str(root.parent / "store"))
    dvc(root, "add", "--quiet", "folder")
    dvc(root, "push", "--quiet")
    shutil.rmtree(root / ".dvc" / "cache")
    spoilt = root.parent / "store" / "files" / "md5" / A[:2] / A[2:]
    spoilt.unlink()
    if how == "changed":
        spoilt.write_text("damaged")
    listing = (root / "folder.dvc").read_text().split("md5: ")[1].split()[0]
    from dvc.repo import Repo

    with closing(Repo(str(root))) as repo:
        remote = Remote(repo)
        assert remote.has([listing]) == {listing}
        with pytest.raises(IntegrityError, match=A):
            remote.fetch([listing])
        assert remote.has([listing]) == set()


@contextmanager
def open_http_remote(root: Path) -> Iterator[Remote]:
    """Open a project's remote, and close its connections: fsspec leaves them to the collector."""
    from dvc.repo import Repo

    with closing(Repo(str(root))) as repo:
        remote = Remote(repo)
        yield remote
        client = remote._fs.fs
        client.close_session(client.loop, client._session)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.mark.parametrize("lost", [A, B])
def test_of_two_objects_the_missing_one_is_named_and_the_other_is_brought(
    make_project: MakeProject, lost: str
) -> None:
    root = make_project({}, {"a": "a\n", "b": "b\n"})
    store = root.parent / "store"
    dvc(root, "remote", "add", "-d", "store", str(store))
    dvc(root, "add", "--quiet", "a", "b")
    dvc(root, "push", "--quiet")
    shutil.rmtree(root / ".dvc" / "cache")
    (store / "files" / "md5" / lost[:2] / lost[2:]).unlink()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(store))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        dvc(root, "remote", "modify", "store", "url", f"http://127.0.0.1:{server.server_port}")
        with open_http_remote(root) as remote, pytest.raises(LostObjectError, match=lost):
            remote.fetch([A, B])
        server.shutdown()
    kept = (root / ".dvc" / "cache" / "files" / "md5").glob("*/*")
    assert {f"{path.parent.name}{path.name}" for path in kept} == {A, B} - {lost}


def test_a_range_is_a_range_also_from_a_server_that_sends_whole_files(
    make_project: MakeProject,
) -> None:
    root = make_project({}, {})
    (root / "plan.json").write_text("0123456789")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(root))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        dvc(root, "remote", "add", "-d", "store", address)
        with open_http_remote(root) as remote:
            assert remote.get(f"{address}/plan.json", 2, 5) == b"234"
            assert remote.get(f"{address}/plan.json") == b"0123456789"
        server.shutdown()
