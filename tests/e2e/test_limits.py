"""`limits` and `jobs` in dvc-bridge.yaml, in a local run."""

from __future__ import annotations

from tests.support.commands import bridge
from tests.support.projects import MakeProject

# Each stage waits until another one runs, and fails if a third one does too.
_COUNT = "$(ls on.* all.* | wc -l)"
_PAIR = (
    f"touch on.{{n}}; for i in $(seq 100); do test {_COUNT} -ge 2 && break; sleep 0.05; done;"
    f" test {_COUNT} -ge 2 && sleep 0.1 && test $(ls on.* | wc -l) -le 2;"
    " code=$?; mv on.{n} all.{n}; exit $code"
)


def test_two_of_four_stages_run_at_a_time(make_project: MakeProject) -> None:
    stages = {f"part{n}": {"cmd": _PAIR.format(n=n), "outs": [f"all.{n}"]} for n in range(4)}
    root = make_project(stages, {"dvc-bridge.yaml": "limits: {'part*': 2}\njobs: 4\n"})
    assert "4 ran" in bridge(root, "repro")
    (root / "dvc-bridge.yaml").write_text("jobs: many\n")
    assert "jobs must be" in bridge(root, "repro", code=2)
