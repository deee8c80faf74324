"""Compare the file hashes that DVC and dvc_bridge remember with the files.

`main` runs in a project's folder and prints a line for every wrong record, which is one that
applies to the current file and has another hash than its content. It also prints the links that
DVC would remove with their outs, since `dvc gc` and `dvc checkout` use them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from hashlib import file_digest, md5
from pathlib import Path
from typing import Any

WRONG, LINK = "wrong: ", "link: "
OWN = ".dvc/tmp/dvc-bridge/hashes.db"


def main(_: Sequence[str]) -> int:
    """Print the wrong records of the project in the working folder."""
    from dvc.repo import Repo

    with Repo() as repo, repo.lock:
        for line in (*_of_dvc(repo), *_of_bridge(Path(repo.root_dir)), *_links(repo)):
            print(line)
    return 0


def _of_dvc(repo: Any) -> Iterator[str]:
    for path in sorted(repo.state.hashes):
        if not Path(path).exists():
            continue
        _, known = repo.state.get(path, repo.fs)
        if known is None or known.name != "md5":
            continue
        found = _folder(repo, path) if Path(path).is_dir() else _md5(path)
        # DVC records the list of a folder, a cache object, with the suffix .dir of its name.
        if found is not None and known.value not in (found, f"{found}{Path(path).suffix}"):
            yield f"{WRONG}DVC's state says {known.value} of {path}, and it is {found}"


def _folder(repo: Any, path: str) -> str:
    content = sorted(
        (name[len(path) + 1 :], _md5(name)) for name in repo.dvcignore.find(repo.fs, path)
    )
    text = json.dumps([{"md5": digest, "relpath": name} for name, digest in content])
    return f"{md5(text.encode(), usedforsecurity=False).hexdigest()}.dir"


def _of_bridge(root: Path) -> Iterator[str]:
    if not (root / OWN).exists():
        return
    with sqlite3.connect(root / OWN) as database:
        rows = list(database.execute("SELECT path, inode, mtime_ns, size, md5 FROM hashes"))
    for path, inode, mtime_ns, size, digest in rows:
        if not Path(path).is_file():
            continue
        info = Path(path).stat()
        same = (info.st_ino, info.st_mtime_ns, info.st_size) == (inode, mtime_ns, size)
        if same and _md5(path) != digest:
            yield f"{WRONG}dvc_bridge's memory says {digest} of {path}"


def _links(repo: Any) -> Iterator[str]:
    for name in sorted(repo.state.get_unused_links([], repo.fs)):
        yield f"{LINK}{name}"


def _md5(path: str) -> str:
    with Path(path).open("rb") as file:
        return file_digest(file, lambda: md5(usedforsecurity=False)).hexdigest()
