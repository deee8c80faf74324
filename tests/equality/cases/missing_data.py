"""Data that are missing, as in a fresh clone, with --allow-missing."""

from __future__ import annotations

from tests.equality.cases.graphs import diamond
from tests.equality.workbench import Case, Step, Workbench

ALLOW = ("--allow-missing",)
PULL = ("--pull",)
BOTH = ("--pull", "--allow-missing")
OUTS = ("start.txt", "left.txt", "right.txt", "joined.txt", "metrics.json", "aside.txt")
# Stages with a dep that only DVC can decide about, a folder out, a part of it as dep, and a param.
KINDS = """\
stages:
  near:
    cmd: ran near; mkdir -p near/in; cat ../elsewhere/e raw > near/in/x; echo y > near/y
    deps: [../elsewhere/e, raw]
    outs: [near]
  part:
    cmd: ran part; cat near/in/x > part
    deps: [near/in]
    params: [p]
    outs: [part]
  whole:
    cmd: ran whole; cat near/y part > whole
    deps: [near, part]
    outs: [whole: {persist: true}]
  kept:
    cmd: ran kept; cat whole > kept
    deps: [whole]
    outs: [kept]
"""
ADDED = """\
  use:
    cmd: ran use; cat added/a > use
    deps: [added/a]
    params: [p]
    outs: [use]
"""


def _as_cloned(bench: Workbench) -> None:
    bench.remove(*(out for out in OUTS if bench.has(out)), ".dvc/cache", ".dvc/tmp")


def _with_remote(bench: Workbench) -> None:
    diamond(bench)
    bench.dvc("remote", "add", "-q", "-d", "store", "../elsewhere/store")


def _pushed(bench: Workbench) -> None:
    bench.attempt("dvc", "push", "-q")  # some outs are in the remote only
    _as_cloned(bench)


def _pushed_with_runs(bench: Workbench) -> None:
    bench.attempt("dvc", "push", "-q", "--run-cache")
    _as_cloned(bench)
    bench.remove("dvc.lock")


def _lost_in_remote(bench: Workbench) -> None:
    _as_cloned(bench)
    for file in (bench.root / "../elsewhere/store").rglob("*"):
        if file.is_file() and file.read_bytes() == b"raw\nraw\n":
            file.unlink()


def _code_changed(bench: Workbench) -> None:
    bench.write({"code.sh": 'cat "$1" "$1"\n'})


def _inputs_there_again(bench: Workbench) -> None:
    params = (bench.root / "params.yaml").read_text()
    bench.write({"start.txt": "raw\n", "right.txt": f"raw\n{params}"})


def _other_content_recorded(bench: Workbench) -> None:
    text = (bench.root / "dvc.lock").read_text()
    head, out, tail = text.partition("    - path: right.txt\n")
    md5 = tail.splitlines()[1]
    assert "md5: " in md5
    bench.write({"dvc.lock": head + out + tail.replace(md5, f"      md5: {'0' * 32}", 1)})


def _out_edited(bench: Workbench) -> None:
    bench.write({"left.txt": "by hand\n"})


def _kinds(bench: Workbench) -> None:
    bench.start()
    bench.write({"dvc.yaml": KINDS, "raw": "raw\n", "params.yaml": "p: 1\n"})


def _kinds_with_remote(bench: Workbench) -> None:
    _kinds(bench)
    bench.dvc("remote", "add", "-q", "-d", "store", "../elsewhere/store")
    bench.write({"added/a": "a\n", "added/b": "b\n"})
    bench.append("dvc.yaml", ADDED)
    bench.dvc("add", "-q", "added")


def _kinds_pushed(bench: Workbench) -> None:
    bench.attempt("dvc", "push", "-q")
    outs = ("near", "part", "whole", "kept", "added", "use")
    bench.remove(*(out for out in outs if bench.has(out)), ".dvc/cache", ".dvc/tmp")


def _kinds_pushed_and_param(bench: Workbench) -> None:
    _kinds_pushed(bench)
    bench.write({"params.yaml": "p: 2\n"})


def _part_of_folder_lost(bench: Workbench) -> None:
    bench.remove(*(n for n in ("added/b", ".dvc/cache", ".dvc/tmp") if bench.has(n)))


def _frozen(bench: Workbench) -> None:
    bench.append("dvc.yaml", "    frozen: true\n")


def _kinds_as_cloned(bench: Workbench) -> None:
    bench.remove("near", "part", "whole", "kept", ".dvc/cache", ".dvc/tmp")


CASES = [
    Case(
        "missing data that are allowed",
        diamond,
        (
            Step("cold"),
            Step("a clone", _as_cloned, ALLOW),
            Step("one stage alone", argv=(*ALLOW, "-s", "join")),
            Step("a dep without its other dep", _code_changed, ALLOW, fails=True),
            Step("with its other dep", _inputs_there_again, ALLOW),
            Step("an out edited, without its object", _out_edited, ALLOW),
            Step("other content recorded", _other_content_recorded, ALLOW, fails=True),
            Step("missing data count", fails=None),
        ),
        keeps_ignores=True,
    ),
    Case(
        "missing data that are pulled",
        _with_remote,
        (
            Step("cold"),
            Step("a clone", _pushed, PULL),
            Step("nothing changed", argv=PULL),
            Step("a clone, allowed", _as_cloned, BOTH),
            Step("a change", _code_changed, BOTH),
            Step("one stage alone", _pushed, (*PULL, "-s", "join")),
            Step("by force", argv=(*PULL, "-f", "start")),
            Step("an object lost in the remote", _lost_in_remote, PULL),
            Step("results of the run cache", _pushed_with_runs, PULL),
            Step("without them", _pushed_with_runs, (*PULL, "--no-run-cache")),
        ),
    ),
    Case(
        "kinds of missing data that are pulled",
        _kinds_with_remote,
        (
            Step("cold", lambda b: b.write({"../elsewhere/e": "e\n"})),
            Step("a clone", _kinds_pushed, PULL),
            Step("parts of folders", _kinds_pushed_and_param, (*BOTH, "part", "use")),
            Step("frozen", _frozen, PULL),
            Step("a folder that is not complete", _part_of_folder_lost, PULL),
        ),
        keeps_ignores=True,
    ),
    Case(
        "missing data of stages that only dvc can decide",
        _kinds,
        (
            Step("cold", lambda b: b.write({"../elsewhere/e": "e\n"})),
            Step("frozen", _frozen),
            Step("a clone", _kinds_as_cloned, ALLOW),
            Step("a param", lambda b: b.write({"params.yaml": "p: 2\n"}), ALLOW, fails=True),
            Step("a dep", lambda b: b.write({"raw": "raw 2\n"}), ALLOW),
        ),
        keeps_ignores=True,
    ),
]
