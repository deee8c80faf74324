"""Folders as outs and deps, what lies inside them, and exec bits."""

from __future__ import annotations

from collections.abc import Callable

from tests.equality.workbench import Case, Step, Workbench

FOLDERS = """\
stages:
  split:
    cmd: ran split; mkdir -p parts/deep; head -1 raw.txt > parts/a; tail -1 raw.txt > parts/deep/b
    deps: [raw.txt]
    outs: [parts]
  first:
    cmd: ran first; cat parts/a > first.txt
    deps: [parts/a]
    outs: [first.txt]
  deep:
    cmd: ran deep; cat parts/deep/* > deep.txt
    deps: [parts/deep]
    outs: [deep.txt]
  whole:
    cmd: ran whole; cat parts/a parts/deep/b source/*.txt > whole.txt
    deps: [parts, source]
    outs: [whole.txt]
  empty:
    cmd: ran empty; mkdir empty
    deps: [raw.txt]
    outs: [empty]
"""

SHARED = """\
stages:
  one:
    cmd: ran one; mkdir -p shared/in; cat raw.txt > shared/in/one.txt
    deps: [raw.txt]
    outs: [shared/in/one.txt]
  two:
    cmd: ran two; mkdir -p shared; sleep 0.1; echo two > shared/two.txt
    outs: [shared/two.txt]
  three:
    cmd: ran three; mkdir -p shared/three; cat raw.txt > shared/three/x
    deps: [raw.txt]
    outs:
      - shared/three: {cache: false}
  all:
    cmd: ran all; cat shared/in/one.txt shared/two.txt shared/three/x > all.txt
    deps: [shared]
    outs: [all.txt]
  within:
    cmd: ran within; wc -c < source/a.txt > source/count.txt
    deps: [source/a.txt]
    outs: [source/count.txt]
  around:
    cmd: ran around; cat source/*.txt > around.txt
    deps: [source]
    outs: [around.txt]
"""

EXEC = """\
stages:
  tool:
    cmd: ran tool; cat tool.in > tool; chmod 755 tool
    deps: [tool.in]
    outs: [tool]
  tools:
    cmd: ran tools; mkdir -p tools; cp tool.in tools/run; echo 1 > tools/data; chmod 755 tools/run
    deps: [tool.in]
    outs: [tools]
  plain:
    cmd: ran plain; cp tool.in plain; chmod 750 plain
    deps: [tool.in]
    outs:
      - plain: {cache: false}
  use:
    cmd: ran use; ./tool > used; sh tools/run >> used; sh plain >> used; sh script >> used
    deps: [tool, tools, plain, script]
    outs: [used]
  inner:
    cmd: ran inner; sh tools/run > inner
    deps: [tools/run]
    outs: [inner]
"""

# The lock entry lacks a folder that the stage gains; the deps and outs are replaced one by one.
GAINS = """\
stages:
  make:
    cmd: ran make; mkdir -p made; cat raw.txt > made/a
    deps: [raw.txt]
    outs: [made]
  use:
    cmd: ran use; echo 1 > used
    deps: [raw.txt]
    outs: [used]
"""
NEW_DEPS = """\
    cmd: ran use; cat made/a source/a.txt > used
    deps: [raw.txt, made, source]
    outs: [used]
"""
NEW_OUT = """\
    cmd: ran use; mkdir -p folder; cat made/a > folder/a
    deps: [raw.txt, made]
    outs: [folder]
"""


def folders(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": FOLDERS, "raw.txt": "1\n2\n", "source/a.txt": "a", "source/b": "b"})


def shared(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": SHARED, "raw.txt": "raw\n", "source/a.txt": "a\n"})


def executables(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": EXEC, "tool.in": "#!/bin/sh\necho tool\n", "script": "echo script\n"})


def gains(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": GAINS, "raw.txt": "raw\n", "source/a.txt": "a\n"})


def _use(text: str) -> Callable[[Workbench], None]:
    before = GAINS.partition("  use:\n")[0]
    return lambda bench: bench.write({"dvc.yaml": f"{before}  use:\n{text}"})


def _empty_and_refill(bench: Workbench) -> None:
    bench.remove("parts")
    bench.write({"parts/other": "by hand"})


def _lose_a_part(bench: Workbench) -> None:
    bench.lose("2\n")
    bench.remove("parts")


CASES = [
    Case(
        "folders",
        folders,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("one file of the folder", lambda b: b.write({"raw.txt": "1\n3\n"})),
            Step("a new file in a dep", lambda b: b.write({"source/new/c.txt": "c"})),
            Step("a file less in a dep", lambda b: b.remove("source/b")),
            Step("file in the out edited", lambda b: b.write({"parts/a": "by hand"})),
            Step("file in the out removed", lambda b: b.remove("parts/deep/b")),
            Step("out emptied", _empty_and_refill),
            Step("out gone", lambda b: b.remove("parts")),
            Step("back", lambda b: b.write({"raw.txt": "1\n2\n"})),
            Step("an object of the folder lost", _lose_a_part),
            Step("cmd", lambda b: b.replace("dvc.yaml", "ran split;", "ran split; :;")),
        ),
    ),
    Case(
        "outs in a dep folder",
        shared,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("dep", lambda b: b.write({"raw.txt": "raw 2\n"})),
            Step("dep next to the out", lambda b: b.write({"source/a.txt": "aa\n"})),
            Step("cmd", lambda b: b.replace("dvc.yaml", "echo two", "echo 2")),
            Step("stray file", lambda b: b.write({"shared/stray": "?"})),
            Step("ignore lines gone", lambda b: b.remove("shared/.gitignore")),
            Step("lock gone", lambda b: b.remove("dvc.lock")),
            Step("cache gone", lambda b: b.remove(".dvc/cache")),
        ),
    ),
    Case(
        "exec bits",
        executables,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("dep made executable", lambda b: b.chmod("script", 0o755)),
            Step("out made plain", lambda b: b.chmod("tool", 0o644)),
            Step("file in an out made plain", lambda b: b.chmod("tools/run", 0o644)),
            Step("code", lambda b: b.write({"tool.in": "#!/bin/sh\necho more\n"})),
            Step("back", lambda b: b.write({"tool.in": "#!/bin/sh\necho tool\n"})),
            Step("uncached out made plain", lambda b: b.chmod("plain", 0o600)),
            Step("outs gone", lambda b: b.remove("tool", "tools", "plain")),
            Step("forced", argv=("-f",)),
        ),
    ),
    Case(
        "folders that a stage gains",
        gains,
        (
            Step("cold"),
            Step("a folder as dep", _use(NEW_DEPS)),
            Step("a folder as out", _use(NEW_OUT)),
            Step("a folder as dep, forced", _use(NEW_DEPS), argv=("-f",)),
        ),
    ),
    Case(
        "folders that a failing stage gains",
        gains,
        (
            Step("cold"),
            Step("a folder as dep", _use(NEW_DEPS.replace("cat", "exit 1;")), fails=True),
            Step("the command succeeds", _use(NEW_DEPS)),
            Step("a folder as out", _use(NEW_OUT.replace("cat", "exit 1;")), fails=True),
            Step("the command succeeds", _use(NEW_OUT)),
        ),
    ),
]
