"""The installer: whose DVC it takes, when it keeps files, and what it says of failures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from action.install import InstallError, find_reader, find_uv, key_of, may_cache, run
from tests.conftest import REPOSITORY

LOCK = REPOSITORY / "action" / "requirements.lock"


def test_a_named_python_with_dvc_is_used_with_its_folders() -> None:
    found = find_reader(sys.executable)
    assert found
    assert found["dvc"].startswith("3.")
    assert any(folder.endswith("site-packages") for folder in found["folders"])


def test_files_of_the_repository_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("dvc", "json", "site", "importlib"):
        (tmp_path / f"{name}.py").write_text("open('imported', 'w')\n")
    monkeypatch.chdir(tmp_path)
    assert find_reader(sys.executable)
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize("named", ["/no/such/python", "false", "$(touch pwned)", "-c"])
def test_a_named_python_that_cannot_be_used_is_refused(named: str) -> None:
    with pytest.raises(InstallError, match="python is"):
        find_reader(named)


def test_without_a_python_with_dvc_there_is_no_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_reader("") is None


@pytest.mark.parametrize(
    ("variables", "kept"),
    [
        ({}, True),
        ({"GITHUB_EVENT_NAME": "pull_request"}, True),
        ({"GITHUB_EVENT_NAME": "pull_request_target"}, False),
        ({"GITHUB_EVENT_NAME": "workflow_run"}, False),
        ({"GITHUB_EVENT_NAME": "release"}, False),
        ({"GITHUB_EVENT_NAME": "push", "GITHUB_REF_TYPE": "tag"}, False),
        ({"GITHUB_REF_TYPE": "tag", "DVC_BRIDGE_INPUT_CACHE": "true"}, True),
        ({"DVC_BRIDGE_INPUT_CACHE": "false"}, False),
    ],
)
def test_nothing_is_kept_where_others_trust_the_result(
    variables: dict[str, str], kept: bool
) -> None:
    assert may_cache(variables) is kept


def test_another_word_for_cache_is_refused() -> None:
    with pytest.raises(InstallError, match="not one of auto, true, false"):
        may_cache({"DVC_BRIDGE_INPUT_CACHE": "yes"})


def test_the_key_changes_with_the_lock_and_with_the_dvc_of_the_reader() -> None:
    cluster = REPOSITORY / "action" / "requirements-cluster.lock"
    keys = {key_of(LOCK, None), key_of(cluster, None), key_of(LOCK, {"dvc": "3.50.0"})}
    assert len(keys) == 3
    assert key_of(LOCK, None) in keys


def test_uv_on_the_path_is_used() -> None:
    assert Path(find_uv(Path("/unused"))).name == "uv"


def test_a_failed_command_says_why_and_what_next() -> None:
    with pytest.raises(InstallError, match=r"(?s)python.* failed: .*no such thing.*fix: "):
        run([sys.executable, "-c", "raise SystemExit('no such thing')"])


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-cluster.lock"])
def test_the_locked_packages_have_hashes_and_the_versions_that_the_tests_use(name: str) -> None:
    lines = (REPOSITORY / "action" / name).read_text().splitlines()
    tested = (REPOSITORY / "requirements.lock").read_text().splitlines()
    pins = [line.split(" ")[0] for line in lines if "==" in line]
    allowed = {line.split(" ")[0] for line in tested if "==" in line}
    assert {pin for pin in pins if not pin.startswith("setuptools==")} <= allowed
    assert sum("--hash=sha256:" in line for line in lines) >= len(pins)
    assert not {"pytest", "ruff", "pandas"} & {pin.split("==")[0] for pin in pins}


def test_the_script_runs_with_old_syntax_and_the_standard_library_alone() -> None:
    script = "import ast, sys; ast.parse(open(sys.argv[1]).read(), feature_version=(3, 9))"
    file = str(REPOSITORY / "action" / "install.py")
    subprocess.run([sys.executable, "-c", script, file], check=True)
