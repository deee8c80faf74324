"""Cache types, which put links instead of copies into the workspace, and a shared cache."""

from __future__ import annotations

from tests.equality.cases.folders import FOLDERS
from tests.equality.workbench import Case, Change, Step, Workbench

APPENDING = """
  more:
    cmd: ran more; cat raw.txt > more.txt; cat raw.txt >> kept.txt; chmod 755 more.txt
    deps: [raw.txt]
    outs:
      - more.txt
      - kept.txt: {persist: true}
"""


def _project(*config: str) -> Change:
    def build(bench: Workbench) -> None:
        bench.start()
        bench.dvc("config", *config)
        bench.write({"dvc.yaml": FOLDERS + APPENDING, "raw.txt": "1\n2\n", "source/a.txt": "a"})

    return build


STEPS = (
    Step("cold"),
    Step("nothing changed"),
    Step("dep", lambda b: b.write({"raw.txt": "1\n3\n"})),
    Step("back", lambda b: b.write({"raw.txt": "1\n2\n"})),
    Step("out replaced", lambda b: b.write({"first.txt": "by hand\n"})),
    Step("out gone", lambda b: b.remove("parts")),
)


CASES = [
    Case(f"cache type {kind}", _project("cache.type", kind), STEPS)
    for kind in ("symlink", "hardlink", "reflink,copy")
] + [
    Case("a cache elsewhere", _project("cache.dir", "elsewhere"), STEPS[:4]),
    Case("a shared cache", _project("cache.shared", "group"), STEPS[:3]),
]
