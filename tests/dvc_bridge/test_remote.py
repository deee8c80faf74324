"""What a remote says of objects after some of them got lost there."""

from __future__ import annotations

import shutil
from contextlib import closing

import pytest

from dvc_bridge.dvcio.remote import Remote
from dvc_bridge.errors import IntegrityError
from tests.dvc_bridge.commands import dvc
from tests.dvc_bridge.conftest import MakeProject

A = "60b725f10c9c85c70d97880dfe8191b3"  # of "a\n"


@pytest.mark.parametrize("how", ["removed", "changed"])
def test_a_folder_that_lacks_a_file_counts_as_lost(make_project: MakeProject, how: str):
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
