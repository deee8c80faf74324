"""`python -m serving.tools.fetch_bundle`: tags, stages and revisions of a DVC repository."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from serving.model.model import load_model
from serving.tools.fetch_bundle import main
from tests.conftest import REPOSITORY
from tests.serving.conftest import Trained, write_bundle

PIPELINE = {
    "stages": {
        "export": {"cmd": "cp -r made models/bundle", "deps": ["made"], "outs": ["models/bundle"]}
    },
    "artifacts": {"flights": {"path": "models/bundle/model.onnx", "type": "model"}},
}


def run(root: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def repository(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of a bundle, each committed and registered; the first one is in production."""
    root = tmp_path_factory.mktemp("registry")
    dvc, gto = (str(Path(sys.executable).parent / name) for name in ("dvc", "gto"))
    run(root, "git", "init", "-q", "-b", "main")
    run(root, "git", "config", "user.email", "test@example.org")
    run(root, "git", "config", "user.name", "test")
    run(root, dvc, "init", "-q")
    (root / "dvc.yaml").write_text(yaml.safe_dump(PIPELINE))
    (root / "models").mkdir()
    for number in (1, 2):
        shutil.rmtree(root / "made", ignore_errors=True)
        write_bundle(root / "made", trained, selected=f"model {number}")
        run(root, dvc, "repro", "-q")
        run(root, "git", "add", "-A")
        run(root, "git", "commit", "-q", "-m", f"model {number}")
        run(root, gto, "register", "flights", "--version", f"v{number}.0.0")
        run(root, "git", "branch", f"first-{number}")
    run(root, gto, "assign", "flights", "--version", "v1.0.0", "--stage", "prod")
    return root


def fetch_selected(root: Path, ref: str, output: Path) -> str:
    assert main(["--repo", str(root), "--ref", ref, "-o", str(output)]) == 0
    return load_model(output).metadata.selected


@pytest.mark.parametrize(
    ("ref", "expected", "version"),
    [
        ("flights@v1.0.0", "model 1", "v1.0.0"),
        ("flights@v2.0.0", "model 2", "v2.0.0"),
        ("flights#prod", "model 1", "v1.0.0"),
        ("first-1", "model 1", None),
        ("HEAD", "model 2", None),
    ],
)
def test_a_ref_fetches_the_bundle_of_its_revision(
    repository: Path, tmp_path: Path, ref: str, expected: str, version: str | None
) -> None:
    assert fetch_selected(repository, ref, tmp_path / "out") == expected
    origin = json.loads((tmp_path / "out" / "origin.json").read_text())
    number = expected[-1]
    lock = yaml.safe_load(run(repository, "git", "show", f"first-{number}:dvc.lock"))
    assert origin == {
        "ref": ref,
        "revision": run(repository, "git", "rev-parse", f"first-{number}"),
        "md5": lock["stages"]["export"]["outs"][0]["md5"],
        "version": version,
        "stage": "prod" if "#" in ref else None,
    }
    if version:
        assert load_model(tmp_path / "out").version == version


def test_a_reassigned_stage_fetches_the_other_bundle(repository: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(repository, tmp_path / "copy"))
    gto = str(Path(sys.executable).parent / "gto")
    run(root, gto, "assign", "flights", "--version", "v2.0.0", "--stage", "prod")
    assert fetch_selected(root, "flights#prod", tmp_path / "out") == "model 2"


@pytest.mark.parametrize(
    "ref", ["flights#nowhere", "flights@v9.9.9", "other#prod", "no-such-branch"]
)
def test_an_unknown_ref_exits_with_2_and_is_named(
    repository: Path, tmp_path: Path, ref: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--repo", str(repository), "--ref", ref, "-o", str(tmp_path / "out")]) == 2
    assert ref in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_empty_ref_is_not_taken_for_head(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--repo", str(repository), "--ref", "", "-o", str(tmp_path / "out")]) == 2
    assert "the ref is empty" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_flipped_byte_in_the_cache_is_refused_and_the_old_bundle_stays(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(shutil.copytree(repository, tmp_path / "copy"))
    out = tmp_path / "out"
    assert fetch_selected(root, "flights@v1.0.0", out) == "model 1"
    wanted = (root / "models/bundle/model.onnx").stat().st_size
    cache = [f for f in (root / ".dvc/cache").rglob("*") if f.is_file()]
    (cached,) = [f for f in cache if f.stat().st_size == wanted]
    content = bytearray(cached.read_bytes())
    content[len(content) // 2] ^= 1
    cached.chmod(0o644)
    cached.write_bytes(content)
    assert main(["--repo", str(root), "--ref", "flights@v2.0.0", "-o", str(out)]) == 2
    assert "dvc.lock says" in capsys.readouterr().err
    assert load_model(out).metadata.selected == "model 1"


def test_the_command_runs(repository: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "serving.tools.fetch_bundle",
        "--repo",
        str(repository),
        "--ref",
        "main",
    ]
    done = subprocess.run(
        [*command, "-o", str(tmp_path / "out")], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "main is" in done.stdout
