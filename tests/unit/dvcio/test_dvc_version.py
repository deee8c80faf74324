"""Unsupported versions of DVC: an error, or for a plain run a warning and `dvc repro`."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from dvc_bridge.cli import main
from dvc_bridge.dvcio import dvc_version
from dvc_bridge.errors import VersionMismatchError
from tests.support.commands import bridge
from tests.support.projects import MakeProject

SAID = "DVC {} is installed; dvc-bridge needs 3.48 or later, below 4"


def pretend(folder: Path, version: str) -> str:
    """Return a PYTHONPATH with which the installed DVC reports another version."""
    info = folder / f"dvc-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dvc\nVersion: {version}\n")
    return str(folder)


@pytest.mark.parametrize("version", ["3.47.0", "4.0.0"])
def test_a_run_is_done_by_dvc_itself_and_all_else_is_refused(
    make_project: MakeProject, tmp_path: Path, version: str
) -> None:
    root = make_project(
        {
            "good": {"cmd": "echo > g", "outs": ["g"]},
            "bad": {"cmd": "exit 3", "outs": ["b"]},
            "after": {"cmd": "echo > a", "deps": ["b"], "outs": ["a"]},
            "last": {"cmd": "echo > l", "outs": ["l"]},
        }
    )
    path = pretend(tmp_path / "fake", version)
    refused = ("plan", "doctor", "repro --dry", "repro --verify", "repro --check-against-dvc")
    for command in refused[:: 1 if version == "4.0.0" else 4]:
        code = 2 if command == "doctor" else 4
        text = bridge(root, *command.split(), code=code, PYTHONPATH=path)
        assert SAID.format(version) in text
        assert "fix: pip install 'dvc>=3.48,<4'" in text
    assert not (root / "dvc.lock").exists()

    text = bridge(root, "repro", "good", "-j2", PYTHONPATH=path)
    said = f"dvc-bridge: {SAID.format(version)}; running plain `dvc repro` instead"
    assert text.startswith(said)
    assert "Running stage 'good':" in text
    assert "Running stage 'last':" not in text
    text = bridge(root, "repro", "-k", code=255, PYTHONPATH=path)  # dvc's own code
    assert "Running stage 'last':" in text
    assert "Running stage 'after':" not in text


def test_a_newer_dvc_is_looked_at_before_it_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dvc_version, "installed", lambda: "3.99.0")
    dvc_version.check_version()  # everything that is needed exists
    gone = ("dvc.repo", "Repo.brew", ())
    other = ("dvc.stage", "Stage.save", ("with_sugar",))
    monkeypatch.setattr(dvc_version, "NEEDED", (*dvc_version.NEEDED, gone, other))
    said = r"newer than .* and lacks dvc\.repo\.Repo\.brew, dvc\.stage\.Stage\.save\(with_sugar\)"
    with pytest.raises(VersionMismatchError, match=said):
        dvc_version.check_version()


def test_without_dvc_nothing_is_run(
    make_project: MakeProject,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def no_version(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.chdir(make_project({"a": {"cmd": "echo > a", "outs": ["a"]}}))
    monkeypatch.setattr(dvc_version, "version", no_version)
    monkeypatch.setattr(dvc_version, "find_spec", lambda _: None)
    assert main(["repro"]) == 4
    assert capsys.readouterr().err == "dvc-bridge: DVC is not installed\nfix: pip install dvc\n"
    assert not Path("a").exists()
