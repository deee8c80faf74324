"""Kinds of outs: not cached, kept, metrics, plots; and the fields that change nothing."""

from __future__ import annotations

from tests.equality.workbench import Case, Step, Workbench

UNCACHED = """\
stages:
  plain:
    cmd: ran plain; cat raw.txt > plain.txt; mkdir -p folder; cat raw.txt > folder/x
    deps: [raw.txt]
    outs:
      - plain.txt: {cache: false}
      - folder: {cache: false}
  mixed:
    cmd: ran mixed; cat raw.txt > cached.txt; cat raw.txt > uncached.txt
    deps: [raw.txt]
    outs:
      - cached.txt
      - uncached.txt: {cache: false}
  after:
    cmd: ran after; cat plain.txt folder/x uncached.txt > after.txt
    deps: [plain.txt, folder/x, uncached.txt]
    outs: [after.txt]
"""

PERSIST = """\
stages:
  grow:
    cmd: ran grow; test ! -e fresh; tee fresh <raw >>log; mkdir -p models; cp raw models/$(cat raw)
    deps: [raw]
    outs:
      - log: {persist: true}
      - models: {persist: true}
      - fresh
  count:
    cmd: ran count; wc -l < log > count; ls models >> count
    deps: [log, models]
    outs:
      - count: {cache: false, persist: true}
"""

SHOWN = """\
stages:
  score:
    desc: what it does
    cmd:
      - ran score; cp raw.json m1.json; cp raw.json m2.yaml; cp raw.csv p1.csv; cp raw.csv p2.csv
      - mkdir -p pages; echo 1 > pages/1; echo kept > kept.txt
    deps: [raw.json, raw.csv]
    outs:
      - kept.txt: {desc: an out, type: text, labels: [a, b], meta: {unit: m}, push: false}
    metrics:
      - m1.json: {cache: false}
      - m2.yaml
    plots:
      - p1.csv: {cache: false, x: x, y: y, title: Title}
      - p2.csv
      - pages: {template: confusion}
    meta: {owner: a, size: 3}
  more:
    cmd: ran more; cat m2.yaml p2.csv pages/1 > more.txt
    deps: [m2.yaml, p2.csv, pages]
    outs: [more.txt]
metrics: [m1.json]
plots:
  - p1.csv: {x: x, y: y}
artifacts:
  thing: {path: more.txt, type: model}
"""


def uncached(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": UNCACHED, "raw.txt": "raw\n"})


def persistent(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": PERSIST, "raw": "one\n"})


def shown(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": SHOWN, "raw.json": '{"a": 1}', "raw.csv": "x,y\n1,2\n"})


def _now_cached(bench: Workbench) -> None:
    bench.replace("dvc.yaml", "plain.txt: {cache: false}", "plain.txt")


def _cached_no_more(bench: Workbench) -> None:
    bench.replace("dvc.yaml", "- cached.txt", "- cached.txt: {cache: false}")


def _persists_no_more(bench: Workbench) -> None:
    bench.replace("dvc.yaml", "- log: {persist: true}", "- log")


def _metric_is_an_out(bench: Workbench) -> None:
    bench.replace(
        "dvc.yaml", "    metrics:\n      - m1.json: {cache: false}\n      - m2.yaml\n", ""
    )
    bench.replace("dvc.yaml", "push: false}", "push: false}\n      - m1.json\n      - m2.yaml")


CASES = [
    Case(
        "outs that are not cached",
        uncached,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("dep", lambda b: b.write({"raw.txt": "raw 2\n"})),
            Step("back", lambda b: b.write({"raw.txt": "raw\n"})),
            Step("edited", lambda b: b.write({"plain.txt": "by hand\n"})),
            Step("folder edited", lambda b: b.write({"folder/y": "by hand\n"})),
            Step("gone", lambda b: b.remove("uncached.txt", "folder")),
            Step("now cached", _now_cached),
            Step("cached no more", _cached_no_more),
        ),
    ),
    Case(
        "outs that persist",
        persistent,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("dep", lambda b: b.write({"raw": "two\n"})),
            Step("back", lambda b: b.write({"raw": "one\n"})),
            Step("edited", lambda b: b.write({"log": "by hand\n"})),
            Step("gone", lambda b: b.remove("log")),
            Step("forced", argv=("-f",)),
            Step("persists no more", _persists_no_more),
        ),
    ),
    Case(
        "metrics, plots, fields",
        shown,
        (
            Step("cold"),
            Step("nothing changed"),
            Step("dep", lambda b: b.write({"raw.json": '{"a": 2}'})),
            Step("back", lambda b: b.write({"raw.json": '{"a": 1}'})),
            Step("another desc", lambda b: b.replace("dvc.yaml", "what it does", "what else")),
            Step("another meta", lambda b: b.replace("dvc.yaml", "owner: a", "owner: b")),
            Step("another title", lambda b: b.replace("dvc.yaml", "title: Title", "title: Other")),
            Step("metric edited", lambda b: b.write({"m1.json": "{}"})),
            Step("plots gone", lambda b: b.remove("p1.csv", "pages")),
            Step("metrics become outs", _metric_is_an_out),
        ),
    ),
]
