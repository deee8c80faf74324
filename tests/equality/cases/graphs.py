"""Shapes of graphs: diamond, foreach and matrix, several dvc.yaml files."""

from __future__ import annotations

from tests.equality.workbench import Case, Step, Workbench

DIAMOND = """\
stages:
  start:
    cmd: ran start; cat raw.txt > start.txt
    deps: [raw.txt]
    outs: [start.txt]
  left:
    cmd: ran left; sh code.sh start.txt > left.txt
    deps: [start.txt, code.sh]
    outs: [left.txt]
  right:
    cmd: ran right; cat start.txt params.yaml > right.txt
    deps: [start.txt]
    params: [rate, model.depth]
    outs: [right.txt]
  join:
    cmd: ran join; cat left.txt right.txt > joined.txt
    deps: [left.txt, right.txt]
    outs: [joined.txt]
  count:
    cmd: 'ran count; printf "{\\"lines\\": %d}" $(cat joined.txt | wc -l) > metrics.json'
    deps: [joined.txt]
    metrics:
      - metrics.json: {cache: false}
  aside:
    cmd: ran aside; echo aside > aside.txt
    outs: [aside.txt]
"""


def diamond(bench: Workbench) -> None:
    bench.start()
    bench.write(
        {
            "dvc.yaml": DIAMOND,
            "params.yaml": "rate: 0.1\nmodel: {depth: 3, unused: 1}\n",
            "raw.txt": "raw\n",
            "code.sh": 'cat "$1"\n',
        }
    )


def _lose_objects(bench: Workbench) -> None:
    bench.remove(".dvc/cache/files")
    bench.remove("left.txt")


CASES = [
    Case(
        "diamond",
        diamond,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("param", lambda b: b.replace("params.yaml", "rate: 0.1", "rate: 0.2")),
            Step("dep", lambda b: b.write({"raw.txt": "raw 2\n"})),
            Step("code", lambda b: b.write({"code.sh": 'tac "$1"; echo more\n'})),
            Step("cmd", lambda b: b.replace("dvc.yaml", "echo aside", "echo changed")),
            Step("back", lambda b: b.write({"raw.txt": "raw\n"})),
            Step("out gone", lambda b: b.remove("start.txt")),
            Step("out edited", lambda b: b.write({"left.txt": "by hand\n"})),
            Step("metrics gone", lambda b: b.remove("metrics.json")),
            Step("unused param", lambda b: b.replace("params.yaml", "unused: 1", "unused: 2")),
            Step("cache lost", _lose_objects),
            Step("lock gone", lambda b: b.remove("dvc.lock")),
            Step("all gone", lambda b: b.remove("dvc.lock", ".dvc/cache")),
        ),
    ),
]
