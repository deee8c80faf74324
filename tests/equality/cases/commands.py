"""Commands of stages: their forms and their effects."""

from __future__ import annotations

from tests.equality.workbench import Case, Step, Workbench

LINES = """\
stages:
  listed:
    cmd:
      - ran listed
      - X=1; cd /
      - echo "$X" $PWD | sed "s,.*/,," > listed
    deps: [raw]
    outs: [listed]
  block:
    cmd: |
      ran block
      # a comment and an empty line

      cat raw > block
        echo "indented" >> block
      echo "a 'quote' and \\"two\\" $((1 + 2)) \\\\ $NOTHING" >> block
    deps: [raw]
    outs: [block]
  folded:
    cmd: >
      ran folded;
      cat raw
      > folded
    deps: [raw]
    outs: [folded]
  single:
    cmd: [ran single]
    deps: [raw]
  unicode:
    cmd: ran unicode; echo 'ünïcode 漢字 🎉' > unicode
    outs: [unicode]
  env:
    cmd: ran env; echo "$DVC_STAGE" {a,b} > env
    outs: [env]
  input:
    cmd: ran input; cat > input
    outs: [input]
  silent:
    cmd: "true"
    deps: [raw]
"""

OWN_DEP = """\
stages:
  change:
    cmd: ran change; echo more >> state; wc -l < state > count
    deps: [state]
    outs: [count]
  compile:
    cmd: ran compile; mkdir -p code/cache; cat code/main > code/cache/main; cat code/main > main
    deps: [code]
    outs: [main]
  after:
    cmd: ran after; cat count main > after
    deps: [count, main]
    outs: [after]
"""

NESTED = """\
stages:
  first:
    cmd: ran first; echo 1 > first
    outs: [first]
  show:
    cmd: ran show; dvc params diff --all --json > shown; dvc stage list --name-only >> shown
    deps: [first]
    params: [rate]
    outs: [shown]
  inner:
    cmd: ran inner; cp first sub/raw; dvc repro -q sub/dvc.yaml
    deps: [first]
    outs: [sub/raw]
"""
NESTED_SUB = """\
stages:
  sub:
    cmd: ran sub; cat fixed > sub
    deps: [fixed]
    outs: [sub]
"""

LINKS = """\
stages:
  link:
    cmd: ran link; ln -s raw link; mkdir -p tree; ln -s ../raw tree/inner; echo a > tree/a
    deps: [raw]
    outs: [link, tree]
  through:
    cmd: ran through; cat link tree/inner tree/a > through
    deps: [link, tree]
    outs: [through]
"""

BACKGROUND = """\
stages:
  begin:
    cmd: ran begin; (sleep 10; touch late) & echo $! > pid; echo 1 > begun
    outs: [begun]
  end:
    cmd: ran end; kill $(cat pid) && rm pid && test ! -e late && echo 1 > ended
    deps: [begun]
    outs: [ended]
"""


def lines(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": LINES, "raw": "raw\n"})


def own_dep(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": OWN_DEP, "state": "1\n", "code/main": "main\n"})


def nested(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": NESTED, "sub/dvc.yaml": NESTED_SUB, "sub/fixed": "1\n"})
    bench.write({"params.yaml": "rate: 1\n"})


def links(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": LINKS, "raw": "raw\n"})


def background(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": BACKGROUND})


LINE_STEPS = (
    Step("cold"),
    Step("nothing changed"),
    Step("dep", lambda b: b.write({"raw": "raw 2\n"})),
    Step("a line of the list", lambda b: b.replace("dvc.yaml", "- X=1;", "- X=2;")),
    Step("a comment in the block", lambda b: b.replace("dvc.yaml", "# a comm", "# some comm")),
)

CASES = [
    Case("commands of several lines", lines, LINE_STEPS),
    Case("commands in bash", lines, LINE_STEPS[:2], env={"SHELL": "/bin/bash"}),
    Case(
        "commands in a missing shell",
        lines,
        (Step("cold", fails=True),),
        env={"SHELL": "/bin/missing"},
    ),
    Case(
        "commands that change their deps",
        own_dep,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("dep", lambda b: b.write({"state": "1\n"})),
            Step("code", lambda b: b.write({"code/main": "main 2\n"})),
            Step("forced", argv=("-f",)),
        ),
    ),
    Case(
        "dvc in commands",
        nested,
        (
            Step("cold"),
            Step("param", lambda b: b.write({"params.yaml": "rate: 2\n"})),
            Step("inner dep", lambda b: b.write({"sub/fixed": "2\n"}), ("-f", "inner")),
        ),
    ),
    Case(
        "commands that make links",
        links,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("dep", lambda b: b.write({"raw": "raw 2\n"})),
        ),
        keeps_ignores=True,
    ),
    Case("a command that goes on in the background", background, (Step("cold"),)),
]
