"""Links that the user has created: outs on another disk, files in a shared folder."""

from __future__ import annotations

from collections.abc import Mapping

from tests.equality.workbench import Case, Change, Step, Workbench

OUTS = """\
stages:
  folder:
    cmd: ran folder; cat raw > data/f
    deps: [raw]
    outs: [data]
  file:
    cmd: ran file; cat raw > file
    deps: [raw]
    outs: [file]
  metric:
    cmd: ran metric; echo "{\\"a\\":" $(cat raw) "}" > m.json
    deps: [raw]
    metrics: [{m.json: {cache: false}}]
  uncached:
    cmd: ran uncached; cat raw > plain/f
    deps: [raw]
    outs: [{plain: {cache: false}}]
  inside:
    cmd: ran inside; cat raw > above/in
    deps: [raw]
    outs: [above/in]
  reads:
    cmd: ran reads; cat data/f file above/in > all
    deps: [data, file, above/in]
    outs: [all]
"""

DEPS = """\
stages:
  file:
    cmd: ran file; cat linked > file
    deps: [linked]
    outs: [file]
  folder:
    cmd: ran folder; cat folder/* > joined
    deps: [folder]
    outs: [joined]
  below:
    cmd: ran below; cat folder/a > below.txt
    deps: [folder/a]
    outs: [below.txt]
  inner:
    cmd: ran inner; cat tree/l tree/d/a > inner.txt
    deps: [tree]
    outs: [inner.txt]
  values:
    cmd: ran values; cat params.yaml > values.txt
    params: [p]
    outs: [values.txt]
  other:
    cmd: ran other; cat source > moved.txt
    wdir: place
    deps: [source]
    outs: [moved.txt]
"""

FOLDERS = """\
stages:
  folder:
    cmd: ran folder; cat raw > data/f
    deps: [raw]
    outs: [data]
  uncached:
    cmd: ran uncached; cat raw > plain/f
    deps: [raw]
    outs: [{plain: {cache: false}}]
  reads:
    cmd: ran reads; cat data/f plain/f > all
    deps: [data, plain]
    outs: [all]
"""

PLAIN = """\
stages:
  one:
    cmd: ran one; cat raw > one
    deps: [raw]
    outs: [one]
  two:
    cmd: ran two; cat one > two
    deps: [one]
    outs: [two]
"""


def _linked(dvc_yaml: str, files: Mapping[str, str], links: Mapping[str, str]) -> Change:
    """A project in `main` with links, from main: link -> target."""

    def build(bench: Workbench) -> None:
        bench.write({"main/dvc.yaml": dvc_yaml, **files})
        bench.git("init", "-q")
        bench.dvc("init", "-q", "--subdir", folder="main")
        for path in bench.root.glob("scratch/*/"):
            path.chmod(0o777)  # which DVC gives a folder that it finds to be a link to
        for name, target in links.items():
            bench.link(f"main/{name}", target)

    return build


def _edit(name: str, text: str) -> Change:
    # Through the link, as an editor does.
    return lambda bench: bench.edit(name, text)


def _moved(name: str) -> Change:
    """Move a file of `main` to `real` and leave a link to it."""

    def change(bench: Workbench) -> None:
        bench.move(f"main/{name}", f"real/{name.replace('/', '-')}")
        bench.link(f"main/{name}", f"{'../' * name.count('/')}../real/{name.replace('/', '-')}")

    return change


def _link_dvc_yaml_to_nothing(bench: Workbench) -> None:
    bench.remove("main/dvc.yaml")
    bench.link("main/dvc.yaml", "nowhere")


def _name_twice(bench: Workbench) -> None:
    for name in ("dvc.lock", "raw"):
        bench.hardlink(f"main/{name}", f"real-{name}")


CASES = [
    Case(
        "outs that are links to another disk",
        _linked(
            OUTS,
            {
                "main/raw": "1\n",
                "scratch/data/old": "old\n",
                "scratch/plain/old": "old\n",
                "scratch/file": "old\n",
                "scratch/above/x": "x\n",
            },
            {
                "data": "../scratch/data",
                "plain": "../scratch/plain",
                "file": "../scratch/file",
                "m.json": "../scratch/nowhere",
                "above": "../scratch/above",
            },
        ),
        (
            Step("cold"),
            Step("nothing changed"),
            Step("dep", _edit("main/raw", "2\n")),
            Step("back", _edit("main/raw", "1\n")),
            Step("forced", argv=("-f",)),
            Step("out edited through its link", _edit("scratch/data/f", "by hand\n"), fails=True),
        ),
        folder="main",
        keeps_ignores=True,
        foreseen=False,  # DVC refuses to overwrite what was edited
    ),
    Case(
        "outs that are links to empty folders",
        _linked(
            FOLDERS,
            {"main/raw": "1\n", "scratch/data/.keep": "", "scratch/plain/.keep": ""},
            {"data": "../scratch/data", "plain": "../scratch/plain"},
        ),
        (
            Step("cold", lambda b: b.remove("scratch/data/.keep", "scratch/plain/.keep")),
            Step("nothing changed"),
            Step("dep", _edit("main/raw", "2\n")),
        ),
        folder="main",
    ),
    Case(
        "deps, parameters and folders that are links",
        _linked(
            DEPS,
            {
                "real/file": "1\n",
                "real/folder/a": "a\n",
                "real/folder/b": "b\n",
                "real/params": "p: 1\n",
                "main/tree/x": "x\n",
                "main/inside/source": "s\n",
            },
            {
                "linked": "../real/file",
                "folder": "../real/folder",
                "params.yaml": "../real/params",
                "tree/l": "../../real/file",
                "tree/d": "../../real/folder",
                "place": "inside",
            },
        ),
        (
            Step("cold"),
            Step("nothing changed"),
            Step("file", _edit("real/file", "2\n")),
            Step("folder", _edit("real/folder/a", "aa\n")),
            Step("param", _edit("real/params", "p: 2\n")),
        ),
        folder="main",
        keeps_ignores=True,
    ),
    *(
        Case(
            f"{name} is a link",
            _linked(PLAIN, {"main/raw": "1\n"}, {}),
            (
                Step("cold"),
                Step("moved", _moved(name)),
                Step("dep", _edit("main/raw", "2\n")),
                Step("nothing changed"),
            ),
            folder="main",
            keeps_ignores=True,
        )
        for name in ("dvc.yaml", "dvc.lock", ".gitignore", ".dvc/config", ".dvc/cache", ".dvc")
    ),
    Case(
        "links to nothing",
        _linked(
            PLAIN,
            {"main/raw": "1\n", "real/x": "x\n"},
            {"dvc.lock": "../real/lock", ".gitignore": "ignored"},
        ),
        (
            Step("dvc.lock", fails=True, says="dvc.lock"),
            Step(".gitignore", lambda b: b.remove("main/dvc.lock")),
            Step("dep", _edit("main/raw", "2\n")),
            Step("dvc.yaml", _link_dvc_yaml_to_nothing, fails=True, says="dvc.yaml"),
        ),
        folder="main",
        keeps_ignores=True,
    ),
    Case(
        "files of two names",
        _linked(PLAIN, {"main/raw": "1\n"}, {}),
        (
            Step("cold"),
            Step("named twice", _name_twice),
            Step("dep", _edit("main/raw", "2\n")),
        ),
        folder="main",
    ),
]
