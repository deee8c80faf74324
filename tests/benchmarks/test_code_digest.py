"""Samples depend on the code that their toolchain runs, and on nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.comparison import code_digest
from benchmarks.comparison.code_digest import digest_common, digest_toolchain
from benchmarks.comparison.toolchain import load_toolchains
from benchmarks.comparison.workload import ROOT

TOOLCHAINS = load_toolchains()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the measured code, which the digests read instead of this repository's."""
    for folder in ("benchmarks", "dvc_bridge", "flows"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.setattr(code_digest, "ROOT", tmp_path)
    monkeypatch.setattr(code_digest, "FOLDER", tmp_path / "benchmarks" / "toolchains")
    return tmp_path


def list_changed(repository: Path, path: str) -> set[str]:
    """Return the toolchains whose digest a new line in a file changes; `common` if all samples."""

    def read() -> dict[str, str]:
        return {
            "common": digest_common(),
            **{
                name: digest_toolchain(name, runs_dvc_bridge=toolchain.runs_dvc_bridge)
                for name, toolchain in TOOLCHAINS.items()
            },
        }

    before = read()
    assert (repository / path).exists()
    with (repository / path).open("a") as file:
        file.write("\n")
    after = read()
    return {name for name, digest in after.items() if digest != before[name]}


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("benchmarks/toolchains/make/toolchain.py", {"make"}),
        ("benchmarks/toolchains/prefect/requirements.txt", {"prefect"}),
        (
            "benchmarks/toolchains/argo_by_hand/toolchain.py",
            {"argo_by_hand", "argo_by_hand_tuned"},
        ),
        ("benchmarks/comparison/work.py", {"common"}),
        ("benchmarks/comparison/supervise.py", {"common"}),
        ("flows/pipeline.py", {"common"}),
        ("benchmarks/comparison/report/page.py", set()),
        ("benchmarks/comparison/store.py", set()),
    ],
)
def test_a_change_concerns_only_what_runs_the_changed_code(
    path: str, changed: set[str], repository: Path
) -> None:
    assert list_changed(repository, path) == changed


def test_a_change_of_dvc_bridge_concerns_exactly_the_toolchains_that_run_it(
    repository: Path,
) -> None:
    changed = list_changed(repository, "dvc_bridge/local/runner.py")
    runs = {name for name in TOOLCHAINS if name.startswith(("dvc_bridge_", "metaflow_generated"))}
    assert changed == runs | {"metaflow_by_hand"}
