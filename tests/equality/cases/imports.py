"""Data from elsewhere: `dvc add`, `dvc import-url`, `dvc import` from a second repository."""

from __future__ import annotations

from tests.equality.workbench import Case, Step, Workbench

ADDED = """\
stages:
  use:
    cmd: ran use; cat data.txt folder/* > used
    deps: [data.txt, folder]
    outs: [used]
  part:
    cmd: ran part; cat folder/a > part
    deps: [folder/a]
    outs: [part]
"""
LINKED = """\
stages:
  use:
    cmd: ran use; cat file.txt folder/deep/b > used
    deps: [file.txt, folder/deep]
    outs: [used]
"""


def added(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": ADDED, "data.txt": "data\n", "folder/a": "a\n", "folder/b": "b\n"})
    bench.dvc("add", "-q", "data.txt", "folder")


def by_url(bench: Workbench) -> None:
    bench.write({"source/file.txt": "1\n", "source/folder/a": "a\n", "source/folder/deep/b": "b\n"})
    bench.write({"main/dvc.yaml": LINKED})
    bench.start(folder="main")
    for name in ("file.txt", "folder"):
        bench.dvc("import-url", "-q", f"../source/{name}", folder="main")


def from_repository(bench: Workbench) -> None:
    bench.write({"other/folder/a": "a\n", "other/folder/deep/b": "b\n", "other/file.txt": "1\n"})
    bench.write({"main/dvc.yaml": LINKED})
    bench.start(folder="other")
    bench.dvc("add", "-q", "folder", folder="other")
    _commit(bench)
    bench.start(folder="main")
    for name in ("file.txt", "folder"):
        bench.dvc("import", "-q", "../other", name, folder="main")


def _commit(bench: Workbench) -> None:
    bench.git("add", ".", folder="other")
    bench.git("commit", "-q", "-m", "more", folder="other")


def _update(bench: Workbench) -> None:
    bench.write({"other/file.txt": "2\n", "other/folder/deep/b": "bb\n"})
    bench.dvc("add", "-q", "folder", folder="other")
    _commit(bench)
    bench.dvc("update", "-q", "file.txt.dvc", "folder.dvc", folder="main")


def _thaw(bench: Workbench) -> None:
    bench.dvc("unfreeze", "file.txt.dvc", "folder.dvc", folder="main")


CASES = [
    Case(
        "data that was added",
        added,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("edited", lambda b: b.write({"data.txt": "by hand\n"})),
            Step("folder edited", lambda b: b.write({"folder/c": "c\n"}), ("part",)),
            Step("the rest"),
            Step("back", lambda b: b.write({"data.txt": "data\n"})),
            Step("a .dvc file as target", lambda b: b.remove("used"), ("data.txt.dvc",)),
            Step("downstream", lambda b: b.write({"data.txt": "3\n"}), ("--downstream", "use")),
            Step("file of the folder gone", lambda b: b.remove("folder/b")),
            Step("gone", lambda b: b.remove("data.txt"), fails=True),
            Step("gone, keep going", argv=("-k",), fails=True),
        ),
        keeps_ignores=True,
    ),
    Case(
        "import-url",
        by_url,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("source changed, frozen", lambda b: b.write({"source/file.txt": "2\n"})),
            Step("thawed", _thaw),
            Step("source changed", lambda b: b.write({"source/folder/deep/b": "bb\n"})),
            Step("edited", lambda b: b.write({"main/file.txt": "by hand\n"})),
            Step("gone", lambda b: b.remove("main/folder")),
            Step("source gone", lambda b: b.remove("source/file.txt"), fails=True),
        ),
        folder="main",
        keeps_ignores=True,
    ),
    Case(
        "import",
        from_repository,
        (
            Step("cold"),
            Step("updated", _update),
            Step("edited", lambda b: b.write({"main/file.txt": "by hand\n"})),
            Step("thawed", _thaw),
            Step("gone", lambda b: b.remove("main/folder")),
        ),
        folder="main",
        keeps_ignores=True,
    ),
]
