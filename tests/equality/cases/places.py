"""Locations of a project: several dvc.yaml files, a folder of a git repository, no git."""

from __future__ import annotations

from tests.equality.cases.graphs import DIAMOND
from tests.equality.workbench import Case, Step, Workbench

TOP = """\
stages:
  prepare:
    cmd: ran top; cat raw ../data > prepared
    wdir: work
    deps: [raw, ../data]
    params: [rate]
    outs: [prepared]
  last:
    cmd: ran last; cat b/prepared a/train > last
    deps: [b/prepared, a/train]
    params:
      - a/params.yaml: [rate]
      - b/more.json: [x.y]
    outs: [last]
"""
A = """\
stages:
  prepare:
    cmd: ran a; cat ../work/prepared > prepared
    deps: [../work/prepared]
    outs: [prepared]
  train:
    cmd: ran train; cat prepared > train
    deps: [prepared]
    params: [rate]
    outs: [train]
"""
B = """\
stages:
  prepare:
    cmd: ran b; cat work/prepared > b/prepared
    wdir: ..
    deps: [work/prepared]
    outs: [b/prepared]
  aside:
    cmd: ran aside; pwd | grep -o 'b/deep$' > aside
    wdir: deep
    outs: [aside]
"""


def several(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": TOP, "a/dvc.yaml": A, "b/dvc.yaml": B, "b/deep/keep": ""})
    bench.write({"work/raw": "raw\n", "data": "data\n", "b/more.json": '{"x": {"y": 1}}'})
    bench.write({"work/params.yaml": "rate: 1\n", "a/params.yaml": "rate: 2\n"})


def _diamond(bench: Workbench, folder: str) -> None:
    bench.write(
        {
            f"{folder}/dvc.yaml": DIAMOND,
            f"{folder}/params.yaml": "rate: 0.1\nmodel: {depth: 3, unused: 1}\n",
            f"{folder}/raw.txt": "raw\n",
            f"{folder}/code.sh": 'cat "$1"\n',
        }
    )


def subfolder(bench: Workbench) -> None:
    bench.git("init", "-q")
    bench.write({".gitignore": "*.pyc\n", "projects/one/keep": "", "sibling/raw.txt": "sibling\n"})
    bench.dvc("init", "-q", "--subdir", folder="projects/one")
    _diamond(bench, "projects/one")
    more = "deps: [raw.txt, ../../sibling/raw.txt]"
    bench.replace("projects/one/dvc.yaml", "deps: [raw.txt]", more)


def without_git(bench: Workbench) -> None:
    bench.start(git=False)
    _diamond(bench, ".")


def committed(bench: Workbench) -> None:
    bench.start()
    _diamond(bench, ".")
    bench.git("add", ".")
    bench.git("commit", "-q", "-m", "start")


def staging(bench: Workbench) -> None:
    committed(bench)
    bench.dvc("config", "core.autostage", "true")


CHANGES = (
    Step("cold"),
    Step("nothing changed"),
    Step("param", lambda b: b.replace("params.yaml", "rate: 0.1", "rate: 0.2")),
    Step("cmd", lambda b: b.replace("dvc.yaml", "echo aside", "echo changed")),
)


def _track_an_out(bench: Workbench) -> None:
    bench.write({"left.txt": "left\n"})
    bench.git("add", "left.txt")


CASES = [
    Case(
        "several dvc.yaml",
        several,
        (
            Step("cold"),
            Step("all", argv=("-P",)),
            Step("nothing changed", argv=("-P",)),
            Step("param", lambda b: b.write({"work/params.yaml": "rate: 3\n"}), ("-P",)),
            Step("param of another file", lambda b: b.write({"b/more.json": '{"x": {"y": 2}}'})),
            Step("dep", lambda b: b.write({"work/raw": "raw 2\n"}), ("a/dvc.yaml",)),
            Step("cmd", lambda b: b.replace("b/dvc.yaml", "grep -o", "grep  -o"), ("b/dvc.yaml",)),
            Step("one by address", lambda b: b.write({"data": "2\n"}), ("b/dvc.yaml:prepare",)),
            Step("a lock gone", lambda b: b.remove("a/dvc.lock"), ("-P",)),
        ),
    ),
    Case(
        "inside a folder of several",
        several,
        (
            Step("cold"),
            Step("all", argv=("-P",)),
            Step("dep", lambda b: b.write({"work/raw": "raw 2\n"}), ("train",)),
            Step("from here", argv=("../dvc.yaml:last",)),
        ),
        folder="a",
    ),
    Case(
        "a folder of the git repository",
        subfolder,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("dep outside", lambda b: b.write({"sibling/raw.txt": "2\n"})),
            Step("cmd", lambda b: b.replace("projects/one/dvc.yaml", "echo aside", "echo changed")),
        ),
        folder="projects/one",
    ),
    Case("no git", without_git, CHANGES),
    Case(
        "an out that git tracks",
        committed,
        (
            Step("tracked", _track_an_out, fails=True),
            Step("keep going", argv=("-k",), fails=True),
            Step("tracked no more", lambda b: b.git("rm", "-qf", "--cached", "left.txt")),
        ),
        keeps_ignores=True,
    ),
    Case("autostage", staging, CHANGES, stages=True),
]
