"""Templates in dvc.yaml: variables, files of them, values of all kinds put into commands."""

from __future__ import annotations

from tests.equality.workbench import Case, Change, Step, Workbench

STAGES = """\
vars:
  - more.json
  - sub/vars.yaml:text,deep
  - local: {name: local, list: [1, 2]}
  - derived: derived
stages:
  plain:
    cmd: ran plain; echo ${rate} ${deep.one} ${text} ${derived} \\${literal} > "${files.plain}"
    deps: ['${files.raw}']
    params: [rate, "models.${which}"]
    outs: ['${files.plain}']
  unpacked:
    cmd: ran unpacked; echo ${options} > unpacked
    outs: [unpacked]
  listed:
    vars:
      - own: 1
      - sub/own.toml
    cmd:
      - ran listed; echo ${own} ${toml} > listed
      - echo ${local.list[1]} ${yes} ${nothing} >> listed
    outs:
      - listed: {cache: false, desc: 'about ${text}'}
  elsewhere:
    wdir: ${files.folder}
    vars:
      - own.yaml:below
    cmd: ran elsewhere; echo ${below.one} ${deep.one} > out
    deps: [vars.yaml]
    outs: [out]
  each:
    foreach: ${models}
    do:
      wdir: sub
      cmd: ran each; echo ${key} ${item.rate} ${item.layers[0]} ${rate} > each-${key}
      outs:
        - each-${key}: {persist: false}
  nested:
    foreach: ${list}
    do:
      cmd: ran nested; echo ${item.a} ${item.b} > nested-${item.a}
      outs: ['nested-${item.a}']
"""
PARAMS = """\
rate: 1.0e-05
which: small
yes: true
no: false
nothing: null
files: {raw: raw.txt, plain: 'the plain', folder: sub}
models:
  small: {rate: 0.10, layers: [1, 2]}
  large: {rate: 1e-3, layers: [3]}
options: {lr: 0.1, name: a b, flag: true, off: false, items: [1, 2], deep: {x: 1}}
list: [{a: 1, b: x}, {a: 2, b: é}]
"""
MORE = "  middle: {rate: 5, layers: [0]}\n"
PARSING = ("parsing.bool", "boolean_optional"), ("parsing.list", "append")
REFUSED = {
    "an unknown variable": ("${rate}", "${absent}"),
    "a variable defined twice": ("- more.json", "- more.json\n  - rate: 2"),
    "a file of variables that is not there": ("more.json", "absent.json"),
}


def templated(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": STAGES, "params.yaml": PARAMS, "raw.txt": "raw\n"})
    bench.write(
        {
            "more.json": '{"json": 1}',
            "sub/own.toml": "toml = 1\n",
            "sub/own.yaml": "below: {one: 1}\n",
        }
    )
    bench.write({"sub/vars.yaml": "text: a text\ndeep: {one: 1}\nunused: 1\n"})


def configured(bench: Workbench) -> None:
    templated(bench)
    for name, value in PARSING:
        bench.dvc("config", name, value)


def _edited(old: str, new: str) -> Change:
    return lambda bench: bench.replace("dvc.yaml", old, new)


CASES = [
    Case(
        "templates",
        templated,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("param", lambda b: b.replace("params.yaml", "1.0e-05", "2.0")),
            Step("variable", lambda b: b.replace("sub/vars.yaml", "one: 1", "one: 2")),
            Step("own", lambda b: b.replace("dvc.yaml", "own: 1", "own: 2")),
            Step("another path", lambda b: b.replace("params.yaml", "the plain", "a plain")),
            Step("a model more", lambda b: b.replace("params.yaml", "  large", MORE + "  large")),
        ),
    ),
    Case("templates, other parsing", configured, (Step("cold"), Step("nothing changed"))),
] + [
    Case(
        name,
        templated,
        (Step("cold", _edited(old, new), fails=True, says="dvc.yaml"),),
    )
    for name, (old, new) in REFUSED.items()
]
