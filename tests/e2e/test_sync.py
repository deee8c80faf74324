"""`dvc-bridge sync` and `report` on real runs of a flow, compared with `dvc repro`."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from dvc_bridge.verify.copy_tree import copy_tree
from dvc_bridge.verify.equality import ProjectState, differences
from dvc_bridge.verify.project_state import project_state
from tests.support.commands import bridge, dvc
from tests.support.local_flow import own_store
from tests.support.projects import Start

STAGES = {
    "shout": {"cmd": "tr a-z A-Z < words > loud", "deps": ["words"], "outs": ["loud"]},
    "part": {
        "foreach": ["a", "b"],
        "do": {
            "cmd": "mkdir n/${item} && cp loud n/${item}/run && chmod +x n/${item}/run",
            "deps": ["loud"],
            "outs": ["n/${item}"],
        },
    },
    "score": {
        "cmd": "cat n/a/run n/b/run > all; echo '{\"auc\": 0.5}' > auc.json",
        "deps": ["n/a/run", "n/b"],
        "params": ["sep"],
        "outs": ["all"],
        "metrics": [{"auc.json": {"cache": False}}],
    },
}
FLOW = """
    import json
    import subprocess
    from pathlib import Path
    from metaflow import FlowSpec, Parameter, card, step
    from dvc_bridge.metaflow import begin_run, dvc_stage, workspace

    ROOT = Path(__file__).parent

    class Mini(FlowSpec):
        '''Shouts & scores.'''

        fail = Parameter("fail", default="")

        @step
        def start(self):
            self.dvc = begin_run(ROOT)
            self.next(self.shout)

        @dvc_stage(stage="shout")
        @step
        def shout(self):
            self.sh("shout")
            self.items = ["a", "b"]
            self.next(self.part, foreach="items")

        @dvc_stage(stage="part@{input}")
        @step
        def part(self):
            self.sh(f"part@{self.input}")
            self.next(self.score)

        @dvc_stage(stage="score")
        @step
        def score(self, inputs):
            self.sh("score")
            self.next(self.end)

        @card(type="dvc_run")
        @step
        def end(self):
            pass

        def sh(self, name):
            assert name != self.fail
            stages = json.loads((ROOT / "dvc.yaml").read_text())["stages"]
            group, _, item = name.partition("@")
            line = stages[group].get("do", stages[group])["cmd"].replace("${item}", item)
            subprocess.run(line, shell=True, check=True, cwd=workspace())

    if __name__ == "__main__":
        Mini()
"""
IDENTITY = ["-c", "user.name=tests", "-c", "user.email=tests@example.com"]


def git(root: Path, *args: str) -> str:
    command = ["git", *IDENTITY, *args]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def flow_run(root: Path, *args: str, code: int = 0) -> str:
    """Run the flow; return the pathspec of the run."""
    command = [sys.executable, "flow.py", "--no-pylint", "run", "--run-id-file", ".id", *args]
    own_store(root)
    env = {**os.environ, "METAFLOW_USER": "tester", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return f"Mini/{(root / '.id').read_text()}"


def sync(root: Path, *args: str, code: int = 0, **env: str) -> str:
    return bridge(root, "sync", *args, code=code, METAFLOW_USER="tester", **env)


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in git, in which no stage has ever run."""
    root = tmp_path_factory.mktemp("sync") / "project"
    root.mkdir()
    git(root, "init", "--quiet")
    dvc(root, "init", "--quiet")
    (root / "words").write_text("abba\n")
    (root / "params.yaml").write_text("sep: 1\n")
    (root / "n").mkdir()
    (root / "n/keep").touch()
    (root / "dvc.yaml").write_text(json.dumps({"stages": STAGES}))
    (root / "flow.py").write_text(textwrap.dedent(FLOW))
    (root / ".git/info/exclude").write_text(".metaflow\n.id\n")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "1")
    return root


@pytest.fixture(scope="session")
def ran(fresh: Path) -> tuple[Path, str]:
    """The same project after a run of the flow, and the run's pathspec."""
    root = fresh.with_name("ran")
    copy_tree(fresh, root)
    return root, flow_run(root)


@pytest.fixture
def project(ran: tuple[Path, str], tmp_path: Path) -> Path:
    copy_tree(ran[0], tmp_path / "project")
    return tmp_path / "project"


def commit_command(said: str) -> str:
    """Return the command that commits the results, from the output of sync."""
    (line,) = [line for line in said.splitlines() if line.startswith("to commit them: ")]
    return line.partition(": ")[2].replace("git commit", f"git {' '.join(IDENTITY)} commit")


def state(root: Path) -> ProjectState:
    """Return the project's state without Metaflow's files."""
    whole = project_state(root, root / ".dvc/cache")
    kept = {p: e for p, e in whole.workspace.items() if p.split("/")[0] not in (".metaflow", ".id")}
    return replace(whole, workspace=kept)


def same(one: Path, other: Path) -> list[str]:
    """Return the differences, also in the caches."""
    return [str(difference) for difference in differences(state(one), state(other))]


def test_after_sync_the_project_is_where_dvc_repro_leaves_it_and_git_can_commit_it(
    fresh: Path, ran: tuple[Path, str], project: Path, tmp_path: Path
) -> None:
    pathspec = ran[1]
    said = sync(project, pathspec)
    assert f"4 stages of {pathspec}: shout, part@a, part@b, score" in said
    assert "up to date" in dvc(project, "status")
    assert "nothing to do" in sync(project, pathspec)

    subprocess.run(["sh", "-c", commit_command(said)], cwd=project, check=True, capture_output=True)
    assert git(project, "status", "--porcelain") == ""
    assert git(project, "log", "-1", "--format=%(trailers:key=Metaflow-Run)").split() == [
        "Metaflow-Run:",
        pathspec,
    ]
    again = sync(project, pathspec)
    assert "nothing to do" in again
    assert "to commit" not in again
    tag = again.partition("dvc_lock:")[2][:12]
    assert git(project, "log", "--format=%s", f"--find-object={tag}") == f"Results of {pathspec}\n"

    by_dvc = tmp_path / "by_dvc"
    copy_tree(fresh, by_dvc)
    dvc(by_dvc, "repro")
    git(project, "reset", "--quiet", "--soft", "HEAD~1")
    git(project, "reset", "--quiet")
    assert same(by_dvc, project) == []


def test_after_sync_dvc_repro_has_nothing_to_do_and_what_was_removed_comes_back(
    ran: tuple[Path, str], project: Path
) -> None:
    sync(project, ran[1])
    before = state(project)
    assert "Data and pipelines are up to date" in dvc(project, "repro")
    assert differences(before, state(project)) == []
    shutil.rmtree(project / "n/a")
    (project / "all").unlink()
    assert f"1 stage of {ran[1]}: part@a\n" in sync(project, ran[1])
    assert differences(before, state(project)) == []


def test_stages_that_have_changed_since_are_refused_by_name_or_left_out(
    ran: tuple[Path, str], project: Path
) -> None:
    (project / "params.yaml").write_text("sep: 2\n")
    before = state(project)
    said = sync(project, ran[1], code=2)
    assert "score: param params.yaml:sep changed from 1 to 2" in said
    assert "--partial" in said
    assert differences(before, state(project)) == []
    said = sync(project, ran[1], "--partial")
    assert f"3 stages of {ran[1]}: shout, part@a, part@b" in said
    assert "score: not merged: " in said
    assert not (project / "all").exists()
    (project / "words").write_text("other\n")
    said = sync(project, ran[1], "--partial")
    assert "shout: not merged: dep words changed" in said


def test_a_run_of_another_revision_is_refused_unless_only_results_were_committed_since(
    ran: tuple[Path, str], project: Path
) -> None:
    (project / "README").write_text("new")
    git(project, "add", "README")
    git(project, "commit", "--quiet", "-m", "2")
    said = sync(project, ran[1], code=2)
    assert f"ran revision {git(project, 'rev-parse', 'HEAD~1')[:12]}, but HEAD is" in said
    assert "4 stages" in sync(project, ran[1], "--partial")


def test_a_run_that_failed_is_refused_with_its_open_tasks_or_taken_as_far_as_it_came(
    fresh: Path, tmp_path: Path
) -> None:
    root = tmp_path / "project"
    copy_tree(fresh, root)
    pathspec = flow_run(root, "--fail", "part@b", "--max-workers", "1", code=1)
    said = sync(root, pathspec, code=2)
    assert f"{pathspec} failed or is still running: not finished: part/" in said
    assert f"2 stages of {pathspec}: shout, part@a" in sync(root, pathspec, "--partial")
    assert (root / "n/a/run").read_text() == "ABBA\n"
    assert not (root / "n/b").exists()


@pytest.mark.parametrize(
    ("pathspec", "said"),
    [
        ("Mini", "Mini is not a run"),
        ("Mini/1/start", "Mini/1/start is not a run"),
        ("Mini/1", "runs of Mini: "),
        ("Other/1", "run Other/1 is not in the metadata"),
    ],
)
def test_a_run_that_is_not_there_is_refused_with_those_that_are(
    project: Path, pathspec: str, said: str
) -> None:
    assert said in sync(project, pathspec, code=2)


def test_another_clone_takes_a_run_from_the_remote_once_they_are_there(
    ran: tuple[Path, str], project: Path, tmp_path: Path
) -> None:
    dvc(project, "remote", "add", "--local", "-d", "store", str(tmp_path / "remote"))
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(project), str(clone))
    dvc(clone, "remote", "add", "--local", "-d", "store", str(tmp_path / "remote"))
    store = str(project)
    said = sync(clone, ran[1], code=3, METAFLOW_DATASTORE_SYSROOT_LOCAL=store)
    assert "shout: loud (md5 " in said
    assert f"on the machine that ran it, run dvc-bridge sync {ran[1]}, then the commit" in said
    assert not (clone / "dvc.lock").exists()
    command = commit_command(sync(project, ran[1]))
    subprocess.run(["sh", "-c", command], cwd=project, check=True, capture_output=True)
    dvc(project, "push")
    git(clone, "pull", "--quiet")
    assert "3 stages" in sync(clone, ran[1], METAFLOW_DATASTORE_SYSROOT_LOCAL=store)
    assert "up to date" in dvc(clone, "status")
    assert state(project).workspace == state(clone).workspace


def test_a_damaged_object_of_the_cache_is_refused_by_name_before_anything_changes(
    ran: tuple[Path, str], project: Path
) -> None:
    damaged = next(
        f for f in (project / ".dvc/cache/files/md5").glob("*/*") if f.read_text() == "ABBA\n"
    )
    damaged.chmod(0o644)
    damaged.write_text("other")
    assert f"{damaged}: the content does not match the hash in the name" in sync(
        project, ran[1], code=3
    )
    assert not (project / "dvc.lock").exists()
    assert not (project / "loud").exists()


def test_a_sync_that_was_killed_ends_well_the_second_time(
    ran: tuple[Path, str], project: Path, start: Start
) -> None:
    running = start(project, "sync", ran[1], env={"METAFLOW_USER": "tester"})
    running.until_there(project / "loud")
    running.process.send_signal(signal.SIGKILL)
    running.ended()
    sync(project, ran[1])
    assert "up to date" in dvc(project, "status")
    assert "nothing to do" in sync(project, ran[1])


def test_the_card_of_a_run_is_the_page_that_report_writes_from_any_clone(
    ran: tuple[Path, str], project: Path, tmp_path: Path
) -> None:
    (card,) = ran[0].glob(".metaflow/mf.cards/**/dvc_run*.html")
    written = bridge(project, "report", "--run", ran[1], METAFLOW_USER="tester")
    assert written == card.read_text()
    bridge(project, "report", "--run", ran[1], "-o", "page.html", METAFLOW_USER="tester")
    assert (project / "page.html").read_text() == written
    assert "Shouts &amp; scores." in written
    assert "0.5000" in written
    assert git(project, "rev-parse", "HEAD")[:12] in written
    for out in ("loud", "n/a", "n/b", "all", "auc.json"):
        assert f">{out}</bdi></th>" in written
    dispatch = re.search(r'>dispatch</th><td class="n">([^<]+)', written)
    assert dispatch
    assert dispatch[1] != "0 ms"  # Metaflow starts a process for each step


def test_the_page_of_a_run_that_failed_says_so_and_that_of_none_is_refused(
    fresh: Path, tmp_path: Path
) -> None:
    root = tmp_path / "project"
    copy_tree(fresh, root)
    pathspec = flow_run(root, "--fail", "shout", code=1)
    written = bridge(root, "report", "--run", pathspec, METAFLOW_USER="tester")
    assert "This run failed or is still running. Not finished: shout/" in written
    assert "No stage of this run has metrics" in written
    said = bridge(root, "report", "--run", "Mini/1", code=2, METAFLOW_USER="tester")
    assert "run Mini/1 is not in the metadata" in said
