"""`dvc-bridge doctor` finds problems and prints the command that fixes each."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from tests.support.commands import bridge, dvc
from tests.support.projects import MakeProject

STAGES = {"a": {"cmd": "echo > a", "outs": ["a"]}}


def findings(text: str) -> dict[str, tuple[str, str]]:
    """Read the table: subject -> (ok or wrong, its text)."""
    found: dict[str, tuple[str, str]] = {}
    what = ""
    for line in text.splitlines():
        if line.startswith(("ok ", "wrong ")):
            mark, what, said = line.split(maxsplit=2)
            found[what] = (mark, said)
        elif line.startswith("   "):
            found[what] = (found[what][0], f"{found[what][1]}\n{line.strip()}")
    return found


def test_where_all_is_well_it_says_of_everything_what_it_is(make_project: MakeProject) -> None:
    root = make_project(STAGES, {"dvc-bridge.yaml": "stages: {a: {mutex: gpu}}\n"})
    found = findings(bridge(root, "doctor", SHELL="/bin/sh"))
    assert {mark for mark, _ in found.values()} == {"ok"}
    assert found["DVC"][1].startswith("version 3.")
    assert found["project"][1] == str(root)
    assert found["pipeline"][1] == "1 stage in 1 file"
    assert found["settings"][1] == "dvc-bridge.yaml: mutexes gpu"
    assert str(root / ".dvc/cache") in found["cache"][1]
    assert "GB free" in found["cache"][1]
    assert found["shell"][1] == "/bin/sh"
    assert not (root / ".dvc/cache").exists()


def test_every_wrong_thing_is_found_at_once_with_its_fix(make_project: MakeProject) -> None:
    root = make_project(STAGES, {"dvc-bridge.yaml": "stages: {b: {mutex: gpu}}\nx: 1\ny: 2\n"})
    dvc(root, "config", "cache.dir", "/proc/not/writable")
    lock = os.open(root / ".dvc/tmp/lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)  # like DVC's lock
    try:
        text = bridge(root, "doctor", code=2, SHELL="/no/such/shell")
    finally:
        os.close(lock)
    found = findings(text)
    assert {what for what, (mark, _) in found.items() if mark == "wrong"} == {
        "settings",
        "cache",
        "lock",
        "shell",
    }
    assert "unknown key y" in found["settings"][1]
    assert "fix: correct dvc-bridge.yaml" in found["settings"][1]
    assert "/proc is not writable" in found["cache"][1]
    assert "fix: wait for it to end" in found["lock"][1]
    assert "fix: export SHELL=/bin/sh" in found["shell"][1]
    assert text.endswith("dvc-bridge: a run here would not work, see above\n")


def test_the_images_of_pods_are_named_with_the_dvc_that_must_be_in_them(
    make_project: MakeProject,
) -> None:
    stages = {name: {"cmd": f"echo > {name}", "outs": [name]} for name in "ab"}
    root = make_project(stages)
    file = root / "dvc-bridge.yaml"
    file.write_text("argo: {image: 'team:1'}\nstages: {b: {image: 'other:2'}}\n")
    found = findings(bridge(root, "doctor", code=2, KUBECONFIG="/nowhere"))
    dvc_here = found["DVC"][1].removeprefix("version ")
    said = f"team:1, other:2: must have dvc {dvc_here}, as here, and dvc-bridge"
    assert found["image"] == ("ok", said)
    file.write_text("argo: {secrets: s3}\nstages: {b: {image: 'other:2'}}\n")
    mark, said = findings(bridge(root, "doctor", code=2, KUBECONFIG="/nowhere"))["image"]
    assert mark == "wrong"
    assert said == "no image for the pods of a\nfix: set image: NAME in dvc-bridge.yaml"


def test_a_broken_pipeline_and_no_project_are_found(
    make_project: MakeProject, tmp_path: Path
) -> None:
    assert "is not in a DVC project" in findings(bridge(tmp_path, "doctor", code=2))["project"][1]
    root = make_project(STAGES)
    two = {"stages": {name: {"cmd": "echo", "outs": ["same"]} for name in "xy"}}
    (root / "dvc.yaml").write_text(json.dumps(two))
    found = findings(bridge(root, "doctor", code=2))
    assert found["pipeline"][0] == "wrong"
    assert "same" in found["pipeline"][1]
    assert "settings" not in found
