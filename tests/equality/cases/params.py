"""Parameters: the four kinds of files, odd values, and values that DVC refuses."""

from __future__ import annotations

import json

from tests.equality.workbench import Case, Change, Step, Workbench

LONG = "lorem ipsum dolor sit amet " * 6
YAML = f"""\
small: 1.0e-05
large: 1.5e+300
tiny: 5e-324
third: 0.3333333333333333
whole: 3.0
minus: -0.0
infinite: .inf
negative: -.inf
big: 123456789012345678901234567890123456789
octal: 0o17
hex: 0x1F
old_octal: 017
underscored: 1_000
yes: yes
on: on
truth: true
nothing: null
tilde: ~
empty: ''
spaces: '  both sides  '
digits: '007'
exponent: '1e3'
quoted_date: '2024-01-01'
colon: 'a: b'
hash: 'a # b'
at: '@x'
percent: '%x'
star: '*x'
dash: '- x'
question: '? x'
quotes: 'it''s "so"'
slashes: 'a\\b\\\\c'
tabs: "a\\tb"
line: "one\\ntwo\\n\\nthree\\n"
no_end: "one\\ntwo"
carriage: "one\\r\\ntwo\\r"
control: "\\x01\\x7f"
separators: "a\\x85b\\u2028c"
emoji: 🎉
unicode: 漢字ünïcode
wide: {LONG}
wide_word: {"x" * 200}
wide_lines: "{LONG}\\n{LONG}"
largeur: {"é" * 100}
block: |
  first
    indented

  last
folded: >-
  one
  two
list: [1, 2.5, three, [4, {{five: 6}}], []]
mapping: {{}}
nested:
  deep: {{deeper: {{deepest: [1, 2], size: 3, nfiles: 4}}}}
  schlüssel: wert
  "with space": 1
numbered: {{1: one, 2.5: float}}
anchor: &anchor {{a: 1}}
alias: *anchor
merged: {{<<: *anchor, b: 2}}
"""
DEEP = ["nested.deep.deeper.deepest", "nested.schlüssel"]
NAMES = [line.partition(":")[0] for line in YAML.splitlines() if line[:1].isalpha()] + DEEP

TOML = """\
rate = 1e-5
whole = 3.0
infinite = inf
big = 9223372036854775807
text = "é \\"q\\" \\n"
lines = '''
one
two'''
list = [1, 2, 3]
mixed = [1, "a", {b = 2}]
[table]
size = 1
[[tables]]
a = 1
"""
JSON = '{"rate": 1e-05, "big": 123456789012345678901234567890, "text": "\\u00e9\\ud83c\\udf89", \
"none": null, "nested": {"list": [1, {"a": true}], "float": 1.0}, "inf": Infinity}'
PYTHON = """\
RATE = 1e-5
BIG = 10 ** 30
PLAIN = 123456789012345678901234567890
TEXT = "é"
NONE = None
PAIR = (1, 2)
LIST = [1, "a"]
ITEMS = {"a": 1, "b": [1, 2]}

class Train:
    epochs = 70
    rate: float = 0.1
"""
FOUR = """\
stages:
  four:
    cmd: ran four; cat params.toml params.json params.py > four
    params:
      - params.toml: [rate, whole, infinite, big, text, lines, list, mixed, table, tables]
      - params.json: [rate, big, text, none, nested, nested.list, inf]
      - params.py: [RATE, PLAIN, TEXT, NONE, PAIR, LIST, ITEMS, Train, Train.epochs]
    outs: [four]
  whole:
    cmd: ran whole; cat params.json > whole
    deps: [four]
    params:
      - params.json:
      - sub/more.yaml:
    outs: [whole]
"""


def _values(bench: Workbench) -> None:
    bench.start()
    listed = "".join(f"      - {name}\n" for name in NAMES)
    stage = "stages:\n  s:\n    cmd: ran s; cat params.yaml > out\n    outs: [out]\n    params:\n"
    bench.write({"dvc.yaml": stage + listed, "params.yaml": YAML})


def _four(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": FOUR, "sub/more.yaml": "a: 1\nb: [1, {c: .inf}]\n"})
    bench.write({"params.toml": TOML, "params.json": JSON, "params.py": PYTHON})


def _one(name: str, text: str, *keys: str) -> Change:
    def build(bench: Workbench) -> None:
        bench.start()
        stage = {"cmd": "ran s; echo 1 > out", "deps": ["dep"], "params": [{name: keys}]}
        pipeline = json.dumps({"stages": {"s": {**stage, "outs": ["out"]}}})
        bench.write({"dvc.yaml": pipeline, name: text, "dep": "1\n"})

    return build


def _refused(name: str, text: str) -> Case:
    steps = (Step("cold", fails=True, says="opened_on"),)
    return Case(f"a date in {name}", _one(name, text, "opened_on"), steps, keeps_ignores=True)


CASES = [
    Case(
        "parameters of all values",
        _values,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("float", lambda b: b.replace("params.yaml", "0.3333333333333333", "0.33333333")),
            Step("float to int", lambda b: b.replace("params.yaml", "whole: 3.0", "whole: 3")),
            Step("text to int", lambda b: b.replace("params.yaml", "'007'", "7")),
            Step("deep", lambda b: b.replace("params.yaml", "nfiles: 4", "nfiles: 5")),
            Step("back", lambda b: b.write({"params.yaml": YAML})),
        ),
    ),
    Case(
        "parameters of four kinds of files",
        _four,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("toml", lambda b: b.replace("params.toml", "size = 1", "size = 2")),
            Step("json", lambda b: b.replace("params.json", "1.0", "1")),
            Step("python", lambda b: b.replace("params.py", "epochs = 70", "epochs = 80")),
            Step("not named", lambda b: b.replace("params.py", "10 ** 30", "10 ** 31")),
            Step("of a whole file", lambda b: b.replace("sub/more.yaml", "a: 1", "new: 1")),
            Step("a file gone", lambda b: b.remove("params.toml"), fails=True),
        ),
        keeps_ignores=True,
    ),
    Case(
        "not a number",
        _one("params.yaml", "x: .nan\ny: [1, .nan]\n", "x", "y"),
        (Step("cold"), Step("nothing changed")),
    ),
    Case(
        "keys of several types",
        _one("params.yaml", "x: {1: one, two: 2}\n", "x"),
        (Step("cold", fails=True, says="s"),),
        keeps_ignores=True,
    ),
    _refused("params.yaml", "opened_on: 2024-01-01\n"),
    _refused("params.toml", "opened_on = 2024-01-01\n"),
    Case(
        "a date that no stage reads",
        _one("params.yaml", "opened_on: 2024-01-01\nx: 1\n", "x"),
        # DVC reads params.yaml for its templates.
        (Step("cold", fails=True, says="opened_on"),),
    ),
]
