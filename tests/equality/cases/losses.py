"""Data that is lost, old or renamed between runs: dvc.lock, outs, cache, stages."""

from __future__ import annotations

from tests.equality.cases.graphs import diamond
from tests.equality.workbench import Case, Step, Workbench

AFTER_LAST = (
    "  new:\n    cmd: ran new; cat joined.txt > new\n    deps: [joined.txt]\n    outs: [new]\n"
)
BEFORE = "stages:\n  zero:\n    cmd: ran zero; echo 0 > zero\n    outs: [zero]\n"


def _rename(bench: Workbench) -> None:
    bench.replace("dvc.yaml", "  left:\n", "  links:\n")


def _drop(bench: Workbench) -> None:
    bench.replace("dvc.yaml", "  aside:\n    cmd: ran aside; echo aside > aside.txt\n", "")
    bench.replace("dvc.yaml", "    outs: [aside.txt]\n", "")


def _dep_less(bench: Workbench) -> None:
    bench.replace("dvc.yaml", "deps: [start.txt, code.sh]", "deps: [start.txt]")


def _older(bench: Workbench) -> None:
    bench.copy("dvc.lock", "kept.lock")
    bench.write({"raw.txt": "raw 2\n"})


def _take_the_older(bench: Workbench) -> None:
    bench.remove("dvc.lock")
    bench.copy("kept.lock", "dvc.lock")


def _entry_gone(bench: Workbench) -> None:
    text = (bench.root / "dvc.lock").read_text()
    head, middle, tail = text.partition("  left:\n")
    kept = tail.split("\n  ")
    end = next(i for i, line in enumerate(kept) if not line.startswith(" ") and i)
    bench.write({"dvc.lock": head + "  " + "\n  ".join(kept[end:])})
    assert middle


def _old_fields(bench: Workbench) -> None:
    # As DVC 2 wrote it, without the kind of hash.
    text = (bench.root / "dvc.lock").read_text()
    bench.write(
        {"dvc.lock": text.replace("      hash: md5\n", "").replace("    - hash: md5\n", "")}
    )


def _comments(bench: Workbench) -> None:
    text = (bench.root / "dvc.lock").read_text()
    bench.write({"dvc.lock": f"# above\n{text}# below\n", "raw.txt": "raw 2\n"})


def _torn(bench: Workbench) -> None:
    bench.damage("raw\n")
    bench.remove("start.txt")


def _gone_and_lost(bench: Workbench) -> None:
    bench.lose("raw\n")
    bench.remove("start.txt")


def _run_cache_lost(bench: Workbench) -> None:
    bench.remove(".dvc/cache/runs")
    bench.write({"raw.txt": "raw\n"})


def _twins(bench: Workbench) -> None:
    bench.start()
    bench.write(
        {
            "dvc.yaml": "stages:\n"
            "  one: {cmd: ran one; sleep 0.2; echo same > one, outs: [one]}\n"
            "  two: {cmd: ran two; echo same > two, outs: [two]}\n"
            "  three: {cmd: ran three; cat two > three, deps: [two], outs: [three]}\n"
            "  four: {cmd: ran four; sleep 0.2; mkdir 4; echo part | tee 4/x > 4/y, outs: ['4']}\n"
            "  five: {cmd: ran five; mkdir 5; echo part > 5/x; echo 5 > 5/y, outs: ['5']}\n"
        }
    )


def _lasting(bench: Workbench) -> None:
    bench.start()
    bench.write(
        {
            "dvc.yaml": "stages:\n  one:\n    cmd: ran one; mkdir -p kept; echo 1 > kept/x\n"
            "    deps: [raw.txt]\n    outs: [kept: {persist: true}]\n",
            "raw.txt": "raw\n",
        }
    )


def _folder(bench: Workbench) -> None:
    bench.start()
    bench.write(
        {
            "dvc.yaml": "stages:\n  one:\n    cmd: ran one; mkdir -p made; echo 1 > made/x;"
            " echo 2 > made/y\n    deps: [raw.txt]\n    outs: [made]\n",
            "raw.txt": "raw\n",
        }
    )


def _old_fields_and_a_file_less(bench: Workbench) -> None:
    _old_fields(bench)
    bench.remove("made/x")


def _unprotected_and_an_out_less(bench: Workbench) -> None:
    for file in (bench.root / ".dvc/cache").rglob("*"):
        if file.is_file() and "runs" not in file.parts:
            file.chmod(0o644)
    bench.remove("left.txt")


def _alike(bench: Workbench) -> None:
    bench.start()
    bench.write(
        {
            "dvc.yaml": "stages:\n  one: {cmd: ran one; echo same > one, outs: [one]}\n",
            "sub/dvc.yaml": "stages:\n  two: {cmd: ran two; echo same > two, outs: [two]}\n",
        }
    )


def _lost_and_forgotten(bench: Workbench) -> None:
    bench.lose("same\n")
    bench.remove("dvc.lock")


CASES = [
    Case(
        "an object that a stage without a lock entry makes again",
        _alike,
        (Step("cold", argv=("-P",)), Step("lost", _lost_and_forgotten, ("-P",))),
        jobs=1,
    ),
    Case(
        "a folder in an entry of dvc 2",
        _folder,
        (
            Step("cold"),
            Step("a file lost", _old_fields_and_a_file_less),
            Step("nothing changed"),
        ),
    ),
    Case(
        "outs lost whose state only dvc can decide",
        diamond,
        (
            Step("cold"),
            Step("of dvc 2", _old_fields),
            Step("an out lost", lambda b: b.remove("left.txt")),
            Step("another dep", lambda b: b.write({"raw.txt": "raw 2\n"})),
            Step("of dvc 2 again", _old_fields),
            Step("the first dep", lambda b: b.write({"raw.txt": "raw\n"})),
            Step("an out of an unprotected cache lost", _unprotected_and_an_out_less),
        ),
    ),
    Case(
        "forced, a dep lost, an out that persists",
        _lasting,
        (
            Step("cold"),
            Step("dep lost", lambda b: b.remove("raw.txt", "kept"), ("-f",), fails=True),
        ),
    ),
    Case(
        "one object of several stages",
        _twins,
        (
            Step("cold"),
            Step("lost", lambda b: b.lose("same\n")),
            Step("of folders", lambda b: b.lose("part\n")),
            Step("nothing changed"),
        ),
    ),
    Case(
        "stages renamed, gone, new",
        diamond,
        (
            Step("cold"),
            Step("renamed", _rename),
            Step("renamed oddly", lambda b: b.replace("dvc.yaml", "  links:", "  le/ft é:")),
            Step("gone", _drop),
            Step("nothing changed"),
            Step("one at the end", lambda b: b.append("dvc.yaml", AFTER_LAST)),
            Step("one at the start", lambda b: b.replace("dvc.yaml", "stages:\n", BEFORE)),
            Step("another out", lambda b: b.replace("dvc.yaml", "right.txt", "rechts.txt")),
            Step("a dep less", _dep_less),
        ),
        keeps_ignores=True,
    ),
    Case(
        "dvc.lock lost or older",
        diamond,
        (
            Step("cold"),
            Step("a dep", _older),
            Step("older lock", _take_the_older),
            Step("an entry gone", _entry_gone),
            Step("lost", lambda b: b.remove("dvc.lock")),
            Step("lost, one target", lambda b: b.remove("dvc.lock"), ("left",)),
            Step("the rest"),
            Step("of dvc 2", _old_fields),
            Step("then a dep", lambda b: b.write({"raw.txt": "raw 3\n"})),
            Step("empty", lambda b: b.write({"dvc.lock": ""}), fails=True, says="dvc.lock"),
        ),
    ),
    Case(
        "comments in dvc.lock",
        diamond,
        (
            Step("cold"),
            Step("comments, the first stage", _comments, ("start",)),
            Step("the others"),
            Step("the last", lambda b: b.replace("dvc.yaml", "echo aside", "echo changed")),
        ),
    ),
    Case(
        "cache lost or damaged",
        diamond,
        (
            Step("cold"),
            Step("object lost", lambda b: b.lose("raw\n")),
            Step("object and out lost", _gone_and_lost),
            Step("object damaged", _torn),
            Step("repaired by hand", lambda b: b.write({"raw.txt": "raw 2\n"})),
            Step("runs lost", _run_cache_lost),
            Step("all lost", lambda b: b.remove(".dvc/cache")),
            Step("state lost", lambda b: b.remove(".dvc/tmp")),
        ),
        keeps_ignores=True,
    ),
]
