"""Paths in other forms than DVC writes them, and files that other editors have saved."""

from __future__ import annotations

from tests.equality.workbench import Case, Change, Step, Workbench

PATHS = """\
stages:
  dots:
    cmd: ran dots; cat in > dots
    deps: [./in]
    params: [{./p.yaml: [x]}]
    outs: [./dots]
  up:
    cmd: ran up; cat in p.yaml > up
    deps: [sub/../in, ./sub/./../dots]
    params: [{sub/../p.yaml: [x]}, {sub/q.yaml: }]
    outs: [sub/../up]
  slash:
    cmd: ran slash; mkdir -p made; cat sub/deep/a > made/a
    deps: [sub/deep/]
    outs: [made/]
  after_slash:
    cmd: ran after_slash; cat made/a > after_slash
    deps: [./made]
    outs: [after_slash]
  wdir:
    cmd: ran wdir; cat ../in > wdir
    wdir: ./sub/deep/..
    deps: [./../in]
    params: [{../p.yaml: [x]}]
    outs: [deep/../wdir]
  blank:
    cmd: "ran blank; cat in > 'blank '; cat in > 'two  blanks'; cat in > ' first'"
    deps: [in]
    outs: ['blank ', 'two  blanks', ' first']
  after_blank:
    cmd: "ran after_blank; cat 'blank ' > after_blank"
    deps: ['blank ']
    outs: [after_blank]
  both:
    cmd: ran both; cat p.yaml > both
    params: [{p.yaml: [x]}, {./p.yaml: [y]}]
    outs: [both]
"""

TWICE = """\
stages:
  same:
    cmd: ran same; cat in > same
    deps: [in, in]
    outs: [same]
  spelled:
    cmd: ran spelled; cat in > spelled
    deps: [in, ./in]
    params: [x, x, {params.yaml: [x]}]
    outs: [spelled]
  folder:
    cmd: ran folder; cat sub/deep/a > folder
    deps: [sub, sub/deep, sub/deep/a, sub]
    outs: [folder]
  metric:
    cmd: ran metric; echo 1 > metric.json; echo 2 > kept
    deps: [in, in]
    metrics: [{metric.json: {cache: false}}]
    outs: [kept: {persist: true}]
"""


def _project(dvc_yaml: str) -> Change:
    def build(bench: Workbench) -> None:
        bench.start()
        bench.write(
            {
                "dvc.yaml": dvc_yaml,
                "in": "1\n",
                "p.yaml": "x: 1\ny: 1\n",
                "params.yaml": "x: 1\n",
                "sub/deep/a": "a\n",
                "sub/q.yaml": "q: 1\n",
            }
        )

    return build


def _all(*changes: Change) -> Change:
    def change(bench: Workbench) -> None:
        for one in changes:
            one(bench)

    return change


def _lose_lock(bench: Workbench) -> None:
    bench.remove("dvc.lock")


STEPS = (
    Step("cold"),
    Step("nothing changed"),
    Step("dep", lambda b: b.write({"in": "2\n"})),
    Step("param", lambda b: b.write({"p.yaml": "x: 2\ny: 1\n"})),
    Step("folder", lambda b: b.write({"sub/deep/a": "b\n"})),
    Step("back", lambda b: b.write({"in": "1\n", "p.yaml": "x: 1\ny: 1\n"})),
    Step("dep, lock lost", _all(lambda b: b.write({"in": "3\n"}), _lose_lock)),
)

SHARED = """\
stages:
  s:
    foreach: [a, b, c]
    do:
      cmd: ran ${item}; echo ${item} > ${item}.txt
      params: [style]
      outs: ['${item}.txt']
  plain:
    cmd: ran plain; echo plain > plain.txt
    outs: [plain.txt]
  parts:
    cmd: 'ran parts; echo "key: &id001" "- *id001" > parts.txt'
    params: [style.x, style.y, list]
    outs: [parts.txt]
"""
STYLE = "style:\n  x: &g {w: 1, l: [1, 2]}\n  y: *g\n  z: [*g, *g]\nlist: &l [1, &m [2]]\n"


def shared(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": SHARED, "params.yaml": STYLE})


EDITORS = """\
stages:
  one:
    cmd: ran one; cat raw > one
    deps: [raw]
    params: [x]
    outs: [one]
  two:
    cmd: ran two; cat one > two
    deps: [one]
    outs: [two]
"""


def editors(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": EDITORS, "raw": "1\n", "params.yaml": "x: 1\n"})


def _bytes(name: str, content: bytes) -> Change:
    return lambda bench: bench.write_bytes(name, content)


def _crlf(*names: str) -> Change:
    def change(bench: Workbench) -> None:
        for name in names:
            text = (bench.root / name).read_bytes().replace(b"\r\n", b"\n")
            bench.write_bytes(name, text.replace(b"\n", b"\r\n"))

    return change


def _comments(bench: Workbench) -> None:
    text = (bench.root / "dvc.lock").read_text()
    text = text.replace("    deps:\n", "    deps:  # mine\n", 1)
    bench.write({"dvc.lock": f"# kept\n{text}# the end\n"})


def _sections(bench: Workbench) -> None:
    text = (bench.root / "dvc.lock").read_text()
    bench.write({"dvc.lock": f"{text}datasets: []\n"})


def _flow_style(bench: Workbench) -> None:
    text = (bench.root / "dvc.lock").read_text()
    bench.write({"dvc.lock": text.replace("'2.0'", '"2.0"')})


def _edited(number: int) -> Change:
    return lambda bench: bench.write({"raw": f"{number}\n"})


CASES = [
    Case("paths in other spellings", _project(PATHS), STEPS),
    Case("a dep twice", _project(TWICE), STEPS),
    Case(
        "values that stages share",
        shared,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("param", lambda b: b.replace("params.yaml", "w: 1", "w: 2")),
            Step("one alone", lambda b: b.replace("params.yaml", "w: 2", "w: 3"), ("s@b",)),
            Step("the rest"),
            Step("no anchors", lambda b: b.write({"params.yaml": "style: 1\nlist: 2\n"}), ("s",)),
            Step("back", lambda b: b.write({"params.yaml": STYLE}), ("s@c", "plain")),
            Step("back", argv=("s@a",)),
        ),
        keeps_ignores=True,
    ),
    Case(
        "files of other editors",
        editors,
        (
            Step("cold"),
            Step("CRLF", _crlf("dvc.yaml", "dvc.lock", "params.yaml", ".gitignore")),
            Step("dep", _edited(2)),
            Step("BOM", _bytes("dvc.yaml", b"\xef\xbb\xbf" + EDITORS.encode())),
            Step("BOM in params", _bytes("params.yaml", b"\xef\xbb\xbfx: 1\n")),
            Step("dep", _edited(3)),
            Step("BOM in the lock", _bytes("dvc.lock", b"\xef\xbb\xbf"), fails=True),
        ),
        keeps_ignores=True,
    ),
    Case(
        "a .gitignore of another editor",
        editors,
        (
            Step("Latin-1", _bytes(".gitignore", b"caf\xe9\n")),
            Step(
                "Latin-1 without an end",
                _all(_bytes(".gitignore", b"a\n\xe9"), _edited(2)),
                fails=True,
                says="save it as UTF-8",
            ),
            Step("BOM", _all(_bytes(".gitignore", b"\xef\xbb\xbf/one\n"), _edited(3))),
            Step("UTF-16", _all(_bytes(".gitignore", b"\xff\xfea\x00"), _edited(4))),
            Step("nul", _all(_bytes(".gitignore", b"a\x00b\n"), _edited(5))),
        ),
        keeps_ignores=True,
    ),
    Case(
        "a dvc.lock that a user has edited",
        editors,
        (
            Step("cold"),
            Step("comments", _all(_comments, _edited(2))),
            Step("again", _edited(3)),
            Step("fresh", _all(_lose_lock, _edited(4))),
            Step("sections", _all(_sections, _edited(5))),
            Step("again", _edited(6)),
            Step("quotes", _all(_flow_style, _edited(7))),
        ),
        keeps_ignores=True,
    ),
]
