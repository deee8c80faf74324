"""Existing .gitignore files, and .dvcignore."""

from __future__ import annotations

from tests.equality.workbench import Case, Step, Workbench

STAGES = """\
stages:
  one:
    cmd: ran one; cat raw > one.txt
    deps: [raw]
    outs: [one.txt]
  two:
    cmd: ran two; cat raw > two.csv
    deps: [raw]
    outs: [two.csv]
  three:
    cmd: ran three; cat raw > in/three.txt
    deps: [raw]
    outs: [in/three.txt]
  odd:
    cmd: ran odd; cat raw > 'a [b] *.txt'; cat raw > '#c'; cat raw > '!d'
    deps: [raw]
    outs: ['a [b] *.txt', '#c', '!d']
  last:
    cmd: ran last; cat raw > last.txt
    deps: [raw]
    outs: [last.txt]
"""

FOLDER = """\
stages:
  fold:
    cmd: ran fold; mkdir -p out; cat in/*.txt > out/kept; echo > out/skipped.log
    deps: [in]
    outs: [out]
  after:
    cmd: ran after; cat out/kept > after
    deps: [out]
    outs: [after]
"""


def own_lines(bench: Workbench) -> None:
    bench.start()
    # The last line has no line break: appended text must start on a new line.
    bench.write({"dvc.yaml": STAGES, "raw": "raw\n", ".gitignore": "*.csv\n# mine\n\n/mine"})
    bench.write({"in/.gitignore": "*.txt\n!three.txt\n"})


def dvcignore(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": FOLDER, ".dvcignore": "*.log\n/in/skipped\n"})
    bench.write({"in/a.txt": "a", "in/b.log": "b", "in/skipped/c.txt": "c"})


CASES = [
    Case(
        "own lines in .gitignore",
        own_lines,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("a line gone", lambda b: b.replace(".gitignore", "/one.txt\n", "")),
            Step("dep", lambda b: b.write({"raw": "2\n"})),
            Step("negated", lambda b: b.append(".gitignore", "!/one.txt\n")),
            Step("dep again", lambda b: b.write({"raw": "3\n"})),
            Step("all lines gone", lambda b: b.remove(".gitignore")),
            Step("other ends of lines", lambda b: b.write({".gitignore": "a\r\n/last.txt\r\nb"})),
            Step("dep once more", lambda b: b.write({"raw": "4\n"})),
        ),
    ),
    Case(
        ".dvcignore",
        dvcignore,
        (
            Step("cold"),
            Step("ignored file", lambda b: b.write({"in/b.log": "bb", "in/skipped/d.txt": "d"})),
            Step("dep", lambda b: b.write({"in/a.txt": "aa"})),
            Step("ignored no more", lambda b: b.write({".dvcignore": "*.log\n"})),
            Step("out ignored", lambda b: b.write({".dvcignore": "*.log\nafter\n"}), fails=True),
        ),
        keeps_ignores=True,
    ),
]
