"""Strategies for manual changes to a project's files between two runs, each with a name."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from functools import partial

from hypothesis import strategies as st

from tests.equality.story import FOLDERS, LOST_OBJECT, Deed, Project
from tests.equality.workbench import Workbench

EDITED: dict[str, Callable[[bytes], bytes]] = {
    "CRLF": lambda content: content.replace(b"\r", b"").replace(b"\n", b"\r\n"),
    "BOM": lambda content: b"\xef\xbb\xbf" + content.removeprefix(b"\xef\xbb\xbf"),
    "a line of Latin-1": lambda content: content + b"# \xe4\n",
    "no end of the last line": lambda content: content.rstrip(b"\n"),
}
EDITORS = tuple(EDITED)
TEXTS = ("params.yaml", "dvc.yaml", "dvc.lock", ".gitignore", "sub/dvc.yaml")
CALLS = (
    ("dvc", "gc", "-wfq"),
    ("dvc", "push", "-q"),
    ("dvc", "checkout", "-q"),
    ("dvc", "commit", "-fq"),
    ("git", "add", "-A"),
)
LINKS = (
    "raw0",
    "source",
    "source/deep",
    "params.yaml",
    "dvc.yaml",
    "dvc.lock",
    ".gitignore",
    "sub",
)
Named = tuple[str, Deed]
GONE = (
    "dvc.lock",
    "sub/dvc.lock",
    ".dvc/cache",
    ".dvc/cache/runs",
    ".dvc/tmp",
    ".gitignore",
    "shared",
)


def deeds(project: Project) -> list[st.SearchStrategy[Named]]:
    """Return the strategies of changes that are possible in this project."""
    outs = [out for stage in project.stages for out in stage.outs]
    paths = [out.path for out in outs]
    files = [f"{out.path}/a" if out.kind in FOLDERS else out.path for out in outs]
    new = [f"{out.path}/new" for out in outs if out.kind in FOLDERS] + ["source/new", "shared/new"]
    found = [
        st.sampled_from(GONE).map(_gone),
        st.sampled_from(["raw0", "source/a"]).map(_executable),
        st.sampled_from(new).map(_written),
        st.integers(0, 9).map(_object_lost),
        st.sampled_from(CALLS).map(_called),
        st.sampled_from(TEXTS).flatmap(
            lambda name: st.sampled_from(EDITORS).map(partial(_saved, name))
        ),
        st.sampled_from(LINKS).map(_linked),
        st.just(("dvc.lock as DVC 2 wrote it", _as_dvc_2)),
    ]
    if paths:
        found += [
            st.sampled_from(paths).map(_gone),
            st.sampled_from(files).map(_gone),
            st.sampled_from(files).map(_written),
            st.sampled_from(paths).map(_linked),
        ]
    return found


def _called(words: tuple[str, ...]) -> Named:
    return " ".join(words), lambda bench: bench.attempt(*words)


def _saved(name: str, editor: str) -> Named:
    """Write a file as another editor saves it."""

    def deed(bench: Workbench) -> None:
        path = bench.root / name
        if path.is_file():
            bench.write_bytes(name, EDITED[editor](path.read_bytes()))

    return f"{name} saved with {editor}", deed


def _linked(path: str) -> Named:
    """Move a file or folder to another disk, and leave a link."""
    target = f"../elsewhere/{path.replace('/', '-')}"

    def deed(bench: Workbench) -> None:
        if bench.has(path) and not (bench.root / path).is_symlink() and not bench.has(target):
            bench.move(path, target)
            bench.link(path, posixpath.relpath(target, posixpath.dirname(path) or "."))

    return f"mv {path} {target}, and a link", deed


def _as_dvc_2(bench: Workbench) -> None:
    for name in ("dvc.lock", "sub/dvc.lock", "a/deep/dvc.lock"):
        path = bench.root / name
        if path.is_file():  # in any encoding: another deed may have saved it
            path.write_bytes(re.sub(rb"      hash: md5\r?\n", b"", path.read_bytes()))


def edits() -> st.SearchStrategy[Named]:
    """Draw changes to files that no stage writes, so that nothing is lost."""
    return st.one_of(
        st.sampled_from(["raw0", "source/a"]).map(_executable),
        st.sampled_from(["source/new", "raw1"]).map(_written),
        st.sampled_from(EDITORS).map(partial(_saved, "params.yaml")),
    )


def _gone(path: str) -> Named:
    def deed(bench: Workbench) -> None:
        if bench.has(path):
            bench.remove(path)

    return f"rm -rf {path}", deed


def _written(path: str) -> Named:
    # Only in an existing folder: do not create an out that no run has written.
    def deed(bench: Workbench) -> None:
        if (bench.root / path).parent.is_dir() and not (bench.root / path).is_dir():
            bench.write({path: "by hand\n"})

    return f"echo by hand > {path}", deed


def _executable(path: str) -> Named:
    def deed(bench: Workbench) -> None:
        if (bench.root / path).exists():  # a line of the story may have removed it
            bench.chmod(path, 0o755)

    return f"chmod 755 {path}", deed


def _object_lost(number: int) -> Named:
    def deed(bench: Workbench) -> None:
        objects = sorted((bench.root / ".dvc/cache/files/md5").glob("*/*"))
        if objects:
            objects[number % len(objects)].unlink()

    return f"{LOST_OBJECT} {number} of .dvc/cache/files (modulo their number)", deed
