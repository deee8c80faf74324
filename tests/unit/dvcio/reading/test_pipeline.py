"""A project as read here equals DVC's own index, or both refuse it."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from dvc.exceptions import DvcException
from dvc.repo import Repo

from dvc_bridge.dvcio.project import find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.errors import UsageError
from dvc_bridge.planning.targets import Selection, select
from tests.support.dvc_index import index_of_dvc, index_of_ours, start

# A warning of a library that DVC uses.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")

PARAMS = """
names: [b, a, {x: 1}]
table: {us: {n: 1, out: o/us}, 'é ß': {n: 2, out: o/é}}
size: 1e3
where: sub
deep: {a: {b: [1, 2]}, flag: true}
"""
READ = {
    "foreach over lists, tables and params": """
stages:
  list: {foreach: [1, two, 3.0, true, null], do: {cmd: "echo ${item}", outs: ["l/${item}"]}}
  table:
    foreach: ${table}
    do: {cmd: "echo ${key} ${item.n}", deps: ["l"], outs: ["${item.out}"], params: [size]}
  mixed: {foreach: "${names}", do: {cmd: "echo ${item}", deps: ["${table.us.out}"]}}
""",
    "matrix, with values from params": """
stages:
  fit:
    matrix: {a: [x, y], b: "${names}", c: [{k: 1}, [2]]}
    cmd: echo ${item.a} ${key}
    outs: ["m/${key}"]
""",
    "vars of all kinds": """
vars: [a.json, more.yaml:one, {here: {name: n}}]
stages:
  one:
    vars: [{own: 5}]
    cmd: echo ${own} ${json.v} ${one} ${here.name} ${deep}
    wdir: ${where}
    deps: ["../${here.name}"]
    outs: ["${json.v}"]
""",
    "params files and forms": """
stages:
  one:
    cmd: echo
    params: [size, deep.a, more.yaml: [one, two], a.json: [], params.yaml: [names], size]
    deps: [n]
  two: {cmd: echo, params: [{params.yaml: }, size], outs: [{o: {persist: true}}]}
  three: {cmd: echo, wdir: sub, params: [{../params.yaml: [size]}, {../a.json: }]}
""",
    "outs, metrics and plots in all forms": """
stages:
  one:
    cmd: [echo 1, echo 2]
    outs: [a, {b: {cache: false}}, {c: {persist: true, push: false}, d: {desc: x}}, ./e/, f//g]
    metrics: [m.json, {n.json: {cache: false}}]
    plots: [p.csv, {q.csv: {x: a, y: b, cache: false}}, {r.csv: {y: c, persist: true}}]
metrics: [m.json]
params: [more.yaml]
plots: [p.csv, {all: {x: a, y: {q.csv: b, p.csv: c}}}]
artifacts: {model: {path: a, type: model, labels: [x], meta: {k: 1}}}
""",
    "flags, descriptions and comments": """
# a comment
stages:
  one: {cmd: echo, frozen: true, deps: [n], outs: [a], desc: text, meta: {k: [1]}}
  two: {cmd: echo, always_changed: true, deps: [a], frozen: false}
  three:
    cmd: >-
      echo a
      b
    deps: &shared [a, n]
  four: {cmd: "echo\\n\\necho", deps: *shared, always_changed: false}
""",
    "folders, parts of folders and all of a folder": """
stages:
  whole: {cmd: echo, outs: [d/e]}
  part: {cmd: echo, deps: [d/e/f/g], outs: [d/h]}
  above: {cmd: echo, deps: [d], outs: [é/ü]}
  same: {cmd: echo, deps: [./d/../d/e, é], wdir: .}
""",
    "places outside": """
stages:
  one: {cmd: echo, deps: [/etc/hosts, ../sibling, s3://bucket/x, https://host/x]}
""",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "p"
    root.mkdir()
    start(root)
    (root / "params.yaml").write_text(PARAMS)
    (root / "a.json").write_text('{"json": {"v": "out"}}')
    (root / "more.yaml").write_text("one: 1\ntwo: 2\n")
    (root / "sub").mkdir()
    (root / "n").write_text("n")
    monkeypatch.chdir(root)  # DVC's run cache works only from this folder
    return root


def assert_same(root: Path) -> None:
    assert index_of_ours(root) == index_of_dvc(root)


@pytest.mark.parametrize("text", READ.values(), ids=READ)
def test_stages_edges_and_order_are_those_of_dvc(project: Path, text: str) -> None:
    (project / "dvc.yaml").write_text(text)
    assert_same(project)


def test_several_files_data_lock_links_and_what_is_ignored(project: Path) -> None:
    stages = "stages: {make: {cmd: cp n.txt out, deps: [n.txt], outs: [out]}}\n"
    for name in ("sub", "other/é", "ignored", "z", "out/inside"):
        folder = project / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "n.txt").write_text(name)
        (folder / "dvc.yaml").write_text(stages)
    (project / "dvc.yaml").write_text(
        "stages: {all: {cmd: cat sub/out z/out > all, deps: [sub/out, z, out], outs: [all]}}"
    )
    (project / ".dvcignore").write_text("/ignored\n")
    (project / "sub/.dvcignore").write_text("dvc.lock\n")
    (project / "link").symlink_to("sub")
    (project / "nested").mkdir()
    start(project / "nested")
    (project / "nested" / "dvc.yaml").write_text(stages)
    with closing(Repo(str(project))) as repo:
        repo.add(str(project / "n"))
        repo.reproduce(all_pipelines=True)
        repo.freeze("all")
    with (project / "n.dvc").open("a") as file:
        file.write("desc: described\n")
    assert_same(project)


IN_GIT = """
stages: {one: {cmd: echo, outs: [one]}}
"""


def test_what_git_ignores_is_no_part_of_the_project(project: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    with closing(Repo(str(project))) as repo, repo.config.edit("repo") as config:
        del config["core"]["no_scm"]
    (project / ".gitignore").write_text("/sub/dvc.yaml\n/kept/\n")
    for name in ("sub", "kept", "seen"):
        (project / name).mkdir(exist_ok=True)
        (project / name / "dvc.yaml").write_text(IN_GIT)
    assert_same(project)
    with (project / ".gitignore").open("a") as file:
        file.write("dvc.lock\n")
    assert_both_refuse(project, r"^seen/dvc\.lock is ignored by git")


def assert_both_refuse(root: Path, said: str, *said_badly: type[Exception]) -> None:
    with pytest.raises((DvcException, *said_badly)):
        index_of_dvc(root)
    with pytest.raises(UsageError, match=said):
        index_of_ours(root)


REFUSED = {
    "a .dvc file with a command": (
        "x.dvc",
        "cmd: echo\nouts: [{path: x}]\n",
        r"^x\.dvc:1: .*DVC 3",
    ),
    "a field that a .dvc file has not": (
        "x.dvc",
        "outs:\n- path: x\n  metric: true\n",
        r"^x\.dvc:3: outs\.0\.metric: extra keys",
    ),
    "a .dvc file that is a list": ("x.dvc", "- a\n", r"^x\.dvc:1: "),
    "a lock file of DVC 1": ("dvc.lock", "one:\n  cmd: echo\n", r"^dvc\.lock: not .* schema"),
    "a lock entry without a command": (
        "dvc.lock",
        "schema: '2.0'\nstages:\n  one:\n    deps: []\n",
        r"^dvc\.lock:3: stages\.one\.cmd: required",
    ),
    "a field that a lock entry has not": (
        "dvc.lock",
        "schema: '2.0'\nstages:\n  one:\n    cmd: echo\n    outs:\n    - path: a\n      md: 1\n",
        r"^dvc\.lock:7: stages\.one\.outs\.0\.md: extra keys",
    ),
    "a character that YAML does not allow": (
        "dvc.yaml",
        "stages:\n  one: {cmd: echo \x00}\n",
        r"^dvc\.yaml: line 2: .*'\\x00'",
    ),
    "a setting that DVC has not": (
        ".dvc/config",
        "[core]\nno_scm = true\nglobal = true\n",
        "global",
    ),
    "an out inside of .dvc": (
        "dvc.yaml",
        "stages: {one: {cmd: echo, outs: [.dvc/tmp/x]}}\n",
        "DVC ignores its out .*/.dvc/tmp/x",
    ),
    "an out inside of .git": (
        "dvc.yaml",
        "stages: {one: {cmd: echo, wdir: sub, outs: [../.git/x]}}\n",
        "DVC ignores its out .*/.git/x",
    ),
    "a remote of an unknown kind": (
        ".dvc/config",
        "[core]\nno_scm = true\n['remote \"a\"']\nurl = foo://x\n",
        "foo://",
    ),
}


@pytest.mark.parametrize(("name", "text", "said"), REFUSED.values(), ids=REFUSED)
def test_what_dvc_refuses_is_refused_by_file_and_line(
    project: Path, name: str, text: str, said: str
) -> None:
    (project / "dvc.yaml").write_text("stages: {one: {cmd: echo, outs: [a]}}\n")
    (project / name).write_text(text)
    assert_both_refuse(project, said)


@pytest.mark.parametrize("name", ["a@b", "@", "a@", "", "1", "null", "2026-01-01", "[a]"], ids=repr)
def test_names_that_dvc_keeps_for_items_and_names_that_are_no_text_are_refused(
    project: Path, name: str
) -> None:
    quoted = f'"{name}"' if "@" in name or not name else name
    (project / "dvc.yaml").write_text(f"stages:\n  ? {quoted}\n  : {{cmd: echo, outs: [a]}}\n")
    assert_both_refuse(project, r"^dvc\.yaml:\d: ")


def test_other_names_are_taken(project: Path) -> None:
    names = [
        "a:b",
        "a/b",
        "a b",
        "-x",
        "*",
        "1",
        "a\nb",
        "#a",
        "dvc.yaml",
        "a.dvc",
        "${size}",
        "..",
    ]
    stages = {name: {"cmd": "echo", "outs": [f"o{n}"]} for n, name in enumerate(names)}
    (project / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    assert_same(project)


UNUSABLE = {
    "a path that is a number": "cmd: echo, outs: ['${size}']",
    "a dep that is a number": "cmd: echo, deps: ['${size}']",
    "settings in a list": "cmd: echo, plots: [{p.csv: [{x: a}]}]",
    "one parameter for a list": "cmd: echo, params: [{more.yaml: one}]",
}


@pytest.mark.parametrize("file", ["dvc.yaml", "dvc.lock"])
def test_a_file_that_is_nested_without_end_is_refused_by_name(project: Path, file: str) -> None:
    (project / "dvc.yaml").write_text("stages: {one: {cmd: echo, outs: [a]}}\n")
    (project / file).write_text("stages: " + "[" * 20_000)
    with pytest.raises(UsageError, match=rf"^{file} is nested too deeply"):
        index_of_ours(project)


@pytest.mark.parametrize("entry", UNUSABLE.values(), ids=UNUSABLE)
def test_what_makes_dvc_stumble_is_refused_by_stage(project: Path, entry: str) -> None:
    (project / "dvc.yaml").write_text(f"stages: {{one: {{{entry}}}}}\n")
    stumbles = (ValueError, TypeError, AttributeError)
    assert_both_refuse(project, r"^dvc\.yaml: stage one: ", *stumbles)


@pytest.mark.parametrize(
    "entry", ['cmd: "echo \\0"', 'cmd: x, deps: ["\\0"]', 'cmd: x, outs: ["\\0"]']
)
def test_a_null_character_is_refused_where_dvc_fails_while_it_runs(
    project: Path, entry: str
) -> None:
    (project / "dvc.yaml").write_text(f"stages: {{one: {{{entry}}}}}\n")
    with pytest.raises(UsageError, match=r"^dvc\.yaml: stage one: .*'.*\\x00' is not a string"):
        index_of_ours(project)


def test_a_dvc_yaml_without_stages_selects_the_whole_project(project: Path) -> None:
    (project / "dvc.yaml").write_text("metrics: [m.json]\n")
    (project / "sub" / "dvc.yaml").write_text("stages: {one: {cmd: echo 1 > a, outs: [a]}}\n")
    pipeline = read_pipeline(find_project(project))
    order = [pipeline.stages[p].address for p in select(pipeline, Selection())]
    with closing(Repo()) as repo:
        ran = [os.path.relpath(stage.path) + ":" + stage.name for stage in repo.reproduce()]
    assert order == ran == ["sub/dvc.yaml:one"]


def test_a_file_that_is_not_there_is_no_target(project: Path) -> None:
    pipeline = read_pipeline(find_project(project))
    with pytest.raises(UsageError, match=r"^there is no sub/dvc\.yaml"):
        select(pipeline, Selection(("sub/dvc.yaml",)))
