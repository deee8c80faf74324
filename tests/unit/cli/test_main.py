"""The command line: help, exit codes, closed pipes, and the environment of commands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import add_remote, bridge
from tests.support.projects import MakeProject

COPY = {"cmd": "cat a > b", "deps": ["a"], "outs": ["b"]}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def python(root: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)


def test_every_command_has_help_for_itself_and_for_all_it_takes(tmp_path: Path) -> None:
    whole = bridge(tmp_path, "--help")
    commands = re.findall(r"^    (\w+)(?: +\S.*)?$", whole, re.MULTILINE)
    remote = [
        "submit",
        "convert",
        "collect",
        "flow",
        "sync",
        "report",
        "status",
        "stop",
        "logs",
        "retry",
    ]
    assert commands == ["plan", "repro", "doctor", *remote, "gc", "completion", "worker"]
    for command in commands:
        text = bridge(tmp_path, command, "--help")
        assert f"usage: dvc-bridge {command}" in text
        for flag in re.findall(r"^  (-.*)$", text, re.MULTILINE):
            assert re.search(r"\S  +\S", flag) or len(flag) > 20, f"{command} {flag} has no help"
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", bridge(tmp_path, "--version"))


def test_help_imports_nothing_that_is_slow(tmp_path: Path) -> None:
    done = python(
        tmp_path,
        "import sys\nfrom dvc_bridge.cli import main\n"
        "try: main(['repro', '--help'])\nexcept SystemExit: pass\n"
        "print({m.partition('.')[0] for m in sys.modules} & {'dvc', 'metaflow', 'rich',"
        " 'psutil', 'networkx', 'pandas'})",
    )
    assert done.stdout.endswith("\nset()\n"), done.stdout + done.stderr


def test_a_plan_of_a_project_with_a_remote_does_not_import_dvc(make_project: MakeProject) -> None:
    root = make_project({"copy": COPY}, {"a": "1"})
    add_remote(root)
    # A lock entry whose md5 begins like a binary number of YAML.
    entry = "{cmd: c, outs: [{path: b, hash: md5, md5: 0b5f8d3c1a7e4926b0d1c2e3f4a5b6c7, size: 1}]}"
    (root / "dvc.lock").write_text(f"schema: '2.0'\nstages: {{copy: {entry}}}\n")
    code = (
        "import sys; from dvc_bridge.cli import main; main(['plan']); print('dvc' in sys.modules)"
    )
    done = python(root, code)
    assert done.stdout.endswith("\nFalse\n"), done.stdout + done.stderr


def test_exit_codes_are_those_of_the_documentation(
    make_project: MakeProject, tmp_path: Path
) -> None:
    root = make_project({"copy": COPY, "bad": {"cmd": "exit 7", "outs": ["never"]}}, {"a": "1"})
    bridge(root, "repro", "copy")
    assert "`exit 7` exited with 7" in bridge(root, "repro", "bad", code=1)
    for args in (("repro", "copi"), ("repro", "-j0"), ("repro", "-jx"), ("brew",), ()):
        bridge(root, *args, code=2)
    assert "did you mean copy?" in bridge(root, "repro", "copi", code=2)
    assert "x is not a number from 1 upwards" in bridge(root, "repro", "-jx", code=2)
    assert "is not in a DVC project" in bridge(tmp_path, "plan", code=2)
    # 3 is in test_verify and test_check, 4 in test_versions_refusal.
    done = python(
        root,
        "import sys, dvc_bridge.cli as cli, dvc_bridge.app.plan as plan\n"
        "plan.find_project = lambda: 1 / 0\nsys.exit(cli.main(['plan']))",
    )
    assert done.returncode == 5
    assert "ZeroDivisionError" in done.stderr
    assert done.stderr.endswith(
        "dvc-bridge: this is a bug of dvc-bridge; please report the above\n"
    )


def test_a_reader_that_goes_away_ends_no_run_and_shows_no_traceback(
    make_project: MakeProject,
) -> None:
    say = {"cmd": "echo; echo > ${item}", "outs": ["${item}"]}
    root = make_project({"say": {"foreach": ["x", "y"], "do": say}})
    reader, writer = os.pipe()
    os.close(reader)
    for command in ("--help", "plan -v", "repro -j2", "plan -f --json"):
        done = subprocess.run(
            [sys.executable, "-m", "dvc_bridge", *command.split()],
            cwd=root,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, ""), command
    os.close(writer)
    assert "2 unchanged" in bridge(root, "repro")


def test_a_name_without_letters_on_this_terminal_ends_no_run(make_project: MakeProject) -> None:
    root = make_project({"漢": {"cmd": "echo é > b", "outs": ["b"]}})
    text = bridge(root, "repro", PYTHONIOENCODING="ascii")
    assert "\\u6f22: ran" in text


@pytest.mark.parametrize("own", [{}, {"MKL_NUM_THREADS": "7"}], ids=["not set", "set"])
def test_cores_are_divided_over_the_jobs_unless_the_user_sets_thread_counts(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch, own: dict[str, str]
) -> None:
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("VECLIB_MAXIMUM_THREADS", raising=False)
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    show = " ".join(f"{name}=${name}" for name in THREADS)
    root = make_project({"show": {"cmd": f"echo {show} > threads", "outs": ["threads"]}})
    seen = {}
    for jobs in (1, 2) if own else (1, 2, 1000):
        bridge(root, "repro", "-f", f"-j{jobs}")
        words = (root / "threads").read_text().split()
        seen[jobs] = {value for _, _, value in (word.partition("=") for word in words)}
    if own:
        assert set().union(*seen.values()) == {"", "7"}
    else:
        half = max(1, len(os.sched_getaffinity(0)) // 2)
        assert seen == {1: {""}, 2: {str(half)}, 1000: {"1"}}


def test_a_command_may_call_dvc(make_project: MakeProject) -> None:
    call = f"{sys.executable} -m dvc"
    stages = {
        "copy": COPY,
        "ask": {"cmd": f"{call} status -q; {call} stage list > l", "outs": ["l"]},
        "add": {"cmd": f"echo 1 > data/x && {call} add -q data/x && touch t", "outs": ["t"]},
        "see": {"cmd": f"{call} params diff > p; echo $DVC_STAGE > s", "outs": ["p", "s"]},
    }
    root = make_project(stages, {"a": "1", "data/y": ""})
    assert "4 ran" in bridge(root, "repro", "-j3")
    assert "copy" in (root / "l").read_text()
    assert (root / "data/x.dvc").exists()
    assert (root / "s").read_text() == "see\n"


@pytest.mark.parametrize("words", ["report A/1", "sync A/1", "flow"])
def test_without_metaflow_its_commands_say_what_to_install(
    make_project: MakeProject, words: str
) -> None:
    block = (
        "import sys\nclass Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'metaflow':\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Missing())\nfrom dvc_bridge.cli import main\n"
    )
    done = python(make_project({}), f"{block}sys.exit(main({words.split()}))")
    assert done.returncode == 2, done.stderr
    assert done.stderr == (
        "dvc-bridge: Metaflow is not installed\nfix: pip install 'dvc-bridge[metaflow]'\n"
    )


@pytest.mark.parametrize(
    ("target", "own_code", "code"),
    [("pipe", 10, 10), ("pipe", 0, 0), ("/dev/full", 10, 10), ("/dev/full", 0, 2)],
)
def test_output_that_is_lost_at_the_end_does_not_change_an_exit_code_to_success(
    tmp_path: Path, target: str, own_code: int, code: int
) -> None:
    program = (
        f"import sys\nfrom dvc_bridge import cli\ncli._run = lambda argv: print(1) or {own_code}\n"
        "sys.exit(cli.main([]))"
    )
    if target == "pipe":
        reading, writing = os.pipe()
        os.close(reading)
    else:
        writing = os.open(target, os.O_WRONLY)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
        stdout=writing,
        stderr=subprocess.PIPE,
    )
    os.close(writing)
    assert done.returncode == code, done.stderr
    assert (b"standard output: No space left" in done.stderr) == (code == 2)
    assert b"Traceback" not in done.stderr
