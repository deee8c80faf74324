"""`@dvc_stage` in a real flow on a real DVC project: which results it reuses, and which not."""

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.commands import dvc
from tests.support.local_flow import run

STAGES = {
    "shout": {"cmd": "tr a-z A-Z < words > loud", "deps": ["words"], "outs": ["loud"]},
    "count": {
        "foreach": ["a", "b"],
        "do": {
            "cmd": "grep -o $(echo ${item} | tr a-z A-Z) loud > n/${item}",
            "deps": ["loud"],
            "outs": ["n/${item}"],
        },
    },
    "join": {
        "cmd": "cat n/a n/b > all",
        "deps": ["n/a", "n/b"],
        "params": ["sep"],
        "outs": ["all"],
    },
}
FLOW = """
    import json
    import subprocess
    from pathlib import Path
    from metaflow import FlowSpec, Parameter, step
    from dvc_bridge.metaflow import begin_run, dvc_project, dvc_stage, read_out, workspace

    ROOT = Path(__file__).parent

    @dvc_project(root=ROOT)
    class Mini(FlowSpec):
        force = Parameter("force", is_flag=True, default=False)
        dirty = Parameter("dirty", default="")

        @step
        def start(self):
            self.dvc = begin_run(ROOT)
            self.next(self.shout)

        @dvc_stage(stage="shout")
        @step
        def shout(self):
            if self.dirty:
                Path(__file__).with_name("words").write_text(self.dirty)
            self.sh("tr a-z A-Z < words > loud")
            self.next(self.fan)

        @step
        def fan(self):
            self.letters = ["a", "b"]
            self.next(self.count, foreach="letters")

        @dvc_stage(stage="count@{input}")
        @step
        def count(self):
            self.sh(f"grep -o {self.input.upper()} loud > n/{self.input}")
            self.next(self.join)

        @dvc_stage(stage="join")
        @step
        def join(self, inputs):
            self.sh("cat n/a n/b > all")
            self.next(self.end)

        @step
        def end(self):
            print("results", json.dumps(self.dvc["results"]))
            print("all:", read_out(self.dvc, "all").decode().split())

        def sh(self, line):
            subprocess.run(line, shell=True, check=True, cwd=workspace())

    if __name__ == "__main__":
        Mini()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    dvc(tmp_path, "init", "--no-scm", "--quiet")
    (tmp_path / "words").write_text("abba\n")
    (tmp_path / "params.yaml").write_text("sep: 1\n")
    (tmp_path / "n").mkdir()
    (tmp_path / "dvc.yaml").write_text(json.dumps({"stages": STAGES}))
    (tmp_path / "flow.py").write_text(textwrap.dedent(FLOW))
    return tmp_path


@pytest.mark.full
def test_what_metaflow_made_dvc_repro_takes_and_the_other_way_round(project: Path) -> None:
    first = run(project)
    assert first.count(": running") == 4
    assert not (project / "dvc.lock").exists()
    assert not (project / "loud").exists()
    assert dvc(project, "repro").count("is cached - skipping run") == 4
    assert (project / "all").read_text() == "A\nA\nB\nB\n"

    again = run(project)
    assert again.count(": unchanged") == 4
    assert run(project, "--force").count(": running") == 4

    (project / "words").write_text("abbb\n")
    dvc(project, "repro")
    assert run(project).count(": unchanged") == 4


def results(printed: str) -> dict[str, dict[str, Any]]:
    (line,) = [line for line in printed.splitlines() if "] results {" in line]
    found: dict[str, dict[str, Any]] = json.loads(line.partition("] results ")[2])
    return found


@pytest.mark.full
def test_a_run_tells_of_each_stage_what_became_of_it_in_the_words_of_dvc_lock(
    project: Path,
) -> None:
    first = results(run(project))
    assert {end["outcome"] for end in first.values()} == {"ran"}
    assert all(0 < end["seconds"] < 60 for end in first.values())
    again = results(run(project))
    assert {end["outcome"] for end in again.values()} == {"run cache"}
    dvc(project, "repro")
    after = results(run(project))
    assert {end["outcome"] for end in after.values()} == {"up to date"}
    locked = yaml.safe_load((project / "dvc.lock").read_text())["stages"]
    for ended in (first, again, after):
        assert {name: end["entry"] for name, end in ended.items()} == locked


@pytest.mark.full
def test_a_changed_dep_runs_what_follows_from_it_and_no_more(project: Path) -> None:
    run(project)
    (project / "words").write_text("ABBA\n")  # the out of shout does not change
    text = run(project)
    assert "shout: running" in text
    assert text.count(": unchanged") == 3
    (project / "params.yaml").write_text("sep: 2\n")
    text = run(project)
    assert text.count(": unchanged") == 3
    assert "join: running" in text


def test_a_dep_that_changes_while_the_step_runs_fails_the_step(project: Path) -> None:
    text = run(project, "--dirty", "other", code=1)
    assert "a dep of shout changed while it ran" in text
    assert "Traceback" not in text
    assert not list((project / ".dvc/cache/runs").glob("*/*"))


@pytest.mark.full
def test_a_damaged_object_of_the_cache_fails_the_step_by_name(project: Path) -> None:
    run(project)
    (project / "params.yaml").write_text("sep: 2\n")
    pointer = next(
        f for f in (project / ".dvc/cache/files/md5").glob("*/*") if f.read_text() == "A\nA\n"
    )
    pointer.chmod(0o644)
    pointer.write_text("other")
    text = run(project, code=1)
    assert f"{pointer}: the content does not match the hash in the name" in text


@pytest.mark.full
def test_no_workspace_is_left_behind(project: Path) -> None:
    run(project)
    assert not list((project / ".dvc/tmp/metaflow").iterdir())
