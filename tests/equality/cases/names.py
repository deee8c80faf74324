"""Groups of stages: foreach and matrix, with odd names."""

from __future__ import annotations

from tests.equality.workbench import Case, Step, Workbench

LONG = "long-" + "name" * 25
SPACE = "second x"

FOREACH = f"""\
stages:
  copy:
    foreach: [a, é, 漢字, 'no', 1, 2.5, {LONG}]
    do:
      cmd: ran ${{item}}; cat raw > out-${{item}}
      deps: [raw]
      outs: ['out-${{item}}']
  spaced:
    foreach: [first, {SPACE}]
    do:
      cmd: ran spaced; cat "out-a" raw > "spaced ${{item}}"
      deps: [raw, out-a]
      outs: ['spaced ${{item}}']
  by_key:
    foreach:
      x: {{size: 1, deep: {{text: "a b"}}}}
      "y-1": {{size: 2, deep: {{text: c}}}}
      ü: {{size: 3, deep: {{text: 'd "e"'}}}}
    do:
      cmd: ran ${{key}}; echo ${{item.size}} ${{item.deep.text}} > keyed-${{key}}
      deps: ['out-é']
      outs: ['keyed-${{key}}']
  from_params:
    foreach: ${{models}}
    do:
      cmd: ran ${{key}}; echo ${{item.rate}} > models-${{key}}
      params: ['models.${{key}}.rate']
      outs: ['models-${{key}}']
  join:
    cmd: ran join; cat out-* > joined
    deps: [out-a, 'out-漢字', out-{LONG}]
    outs: [joined]
"""

MATRIX = f"""\
stages:
  fit:
    matrix:
      model: [cnn, 漢, {LONG}]
      depth: ${{depths}}
    cmd: ran fit; echo ${{item.model}} ${{item.depth}} > "fit ${{item.model}} ${{item.depth}}"
    params: [depths]
    outs: ['fit ${{item.model}} ${{item.depth}}']
  pick:
    matrix:
      option: [{{a: 1}}, {{a: 2, b: x}}]
      plain: [yes, z]
    cmd: ran ${{key}}; echo ${{item.option.a}} ${{item.plain}} > picked-${{key}}
    deps: ['fit cnn 1']
    outs: ['picked-${{key}}']
"""


def foreach(bench: Workbench) -> None:
    bench.start()
    params = "models:\n  small: {rate: 0.1}\n  größer: {rate: 1.0e-05}\n"
    bench.write({"dvc.yaml": FOREACH, "params.yaml": params, "raw": "raw\n"})


def matrix(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": MATRIX, "params.yaml": "depths: [1, 2]\n"})


CASES = [
    Case(
        "foreach",
        foreach,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("dep", lambda b: b.write({"raw": "raw 2\n"})),
            Step("param", lambda b: b.replace("params.yaml", "1.0e-05", "1.0e-06")),
            Step("item more", lambda b: b.replace("dvc.yaml", "[a, é", "[new, a, é")),
            Step("item less", lambda b: b.replace("dvc.yaml", ", 2.5", "")),
            Step("cmd", lambda b: b.replace("dvc.yaml", "${item.size}", "size ${item.size}")),
            Step("one of them", lambda b: b.write({"raw": "3\n"}), ("copy@é",)),
            Step("a group", argv=("copy", "-f")),
        ),
    ),
    Case(
        "matrix",
        matrix,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("param", lambda b: b.replace("params.yaml", "[1, 2]", "[1, 3]")),
            Step("cmd", lambda b: b.replace("dvc.yaml", "ran fit; echo", "ran fit; echo +")),
            Step("one of them", argv=("-f", "fit@漢-3")),
        ),
    ),
]
